import type { Clock, Timer } from '#ports/clock.ts';

const NANOSECONDS_PER_MILLISECOND = 1_000_000n;

/** The machine's clocks: the wall clock follows its adjustments, delays run on the monotonic one. */
export class RealClock implements Clock {
  now(): bigint {
    return BigInt(Date.now()) * NANOSECONDS_PER_MILLISECOND;
  }

  monotonicMs(): number {
    return performance.now();
  }

  setTimer(delayMs: number, fire: () => void): Timer {
    const handle = setTimeout(fire, delayMs);
    return { cancel: () => clearTimeout(handle) };
  }

  yield(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve));
  }
}
