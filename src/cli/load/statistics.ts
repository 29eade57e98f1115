/** Milliseconds from submission to commit, over all committed transactions. */
export interface LatencySummary {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
  readonly mean: number;
}

/** The value below which `fraction` of the samples lie (nearest rank). `sorted` ascends and is not empty. */
export function percentile(sorted: Float64Array, fraction: number): number {
  const rank = Math.max(1, Math.ceil(fraction * sorted.length));
  return sorted[rank - 1] as number;
}

/** Undefined without samples: no figure is better than a zero that looks like one. */
export function summarize(samples: Float64Array): LatencySummary | undefined {
  if (samples.length === 0) return undefined;
  const sorted = samples.slice().sort();
  const sum = sorted.reduce((total, value) => total + value, 0);
  return {
    p50: percentile(sorted, 0.5),
    p95: percentile(sorted, 0.95),
    p99: percentile(sorted, 0.99),
    max: sorted[sorted.length - 1] as number,
    mean: sum / sorted.length,
  };
}

/** Differences of neighbours: times of blocks become intervals. */
export function intervals(times: readonly number[]): Float64Array {
  return Float64Array.from(times.slice(1), (time, index) => time - (times[index] as number));
}
