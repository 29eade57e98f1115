/** Runs seeds for `pool.ts`, in a process of its own: one that ends takes no other seed with it. */
import type { RunOptions } from './options.ts';
import { type Outcome, runSeed } from './outcome.ts';

export interface Task {
  readonly run: RunOptions;
  readonly seed: number;
}

export type Report = { readonly kind: 'alive' } | { readonly kind: 'done'; readonly outcome: Outcome };

/** A run reports that it lives: a loop without end is told from a long run by its silence. Milliseconds. */
const ALIVE_MS = 2_000;

process.on('message', ({ run, seed }: Task) => {
  const alive = setInterval(() => tell({ kind: 'alive' }), ALIVE_MS);
  runSeed(run, seed).then(
    (outcome) => {
      clearInterval(alive);
      tell({ kind: 'done', outcome });
    },
    (error: unknown) => {
      throw error;
    },
  );
});

process.on('disconnect', () => process.exit(0));

function tell(report: Report): void {
  process.send?.(report);
}
