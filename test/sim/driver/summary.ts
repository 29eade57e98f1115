import { readFile, writeFile } from 'node:fs/promises';
import { FAULTS, SOMETIMES } from '../world/coverage.ts';
import type { RunOptions } from './options.ts';
import type { Outcome } from './outcome.ts';
import { renderParts } from './summary-page.ts';

/** What is kept of one invocation with `--summary`. */
export interface PartSummary {
  readonly nodes: number | 'mix';
  readonly heightsPerSeed: number;
  readonly firstSeed: number;
  readonly seeds: number;
  readonly jobs: number;
  readonly heights: number;
  readonly txs: number;
  readonly virtualSeconds: number;
  readonly cpuSeconds: number;
  readonly wallSeconds: number;
  readonly slowestHealMs: number;
  readonly slowestHealRounds: number;
  /** Seed of the slowest heal. */
  readonly slowestHealSeed: number;
  /** Decided heights by the round of their decision. */
  readonly rounds: readonly number[];
  /** By size of the network. */
  readonly sizes: Readonly<Record<string, SizeSummary>>;
  readonly counts: Readonly<Record<string, number>>;
  /** Seeds. */
  readonly failed: readonly number[];
}

export interface SizeSummary {
  readonly seeds: number;
  readonly heights: number;
  readonly cpuSeconds: number;
}

/** Adds up the outcomes of one invocation. */
export class Part {
  seeds = 0;
  private readonly run: RunOptions;
  private readonly firstSeed: number;
  private readonly jobs: number;
  private readonly startedMs = performance.now();
  private readonly rounds: number[] = [];
  private readonly sizes = new Map<number, { seeds: number; heights: number; cpuSeconds: number }>();
  private readonly counts = new Map<string, number>();
  private readonly failed: number[] = [];
  private heights = 0;
  private txs = 0;
  private virtualSeconds = 0;
  private cpuSeconds = 0;
  private slowest = { ms: 0, rounds: 0, seed: 0 };

  constructor(run: RunOptions, firstSeed: number, jobs: number) {
    this.run = run;
    this.firstSeed = firstSeed;
    this.jobs = jobs;
  }

  add(outcome: Outcome): void {
    const { seed, nodes, heights, cpuSeconds } = outcome;
    this.seeds++;
    this.heights += heights;
    this.txs += outcome.txs;
    this.virtualSeconds += outcome.virtualSeconds;
    this.cpuSeconds += cpuSeconds;
    if (outcome.failure !== undefined) this.failed.push(seed);
    if (outcome.slowestHealMs > this.slowest.ms) this.slowest = { ...this.slowest, ms: outcome.slowestHealMs, seed };
    this.slowest.rounds = Math.max(this.slowest.rounds, outcome.slowestHealRounds);
    for (const [round, count] of outcome.rounds.entries())
      this.rounds[round] = (this.rounds[round] ?? 0) + (count ?? 0);
    for (const [name, count] of outcome.counts) this.counts.set(name, (this.counts.get(name) ?? 0) + count);
    const size = this.sizes.get(nodes) ?? { seeds: 0, heights: 0, cpuSeconds: 0 };
    this.sizes.set(nodes, {
      seeds: size.seeds + 1,
      heights: size.heights + heights,
      cpuSeconds: size.cpuSeconds + cpuSeconds,
    });
  }

  progress(seeds: number): string {
    const seconds = (performance.now() - this.startedMs) / 1000;
    const left = (seconds / this.seeds) * (seeds - this.seeds);
    return (
      `-- ${this.seeds} of ${seeds} seeds, ${this.heights} heights, ${this.failed.length} failed, ` +
      `${(this.heights / seconds).toFixed(0)} heights/s, ${left.toFixed(0)} s to go`
    );
  }

  lines(): string[] {
    const { counts, seeds, heights, failed } = this;
    const sorted = [...counts].sort(([a], [b]) => (a < b ? -1 : 1));
    const never = [...FAULTS, ...SOMETIMES].filter((name) => !counts.has(name));
    const sizes = [...this.sizes].sort(([a], [b]) => a - b);
    const paces = sizes.map(([nodes, size]) => `n ${nodes}: ${(size.heights / size.cpuSeconds).toFixed(0)}`);
    return [
      sorted.map(([name, count]) => `${name} ${count}`).join(', '),
      `never: ${never.join(', ') || 'nothing'}`,
      `heights/s and core: ${paces.join(', ')}`,
      `slowest heal ${this.slowest.rounds} rounds, ${(this.slowest.ms / 1000).toFixed(1)} s (seed ${this.slowest.seed})`,
      `${seeds} seeds, ${heights} heights, ${failed.length} failed${failed.length > 0 ? `: ${failed.join(' ')}` : ''}`,
    ];
  }

  finish(): PartSummary {
    const { run, firstSeed, seeds, jobs, heights, txs, virtualSeconds, cpuSeconds, rounds, slowest, failed } = this;
    return {
      nodes: run.nodes,
      heightsPerSeed: run.heights,
      firstSeed,
      seeds,
      jobs,
      heights,
      txs,
      virtualSeconds,
      cpuSeconds,
      wallSeconds: (performance.now() - this.startedMs) / 1000,
      slowestHealMs: slowest.ms,
      slowestHealRounds: slowest.rounds,
      slowestHealSeed: slowest.seed,
      rounds: Array.from(rounds, (count) => count ?? 0),
      sizes: Object.fromEntries(this.sizes),
      counts: Object.fromEntries([...this.counts].sort(([a], [b]) => (a < b ? -1 : 1))),
      failed,
    };
  }
}

/** A file of parts: a run of the same seeds, heights and nodes takes the place of the earlier one. */
export async function addPart(path: string, part: PartSummary): Promise<void> {
  const parts = (await readParts(path)).filter((other) => nameOf(other) !== nameOf(part));
  await writeFile(path, `${JSON.stringify([...parts, part], undefined, 1)}\n`);
}

export async function readParts(path: string): Promise<PartSummary[]> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '[]';
    throw error;
  });
  return JSON.parse(text) as PartSummary[];
}

/** Puts the tables of all parts between the markers of a page. */
export async function renderPage(summary: string, page: string): Promise<void> {
  const text = await readFile(page, 'utf8');
  await writeFile(page, renderParts(text, await readParts(summary)));
}

function nameOf({ nodes, heightsPerSeed, firstSeed, seeds }: PartSummary): string {
  return `${nodes}/${heightsPerSeed}/${firstSeed}/${seeds}`;
}
