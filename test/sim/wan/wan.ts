import { Chance } from '../time/chance.ts';
import type { WorldControls } from '../world/sim-options.ts';
import { World } from '../world/world.ts';
import { Measure } from './measure.ts';
import { bestDecisionsMs, shortestMs } from './regions.ts';
import { WanNetwork } from './wan-network.ts';

/** Heights in which links open and nodes learn who has what, and those that are measured. */
const WARM_UP = 8;
const MEASURED = 20;
/** Links that a node of a sparse network dials. */
const DIALS = 5;
const LIMIT_MS = 300_000;

export type Topology = 'full mesh' | 'sparse';

export interface WanRun {
  readonly nodes: number;
  readonly topology: Topology;
  readonly withTxs: boolean;
}

export interface WanFigures extends WanRun {
  readonly heights: number;
  /** Links of a node, on average. */
  readonly links: number;
  /** Decisions after round 0, of all. */
  readonly lateRounds: number;
  /** From the proposal's being due, over heights and nodes: as good as it can be, and as it was. */
  readonly bestMs: Percentiles;
  readonly tookMs: Percentiles;
  /** Above what was possible for the same node and proposer. */
  readonly overMs: Percentiles;
  readonly framesPerNodeAndHeight: number;
  readonly kilobytesPerNodeAndHeight: number;
  readonly txs: number;
}

export interface Percentiles {
  readonly p50: number;
  readonly p95: number;
  readonly max: number;
}

/** One network of validators all over the world, in fair weather, for some heights. */
export async function runWan(run: WanRun, seed = 1, sink?: (line: string) => void): Promise<WanFigures> {
  const linked = links(run, seed);
  const isLinked = (a: number, b: number): boolean => linked[a]?.has(b) === true;
  const ways = shortestMs(run.nodes, isLinked);
  const best = Array.from({ length: run.nodes }, (_, proposer) => bestDecisionsMs(ways, proposer));
  const measure = new Measure();
  let network: WanNetwork | undefined;
  const world = new World({
    seed,
    nodes: run.nodes,
    heights: WARM_UP + MEASURED,
    quiet: !run.withTxs,
    changing: false,
    byzantine: [],
    network: (parts) => {
      network = new WanNetwork(parts, isLinked);
      return network;
    },
    script: (controls) => live(controls, measure),
    ...(sink === undefined ? {} : { sink }),
  });
  const { failure, heights, txs } = await world.run();
  if (failure !== undefined) throw failure;
  if (heights < WARM_UP + MEASURED) throw new Error(`only ${heights} heights in ${LIMIT_MS} ms`);
  const all = measure.latencies(WARM_UP + 1, (proposer) => best[proposer] as number[]);
  const shared = run.nodes * heights;
  return {
    ...run,
    heights: heights - WARM_UP,
    links: linked.reduce((sum, { size }) => sum + size, 0) / run.nodes,
    lateRounds: all.filter(({ round }) => round > 0).length / Math.max(1, all.length),
    bestMs: percentiles(all.map((one) => one.best)),
    tookMs: percentiles(all.map(({ ms }) => ms)),
    overMs: percentiles(all.map((one) => one.ms - one.best)),
    framesPerNodeAndHeight: (network?.delivered ?? 0) / shared,
    kilobytesPerNodeAndHeight: (network?.bytes ?? 0) / shared / 1024,
    txs,
  };
}

async function live({ machines, scheduler, runUntil }: WorldControls, measure: Measure): Promise<void> {
  for (const machine of machines) machine.boot();
  if (!(await runUntil(LIMIT_MS, () => machines.every(({ node }) => node !== undefined)))) return;
  for (const machine of machines) measure.watch(machine, scheduler);
  await runUntil(LIMIT_MS, () => machines.every(({ height }) => height >= WARM_UP + MEASURED));
}

/** Who has a link to whom. A sparse network is one ring, so that it hangs together, and links by chance. */
function links({ nodes, topology }: WanRun, seed: number): Set<number>[] {
  const all = Array.from({ length: nodes }, (_, index) => index);
  if (topology === 'full mesh') return all.map((node) => new Set(all.filter((other) => other !== node)));
  const chance = new Chance(seed);
  const linked = all.map(() => new Set<number>());
  const link = (a: number, b: number): void => {
    if (a === b) return;
    linked[a]?.add(b);
    linked[b]?.add(a);
  };
  for (const node of all) {
    link(node, (node + 1) % nodes);
    for (let dial = 1; dial < DIALS; dial++) link(node, chance.below(nodes));
  }
  return linked;
}

function percentiles(values: readonly number[]): Percentiles {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
  return { p50: at(0.5), p95: at(0.95), max: sorted.at(-1) ?? 0 };
}

export const WAN_HEADER = [
  '| validators | links | transactions | best p50 / p95 / max | took p50 / p95 / max | above best p50 / p95 / max | later rounds | frames a node and height | KiB |',
  '|--|--|--|--|--|--|--|--|--|',
];

export function wanRow(figures: WanFigures): string {
  const { nodes, topology, withTxs, links: degree, bestMs, tookMs, overMs, lateRounds } = figures;
  const three = ({ p50, p95, max }: Percentiles): string => [p50, p95, max].map((ms) => ms.toFixed(0)).join(' / ');
  const cells = [
    nodes,
    `${topology}, ${degree.toFixed(0)}`,
    withTxs ? figures.txs : 'none',
    three(bestMs),
    three(tookMs),
    three(overMs),
    `${(lateRounds * 100).toFixed(0)} %`,
    figures.framesPerNodeAndHeight.toFixed(0),
    figures.kilobytesPerNodeAndHeight.toFixed(0),
  ];
  return `| ${cells.join(' | ')} |`;
}

/** `npm run sim -- --wan N`: milliseconds, printed as a Markdown table. */
export async function printWan(text: string | undefined, print: (line: string) => void): Promise<void> {
  const nodes = Number(text);
  if (!Number.isSafeInteger(nodes) || nodes < 1) throw new Error(`--wan ${text}: expected a number of validators`);
  for (const line of WAN_HEADER) print(line);
  const topologies: readonly Topology[] = nodes > 10 ? ['full mesh', 'sparse'] : ['full mesh'];
  for (const topology of topologies)
    for (const withTxs of [false, true]) print(wanRow(await runWan({ nodes, topology, withTxs })));
}
