/** In place of `worker.ts`: seed 2 throws, seed 3 never comes back, all others are done at once. */
import type { Task } from '../driver/worker.ts';

process.on('message', ({ seed }: Task) => {
  if (seed === 2) throw new Error('out of something');
  if (seed === 3) for (;;);
  process.send?.({ kind: 'done', outcome: { seed } });
});

process.on('disconnect', () => process.exit(0));
