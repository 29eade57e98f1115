const MILLISECONDS_PER_SECOND = 1_000;

interface BlockTime {
  readonly height: number;
  readonly atMs: number;
}

/** When blocks came to a client, in milliseconds of `performance.now()`, and what follows for the chain's pace. */
export class BlockTimes {
  private readonly times: BlockTime[] = [];

  /** In the order in which they come. */
  add(height: number, atMs: number): void {
    this.times.push({ height, atMs });
  }

  /** Blocks a second that came after `fromMs`, up to `toMs`. */
  rate(fromMs: number, toMs: number): number {
    const count = this.times.filter(({ atMs }) => atMs > fromMs && atMs <= toMs).length;
    return (count * MILLISECONDS_PER_SECOND) / (toMs - fromMs);
  }

  /**
   * When the first block after `fromMs` came from which on, for `windowMs`, blocks come at `rate` or more. Undefined
   * while no window that is over shows it.
   */
  reaches(rate: number, fromMs: number, windowMs: number, nowMs: number): number | undefined {
    return this.times.find(({ atMs }) => {
      return atMs > fromMs && atMs + windowMs <= nowMs && this.rate(atMs, atMs + windowMs) >= rate;
    })?.atMs;
  }

  /** Milliseconds from the block before to each height, from `fromMs` on. */
  gaps(fromMs: number): Map<number, number> {
    const gaps = new Map<number, number>();
    const times = this.times.filter(({ atMs }) => atMs > fromMs).sort((a, b) => a.height - b.height);
    for (const [index, { height, atMs }] of times.entries()) {
      const before = times[index - 1];
      if (before?.height === height - 1) gaps.set(height, atMs - before.atMs);
    }
    return gaps;
  }
}
