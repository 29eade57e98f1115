import type { Table } from './report.ts';

/** One measured operation. Times are microseconds for each operation. */
export interface Figure {
  readonly what: string;
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly repetitions: number;
}

export interface Measured {
  readonly what: string;
  /** Operations in one call of `run`. */
  readonly operations: number;
  readonly repetitions: number;
  /** Not timed: makes what `run` uses up. */
  readonly prepare?: () => unknown;
  readonly run: () => unknown;
}

/** Runs until the compiler has seen the code; the figures are of a node that has been up for a while. */
const WARM_UPS = 2;
const MICROS_PER_MILLISECOND = 1_000;

export async function measure({ what, operations, repetitions, prepare, run }: Measured): Promise<Figure> {
  const times: number[] = [];
  for (let round = -WARM_UPS; round < repetitions; round++) {
    await prepare?.();
    const start = performance.now();
    const result = run();
    if (result instanceof Promise) await result;
    if (round >= 0) times.push(((performance.now() - start) * MICROS_PER_MILLISECOND) / operations);
  }
  times.sort((a, b) => a - b);
  const median = times[Math.floor(times.length / 2)] as number;
  return { what, median, min: times[0] as number, max: times.at(-1) as number, repetitions };
}

export function figuresTable(title: string, figures: readonly Figure[]): Table {
  return {
    title,
    columns: ['operation', 'median us', 'min', 'max', 'repetitions'],
    rows: figures.map(({ what, median, min, max, repetitions }) => [what, median, min, max, repetitions]),
  };
}
