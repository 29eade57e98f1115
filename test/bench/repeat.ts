import type { Table } from './report.ts';

/** One measured operation, in microseconds for each. */
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
  /** `cpu` (the default): CPU time of this thread, which a busy neighbour hardly changes. `wall`: what passes. */
  readonly clock?: 'cpu' | 'wall';
  /** Not timed: makes what `run` uses up. */
  readonly prepare?: () => unknown;
  readonly run: () => unknown;
}

/** Runs until the compiler has seen the code; the figures are of a node that has been up for a while. */
const WARM_UPS = 2;
/** The kernel counts a thread's CPU time in steps of some milliseconds. */
const REPETITION_MICROS_MIN = 100_000;
const MICROS_PER_MILLISECOND = 1_000;

function wallMicros(): number {
  return performance.now() * MICROS_PER_MILLISECOND;
}

function cpuMicros(): number {
  const { user, system } = process.threadCpuUsage();
  return user + system;
}

/** Runs once or more, until the clock has moved far enough; microseconds for each operation. */
async function repeat({ operations, clock, prepare, run }: Measured): Promise<number> {
  const read = clock === 'wall' ? wallMicros : cpuMicros;
  let runs = 0;
  let micros = 0;
  let passedMicros = 0;
  do {
    await prepare?.();
    const [start, passed] = [read(), wallMicros()];
    const result = run();
    if (result instanceof Promise) await result;
    micros += read() - start;
    passedMicros += wallMicros() - passed;
    runs++;
  } while (passedMicros < REPETITION_MICROS_MIN);
  return micros / (runs * operations);
}

export async function measure(measured: Measured): Promise<Figure> {
  const { what, repetitions } = measured;
  for (let round = 0; round < WARM_UPS; round++) await repeat(measured);
  const times: number[] = [];
  for (let round = 0; round < repetitions; round++) times.push(await repeat(measured));
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
