import { setTimeout as delay } from 'node:timers/promises';
import { failure } from '#cli/errors.ts';
import { DEFAULT_DENOM, DEFAULT_PREFIX } from '#cli/genesis-builder.ts';
import { runLoad } from '#cli/load/engine.ts';
import type { LoadReport } from '#cli/load/load-report.ts';
import { GAS_PRICE_AMOUNT } from '#cli/network-builder.ts';
import type { BenchContext } from '../context.ts';
import type { Cell, Section, Table } from '../report.ts';
import { BenchNetwork, FUNDER, LOAD_ACCOUNTS, type NodeDisk } from './bench-network.ts';
import { GO_STACK, GO_STACK_NOTES } from './go-stack.ts';

/** Transactions a second at which latency is compared. */
const LIGHT_RATE = 100;
/** Transactions in one request at most. No request waits to be filled: at 100/s each transaction goes alone. */
const BATCH = 50;
const CONNECTIONS_PER_NODE = 4;
/** Signed ahead for each second of the saturating load; more than the machine takes. */
const SIGNED_PER_SECOND = 6_000;
/** The devnet's pace, so that idle cost is that of a devnet. */
const IDLE_INTERVAL_MS = 1_000;
const BYTES_PER_MEGABYTE = 1_000_000;

interface Durations {
  readonly fixedSeconds: number;
  readonly saturatedSeconds: number;
  readonly idleSeconds: number;
}

const FULL: Durations = { fixedSeconds: 20, saturatedSeconds: 30, idleSeconds: 10 };
const QUICK: Durations = { fixedSeconds: 5, saturatedSeconds: 8, idleSeconds: 4 };

function methodOf(window: number): string[] {
  return [
    'Four validators as processes of their own, the load generator (this process) on the same cores, all on loopback.',
    `${LOAD_ACCOUNTS} accounts in turn send MsgSend, signed before the clock starts, by broadcast_tx_sync to all four RPC ports,`,
    `${CONNECTIONS_PER_NODE} connections each; what is due while a connection waits for an answer goes together, up to ${BATCH} in a request.`,
    'Fixed rates are open loop: latency counts from the moment a transaction was due, whether or not it could leave then, to',
    'the moment the client is told of its block by a NewBlockHeader subscription on node 0 (no polling).',
    `"As fast as taken" keeps ${window} transactions on their way: its latency is that queue, not the network.`,
    'CPU is user and system time of the four processes from /proc over the whole load, idle blocks included, divided by',
    'four and by the transactions committed.',
  ];
}

interface Idle {
  readonly blocksPerSecond: number;
  /** Per node. */
  readonly cpuMillisPerSecond: number;
  readonly residentMegabytes: number;
}

