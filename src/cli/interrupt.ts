import { failure } from './errors.ts';
import type { Terminal } from './terminal.ts';

/** Between two drawings of progress: work may tell of every height. */
const DRAW_MS = 100;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Runs long work that leaves something to clean up. A signal ends it at its next line of progress, by an error; the
 * second one ends the process as it always does.
 */
export async function interruptible<Result>(
  terminal: Terminal,
  work: (terminal: Terminal) => Promise<Result>,
): Promise<Result> {
  let ended: string | undefined;
  const stop = (signal: string): void => {
    ended = signal;
    release();
  };
  const release = (): void => {
    for (const signal of SIGNALS) process.off(signal, stop);
  };
  for (const signal of SIGNALS) process.on(signal, stop);
  let drawnMs = Number.NEGATIVE_INFINITY;
  const progress = (text: string): void => {
    if (ended !== undefined) throw failure(`ended by ${ended}`);
    const now = performance.now();
    if (text !== '' && now - drawnMs < DRAW_MS) return;
    drawnMs = now;
    terminal.progress(text);
  };
  try {
    return await work({ ...terminal, progress });
  } finally {
    release();
  }
}
