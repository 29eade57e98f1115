import type { Clock } from '#ports/clock.ts';
import type { Pause } from '#util/pause.ts';

/** Longest stretch of transaction work: consensus frames must not wait longer. */
const SLICE_MS = 2;

/** Lets the event loop run whenever a slice of work is over. */
export function workSlice(clock: Clock): Pause {
  let startMs = clock.monotonicMs();
  const next = async (): Promise<void> => {
    await clock.yield();
    startMs = clock.monotonicMs();
  };
  return () => (clock.monotonicMs() - startMs < SLICE_MS ? undefined : next());
}
