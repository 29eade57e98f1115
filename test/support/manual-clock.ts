import type { Clock, Timer } from '#ports/clock.ts';

interface Armed {
  readonly dueMs: number;
  readonly order: number;
  readonly fire: () => void;
}

/** A clock that moves only when a test says so. Yields are held until `step` or `drain` lets them go on. */
export class ManualClock implements Clock {
  private elapsedMs = 0;
  private order = 0;
  private yields: (() => void)[] = [];
  private readonly timers = new Set<Armed>();

  now(): bigint {
    return 1_700_000_000_000_000_000n + BigInt(Math.round(this.elapsedMs * 1e6));
  }

  monotonicMs(): number {
    return this.elapsedMs;
  }

  setTimer(delayMs: number, fire: () => void): Timer {
    const timer: Armed = { dueMs: this.elapsedMs + delayMs, order: this.order++, fire };
    this.timers.add(timer);
    return { cancel: () => void this.timers.delete(timer) };
  }

  yield(): Promise<void> {
    return new Promise((resolve) => void this.yields.push(resolve));
  }

  /** Moves time without firing anything, as long work does. */
  spend(ms: number): void {
    this.elapsedMs += ms;
  }

  /** Moves time and fires what is due, in order. */
  advance(ms: number): void {
    const endMs = this.elapsedMs + ms;
    for (;;) {
      const due = [...this.timers].filter((timer) => timer.dueMs <= endMs);
      due.sort((a, b) => a.dueMs - b.dueMs || a.order - b.order);
      const next = due[0];
      if (next === undefined) break;
      this.timers.delete(next);
      this.elapsedMs = Math.max(this.elapsedMs, next.dueMs);
      next.fire();
    }
    this.elapsedMs = endMs;
  }

  /** Lets everything that yielded so far go on, and runs the microtasks that follow. False: nothing had yielded. */
  async step(): Promise<boolean> {
    await settleMicrotasks();
    const held = this.yields;
    this.yields = [];
    for (const resume of held) resume();
    await settleMicrotasks();
    return held.length > 0;
  }

  /** Steps until nothing yields any more. */
  async drain(): Promise<void> {
    while (await this.step());
  }
}

/** One turn of the real event loop: every microtask that is ready, and those that they start, run before it ends. */
function settleMicrotasks(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
