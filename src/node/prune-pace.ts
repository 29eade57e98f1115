import type { Clock } from '#ports/clock.ts';

/**
 * A slice of who keeps up: consensus frames must not wait longer. Who is far behind takes longer ones, because the turns of
 * a busy event loop are long, and there is one slice in each.
 */
const SLICE_MIN_MS = 2;
const SLICE_MAX_MS = 8;
/** Rows that may be deleted at once by whoever has deleted none for a while. */
const ROWS_AT_ONCE = 5_000;

export interface PaceLimits {
  /** Rows deleted in a second: what LevelDB compacts away beside a chain at work. */
  readonly rowsPerSecond: number;
  /** Part of the one thread's time for who keeps up, and for who is far behind. */
  readonly shareMin: number;
  readonly shareMax: number;
}

export interface PaceComponents {
  readonly clock: Clock;
  /** While the chain is at work: the end of that. */
  readonly moreUrgent: () => Promise<void> | undefined;
}

/**
 * Lets work in the background have its share of the thread, slice by slice. Only slices are counted: not what the event
 * loop does between them, nor a write that the thread pool works on. Time that passes earns the share of it; what was
 * not used is lost beyond one long slice, so the slices are spread.
 */
export class PrunePace {
  private readonly components: PaceComponents;
  private readonly limits: PaceLimits;
  private share: number;
  private sliceMs = SLICE_MIN_MS;
  private sliceStartMs: number;
  private earnedAtMs: number;
  /** Milliseconds and rows that may be used; below zero when a slice took longer than it should. */
  private creditMs = SLICE_MIN_MS;
  private creditRows = ROWS_AT_ONCE;
  private wake: (() => void) | undefined;
  private isStopped = false;

  constructor(components: PaceComponents, limits: PaceLimits) {
    this.components = components;
    this.limits = limits;
    this.share = limits.shareMin;
    this.sliceStartMs = components.clock.monotonicMs();
    this.earnedAtMs = this.sliceStartMs;
  }

  /** How much is left over: 0 for nothing, 1 and more for as much as earns the greatest share. */
  setBehind(behind: number): void {
    const { shareMin, shareMax } = this.limits;
    const part = Math.min(1, Math.max(0, behind));
    this.earn();
    this.share = shareMin + (shareMax - shareMin) * part;
    this.sliceMs = SLICE_MIN_MS + (SLICE_MAX_MS - SLICE_MIN_MS) * part;
  }

  /** Work begins, or goes on after something that does not count. */
  begin(): void {
    this.earn();
    this.sliceStartMs = this.components.clock.monotonicMs();
  }

  /** Called often during work: a promise to wait for when the slice is over. */
  pause(): Promise<void> | undefined {
    const workedMs = this.components.clock.monotonicMs() - this.sliceStartMs;
    return workedMs < this.creditMs ? undefined : this.end();
  }

  /** Writes a batch of so many rows, which the thread pool does; gives way meanwhile, and longer when the share is used up. */
  async write(rows: number, write: () => Promise<void>): Promise<void> {
    const written = write();
    this.count();
    this.creditRows -= rows;
    await Promise.all([written, this.components.clock.yield()]);
    await this.whenEarned();
  }

  /** Whoever waits goes on at once, and nobody waits any more. */
  stop(): void {
    this.isStopped = true;
    this.wake?.();
  }

  private async end(): Promise<void> {
    this.count();
    await this.components.clock.yield();
    await this.whenEarned();
  }

  private count(): void {
    this.creditMs -= this.components.clock.monotonicMs() - this.sliceStartMs;
  }

  private async whenEarned(): Promise<void> {
    await this.components.moreUrgent();
    for (let ms = this.missingMs(); ms > 0 && !this.isStopped; ms = this.missingMs()) {
      await this.sleep(ms);
      await this.components.moreUrgent();
    }
    this.begin();
  }

  /** Time after which there is credit for a slice. */
  private missingMs(): number {
    this.earn();
    const forRows = (-this.creditRows / this.limits.rowsPerSecond) * 1_000;
    const forTime = this.creditMs < SLICE_MIN_MS ? (SLICE_MIN_MS - this.creditMs) / this.share : 0;
    // Timers fire after whole milliseconds: a little less would be waited for again and again.
    return Math.ceil(Math.max(forRows, forTime));
  }

  private earn(): void {
    const now = this.components.clock.monotonicMs();
    const passedMs = now - this.earnedAtMs;
    this.earnedAtMs = now;
    this.creditMs = Math.min(this.sliceMs, this.creditMs + passedMs * this.share);
    this.creditRows = Math.min(ROWS_AT_ONCE, this.creditRows + (passedMs * this.limits.rowsPerSecond) / 1_000);
  }

  private sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.components.clock.setTimer(ms, resolve);
      this.wake = () => {
        timer.cancel();
        resolve();
      };
    });
  }
}
