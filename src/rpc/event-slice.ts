import { setImmediate } from 'node:timers/promises';
import type { Pause } from '#util/pause.ts';

/** Longest stretch of work for subscribers: commits, votes and requests must not wait longer. */
const SLICE_MS = 2;

/** Lets the event loop run whenever a slice of work is over. May be shared: all who share it have one slice together. */
export function eventSlice(): Pause {
  let startMs = performance.now();
  const next = async (): Promise<void> => {
    await setImmediate();
    startMs = performance.now();
  };
  return () => (performance.now() - startMs < SLICE_MS ? undefined : next());
}
