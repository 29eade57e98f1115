import type { SimResult } from '../world/sim-options.ts';
import { World } from '../world/world.ts';
import { nodesOf, type RunOptions, worldOptions } from './options.ts';

/** What is told of one seed; plain data, so that it can come from another process. */
export interface Outcome {
  readonly seed: number;
  readonly nodes: number;
  readonly heights: number;
  readonly txs: number;
  readonly maxRound: number;
  readonly virtualSeconds: number;
  readonly slowestHealMs: number;
  readonly slowestHealRounds: number;
  /** Decided heights by the round of their decision. */
  readonly rounds: readonly number[];
  readonly counts: readonly (readonly [name: string, count: number])[];
  readonly traceHash: string;
  readonly cpuSeconds: number;
  readonly wallSeconds: number;
  /** What went wrong, with its stack. */
  readonly failure: string | undefined;
  /** The end of the trace of a failed run. */
  readonly tail: readonly string[];
}

export async function runSeed(run: RunOptions, seed: number, sink?: (line: string) => void): Promise<Outcome> {
  const startedMs = performance.now();
  const cpu = process.cpuUsage();
  const result = await new World(worldOptions(run, seed, sink)).run();
  const { user, system } = process.cpuUsage(cpu);
  return outcomeOf(result, nodesOf(run, seed), (user + system) / 1e6, (performance.now() - startedMs) / 1000);
}

function outcomeOf(result: SimResult, nodes: number, cpuSeconds: number, wallSeconds: number): Outcome {
  const { seed, heights, txs, maxRound, virtualSeconds, slowestHealMs, traceHash, failure, tail } = result;
  return {
    seed,
    nodes,
    heights,
    txs,
    maxRound,
    virtualSeconds,
    slowestHealMs,
    slowestHealRounds: result.slowestHealRounds,
    rounds: result.rounds,
    counts: [...result.coverage, ...prefixed('deed', result.deeds), ...prefixed('punished', result.punishments)],
    traceHash,
    cpuSeconds,
    wallSeconds,
    failure: failure === undefined ? undefined : (failure.stack ?? failure.message),
    tail: failure === undefined ? [] : tail,
  };
}

function prefixed(what: string, counts: ReadonlyMap<string, number>): (readonly [string, number])[] {
  return [...counts].map(([name, count]) => [`${what} ${name}`, count] as const);
}

/** Of a seed whose process ended before its run did. */
export function lostOutcome(run: RunOptions, seed: number, reason: string, wallSeconds: number): Outcome {
  return {
    seed,
    nodes: nodesOf(run, seed),
    heights: 0,
    txs: 0,
    maxRound: 0,
    virtualSeconds: 0,
    slowestHealMs: 0,
    slowestHealRounds: 0,
    rounds: [],
    counts: [],
    traceHash: '',
    cpuSeconds: 0,
    wallSeconds,
    failure: reason,
    tail: [],
  };
}

/** One line that an eye can follow down a column. */
export function outcomeLine({ seed, nodes, failure, ...outcome }: Outcome): string {
  const pace = outcome.heights / Math.max(outcome.cpuSeconds, 0.001);
  return [
    `seed ${String(seed).padStart(6)}`,
    failure === undefined ? 'ok    ' : 'FAILED',
    `n ${String(nodes).padStart(2)}`,
    `${String(outcome.heights).padStart(5)} heights`,
    `${String(outcome.txs).padStart(5)} txs`,
    `round ${String(outcome.maxRound).padStart(2)}`,
    `heal ${String(outcome.slowestHealRounds).padStart(2)} rounds ${(outcome.slowestHealMs / 1000).toFixed(1).padStart(5)} s`,
    `${outcome.virtualSeconds.toFixed(0).padStart(5)} s in ${outcome.wallSeconds.toFixed(1).padStart(5)} s`,
    `${pace.toFixed(0).padStart(4)} heights/s`,
  ].join('  ');
}