async function measureIdle(context: BenchContext, network: BenchNetwork, seconds: number): Promise<Idle> {
  const [before, from] = await Promise.all([network.usage(), network.heights()]);
  const start = performance.now();
  await delay(seconds * 1_000, undefined, { signal: context.signal });
  const [after, to] = await Promise.all([network.usage(), network.heights()]);
  const elapsed = (performance.now() - start) / 1_000;
  const cpuMicros = mean(after.map(({ cpuMicros }, node) => cpuMicros - (before[node]?.cpuMicros ?? 0)));
  return {
    blocksPerSecond: ((to[0] ?? 0) - (from[0] ?? 0)) / elapsed,
    cpuMillisPerSecond: cpuMicros / 1_000 / elapsed,
    residentMegabytes: mean(after.map(({ residentBytes }) => residentBytes)) / BYTES_PER_MEGABYTE,
  };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

async function load(context: BenchContext, network: BenchNetwork, rate: number, seconds: number): Promise<LoadReport> {
  const report = await runLoad({
    nodes: network.urls,
    rate,
    durationSeconds: seconds,
    accounts: LOAD_ACCOUNTS,
    funder: FUNDER,
    prefix: DEFAULT_PREFIX,
    denom: DEFAULT_DENOM,
    gasPrice: GAS_PRICE_AMOUNT + DEFAULT_DENOM,
    pids: network.pids,
    window: context.window,
    batchSize: BATCH,
    connectionsPerNode: CONNECTIONS_PER_NODE,
    maxTransactions: SIGNED_PER_SECOND * seconds,
    progress: context.progress,
    signal: context.signal,
  });
  context.signal.throwIfAborted();
  const lost = report.offered - report.committed - report.refused;
  if (lost > 0 || report.failed > 0)
    throw failure(`${lost} transactions were lost and ${report.failed} failed: the figures mean nothing`);
  return report;
}

const LOAD_COLUMNS = [
  'load',
  'offered tx/s',
  'committed tx/s',
  'p50 ms',
  'p95',
  'p99',
  'max',
  'block interval p50 ms',
  'p95',
  'largest block',
  'CPU us/tx/node',
  'MB/node',
  'generator CPU %',
];

function loadRow(name: string, report: LoadReport): Cell[] {
  const { latency, blockInterval } = report;
  const memory = report.nodes.map(({ residentMegabytes }) => residentMegabytes);
  return [
    name,
    report.offeredPerSecond,
    report.committedPerSecond,
    latency?.p50,
    latency?.p95,
    latency?.p99,
    latency?.max,
    blockInterval?.p50,
    blockInterval?.p95,
    report.largestBlockTxs,
    report.cpuMicrosPerTxAndNode,
    `${Math.min(...memory).toFixed(0)}-${Math.max(...memory).toFixed(0)}`,
    (100 * report.generatorCpuSeconds) / report.seconds,
  ];
}

function diskTable(disks: readonly NodeDisk[], transactions: number): Table {
  return {
    title: `Disk after a clean close, ${transactions} transactions and the idle blocks between them`,
    columns: ['node', 'database MB', 'bytes/tx', 'logs and keys MB'],
    rows: disks.map(({ databaseBytes, otherBytes }, node) => [
      `validator${node}`,
      databaseBytes / BYTES_PER_MEGABYTE,
      databaseBytes / transactions,
      otherBytes / BYTES_PER_MEGABYTE,
    ]),
  };
}

function idleRow(name: string, idle: Idle): Cell[] {
  return [name, idle.blocksPerSecond, idle.cpuMillisPerSecond, idle.residentMegabytes];
}

/** Idle, the three loads, agreement, disk: on one network. */
async function measureLoads(
  context: BenchContext,
  durations: Durations,
): Promise<{ idle: Idle; tables: Table[]; notes: string[] }> {
  context.progress('starting four validators');
  const network = await BenchNetwork.start(IDLE_INTERVAL_MS);
  try {
    context.progress('idle');
    const idle = await measureIdle(context, network, durations.idleSeconds);
    const light = await load(context, network, LIGHT_RATE, durations.fixedSeconds);
    const full = await load(context, network, 0, durations.saturatedSeconds);
    const halfRate = Math.max(1, Math.round(full.committedPerSecond / 2));
    const half = await load(context, network, halfRate, durations.fixedSeconds);
    const agreement = await network.agreement();
    const transactions = light.committed + full.committed + half.committed;
    const disks = await network.stop();
    const rows = [
      loadRow(`${LIGHT_RATE}/s for ${durations.fixedSeconds} s`, light),
      loadRow(`as fast as taken for ${durations.saturatedSeconds} s`, full),
      loadRow(`half of that for ${durations.fixedSeconds} s`, half),
    ];
    const words = `All four nodes agree at height ${agreement.height}: app hash ${agreement.appHash}; no transaction was lost or failed.`;
    const loads = { title: 'Loads', columns: LOAD_COLUMNS, rows };
    return { idle, tables: [loads, GO_STACK, diskTable(disks, transactions)], notes: [words] };
  } finally {
    await network.remove();
  }
}

/** Blocks as fast as they come, all empty. */
async function measureEmptyBlocks(context: BenchContext, seconds: number): Promise<Idle> {
  context.progress('empty blocks, as fast as they come');
  const network = await BenchNetwork.start(0);
  try {
    const idle = await measureIdle(context, network, seconds);
    await network.agreement();
    return idle;
  } finally {
    await network.remove();
  }
}

export async function networkPart(context: BenchContext): Promise<Section> {
  const durations = context.quick ? QUICK : FULL;
  const { idle, tables, notes } = await measureLoads(context, durations);
  const empty = await measureEmptyBlocks(context, durations.idleSeconds);
  const idleTable: Table = {
    title: 'Without transactions',
    columns: ['pace', 'blocks/s', 'CPU ms/s/node', 'MB/node'],
    rows: [
      idleRow(`an empty block every ${IDLE_INTERVAL_MS} ms`, idle),
      idleRow('empty blocks as fast as they come', empty),
    ],
  };
  return {
    name: 'network',
    notes: [...methodOf(context.window), ...notes, ...GO_STACK_NOTES],
    tables: [...tables, idleTable],
  };
}
