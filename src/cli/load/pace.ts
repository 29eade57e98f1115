/**
 * When the transactions of a fixed rate are due: an open loop, which no answer of a node slows down. What should have
 * left during a stall is due in the past and counts from then; else a stall would hide the latency that it causes.
 * Times are milliseconds since the start.
 */
export class Pace {
  private readonly intervalMs: number;

  /** `ratePerSecond` is above 0. */
  constructor(ratePerSecond: number) {
    this.intervalMs = 1_000 / ratePerSecond;
  }

  /** Transactions that are due by now, the first of them at the start. */
  dueCount(elapsedMs: number): number {
    return Math.floor(elapsedMs / this.intervalMs) + 1;
  }

  /** When transaction `index` is due. */
  dueMs(index: number): number {
    return index * this.intervalMs;
  }
}
