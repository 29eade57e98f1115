import { monitorEventLoopDelay } from 'node:perf_hooks';

const MICROS_PER_MILLI = 1e3;
const NANOS_PER_MILLI = 1e6;

export interface Elapsed {
  readonly ms: number;
  /** CPU time of the thread that ran it, and of the whole process: LevelDB works on other threads. */
  readonly cpuMs: number;
  readonly processCpuMs: number;
  /** The longest time between two turns of the event loop, beyond the millisecond at which it is looked at. */
  readonly stepMs: number;
}

/** The result stands apart, so that figures do not keep it alive. */
export async function timed<T>(work: () => Promise<T>): Promise<readonly [T, Elapsed]> {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  const [process0, thread0, start] = [process.cpuUsage(), process.threadCpuUsage(), performance.now()];
  delay.enable();
  const result = await work();
  const ms = performance.now() - start;
  delay.disable();
  const [all, thread] = [process.cpuUsage(process0), process.threadCpuUsage(thread0)];
  const elapsed = {
    ms,
    cpuMs: (thread.user + thread.system) / MICROS_PER_MILLI,
    processCpuMs: (all.user + all.system) / MICROS_PER_MILLI,
    stepMs: Math.max(0, delay.max / NANOS_PER_MILLI - 1),
  };
  return [result, elapsed];
}

/** The middle one by `by`. */
export function median<T>(all: readonly T[], by: (one: T) => number): T {
  return [...all].sort((a, b) => by(a) - by(b))[Math.floor(all.length / 2)] as T;
}
