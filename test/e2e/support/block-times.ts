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
   * Blocks a second from the block at `fromMs` to the first one `windowMs` or more after it. Between two blocks, and not
   * in the window itself, where the block that just misses its end would be missing. Undefined until that one came.
   */
  paceFrom(fromMs: number, windowMs: number): number | undefined {
    const last = this.times.findIndex(({ atMs }) => atMs >= fromMs + windowMs);
    const end = this.times[last];
    if (end === undefined) return undefined;
    const count = this.times.slice(0, last + 1).filter(({ atMs }) => atMs > fromMs).length;
    return (count * MILLISECONDS_PER_SECOND) / (end.atMs - fromMs);
  }

  /** The first block after `fromMs` from which on, for `windowMs`, blocks come at `pace` or more. Undefined until one is seen. */
  reaches(pace: number, fromMs: number, windowMs: number): number | undefined {
    return this.times.find(({ atMs }) => {
      return atMs > fromMs && (this.paceFrom(atMs, windowMs) ?? 0) >= pace;
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
