import type { Clock } from '#ports/clock.ts';

const WINDOW_MS = 1_000;

export interface PaceLimits {
  /** Rows deleted in a second: what LevelDB compacts away beside a chain at work. */
  readonly rowsPerSecond: number;
  /** Milliseconds of the one thread in a second. */
  readonly msPerSecond: number;
}

/** Lets work in the background have its share of each second, and no more. */
export class PrunePace {
  private readonly clock: Clock;
  private readonly limits: PaceLimits;
  /** While the chain is at work: the end of that. */
  private readonly moreUrgent: () => Promise<void> | undefined;
  private windowStartMs: number;
  private sliceStartMs: number;
  private rows = 0;
  private usedMs = 0;
  private wake: (() => void) | undefined;

  constructor(
    { clock, moreUrgent }: { readonly clock: Clock; readonly moreUrgent: () => Promise<void> | undefined },
    limits: PaceLimits,
  ) {
    this.clock = clock;
    this.moreUrgent = moreUrgent;
    this.limits = limits;
    this.windowStartMs = clock.monotonicMs();
    this.sliceStartMs = this.windowStartMs;
  }

  /** After a slice of work: gives way, and waits for the next second when this one's share is used up. */
  async spend(rows: number): Promise<void> {
    const now = this.clock.monotonicMs();
    this.rows += rows;
    this.usedMs += now - this.sliceStartMs;
    if (now - this.windowStartMs >= WINDOW_MS) this.startWindow(now);
    else if (this.rows >= this.limits.rowsPerSecond || this.usedMs >= this.limits.msPerSecond) {
      await this.sleep(WINDOW_MS - (now - this.windowStartMs));
      this.startWindow(this.clock.monotonicMs());
    }
    await this.clock.yield();
    await this.moreUrgent();
    this.sliceStartMs = this.clock.monotonicMs();
  }

  /** Whoever waits goes on at once. */
  stop(): void {
    this.wake?.();
  }

  private startWindow(now: number): void {
    this.windowStartMs = now;
    this.rows = 0;
    this.usedMs = 0;
  }

  private sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.clock.setTimer(ms, resolve);
      this.wake = () => {
        timer.cancel();
        resolve();
      };
    });
  }
}
