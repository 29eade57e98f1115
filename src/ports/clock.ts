/** A pending timer. `cancel` is idempotent; a cancelled timer never fires. */
export interface Timer {
  cancel(): void;
}

/**
 * Time as the daemon sees it. The real one is `node/real-clock.ts`; the simulator has a virtual one.
 * Nothing else in the daemon may read a clock or start a timer.
 */
export interface Clock {
  /** Wall clock in nanoseconds since 1970-01-01T00:00:00Z. May jump; used for timestamps only. */
  now(): bigint;
  /** Milliseconds from an arbitrary start; never goes back. Used for every delay and deadline. */
  monotonicMs(): number;
  /** Calls `fire` once after `delayMs` of monotonic time. */
  setTimer(delayMs: number, fire: () => void): Timer;
  /** Resolves after what the event loop already holds (socket reads included) has been handled. */
  yield(): Promise<void>;
}
