import { setTimeout as delay } from 'node:timers/promises';
import { failure } from '#cli/errors.ts';
import { DEFAULT_DENOM, DEFAULT_PREFIX } from '#cli/genesis-builder.ts';
import { runLoad } from '#cli/load/engine.ts';
import { GAS_PRICE_AMOUNT } from '#cli/network-builder.ts';
import type { BenchContext } from '../context.ts';
import type { Cell, Section } from '../report.ts';
import { BenchNetwork, FUNDER, LOAD_ACCOUNTS, type NodeDisk } from './bench-network.ts';

/** One keeps everything; the other only so many blocks and past states. */
const VALIDATORS = 2;
const PRUNING_NODE = 1;
const KEPT_HEIGHTS = 100;
const EMPTY_INTERVAL_MS = 1_000;
const BATCH = 50;
const CONNECTIONS_PER_NODE = 4;
/** Longest time for one sample's transactions: whatever the machine does beside. */
const SAMPLE_SECONDS = 600;
/** After the last transaction the pruner and LevelDB finish what they have begun. */
const SETTLE_MS = 10_000;
const BYTES_PER_MEGABYTE = 1_000_000;

interface Sample {
  readonly transactions: number;
  readonly height: number;
  readonly residentBytes: readonly number[];
  readonly databaseBytes: readonly number[];
}

function sampleCounts({ quick, large }: BenchContext): number[] {
  const [count, each] = quick ? [4, 5_000] : large ? [20, 50_000] : [10, 10_000];
  return new Array<number>(count).fill(each);
}

async function send(context: BenchContext, network: BenchNetwork, transactions: number): Promise<number> {
  const report = await runLoad({
    nodes: network.urls,
    rate: 0,
    durationSeconds: SAMPLE_SECONDS,
    accounts: LOAD_ACCOUNTS,
    funder: FUNDER,
    prefix: DEFAULT_PREFIX,
    denom: DEFAULT_DENOM,
    gasPrice: GAS_PRICE_AMOUNT + DEFAULT_DENOM,
    pids: network.pids,
    window: context.window,
    batchSize: BATCH,
    connectionsPerNode: CONNECTIONS_PER_NODE,
    maxTransactions: transactions,
    progress: context.progress,
    signal: context.signal,
  });
  context.signal.throwIfAborted();
  const lost = report.offered - report.committed - report.refused;
  if (lost > 0 || report.failed > 0) throw failure(`${lost} transactions were lost and ${report.failed} failed`);
  return report.committed;
}

async function sample(network: BenchNetwork, transactions: number): Promise<Sample> {
  const [usage, disks, heights] = await Promise.all([network.usage(), network.disks(), network.heights()]);
  return {
    transactions,
    height: heights[0] ?? 0,
    residentBytes: usage.map(({ residentBytes }) => residentBytes),
    databaseBytes: disks.map(({ databaseBytes }) => databaseBytes),
  };
}

/** Bytes that each transaction of the last sample has left on the disk. */
function row(now: Sample, before: Sample): Cell[] {
  const added = now.transactions - before.transactions;
  const perTx = (node: number): number =>
    ((now.databaseBytes[node] ?? 0) - (before.databaseBytes[node] ?? 0)) / Math.max(1, added);
  const megabytes = (bytes: readonly number[], node: number): number => (bytes[node] ?? 0) / BYTES_PER_MEGABYTE;
  return [
    now.transactions,
    now.height,
    megabytes(now.databaseBytes, 0),
    perTx(0),
    megabytes(now.databaseBytes, PRUNING_NODE),
    perTx(PRUNING_NODE),
    megabytes(now.residentBytes, 0),
    megabytes(now.residentBytes, PRUNING_NODE),
  ];
}

function closedRow(name: string, { databaseBytes, otherBytes }: NodeDisk, transactions: number): Cell[] {
  return [name, databaseBytes / BYTES_PER_MEGABYTE, databaseBytes / transactions, otherBytes / BYTES_PER_MEGABYTE];
}

/** Disk and memory over the transactions of a long load, of a node that keeps all and of one that prunes. */
export async function diskPart(context: BenchContext): Promise<Section> {
  context.progress(`starting ${VALIDATORS} validators`);
  const network = await BenchNetwork.start(EMPTY_INTERVAL_MS, {
    validators: VALIDATORS,
    settingsOf: (node) =>
      node === PRUNING_NODE ? { undo_heights: String(KEPT_HEIGHTS), retain_blocks: String(KEPT_HEIGHTS) } : {},
  });
  try {
    const samples = [await sample(network, 0)];
    for (const count of sampleCounts(context)) {
      const { transactions } = samples.at(-1) as Sample;
      const committed = transactions + (await send(context, network, count));
      samples.push(await sample(network, committed));
      context.progress(`${committed} transactions`);
    }
    const { transactions } = samples.at(-1) as Sample;
    await delay(SETTLE_MS, undefined, { signal: context.signal });
    await network.agreement();
    const [all, pruned] = (await network.stop()) as [NodeDisk, NodeDisk];
    const afterCommand = await network.prune(0, KEPT_HEIGHTS);
    return {
      name: 'disk',
      notes: [
        `${VALIDATORS} validators as processes of their own and the load generator on the same machine; ${LOAD_ACCOUNTS} accounts send MsgSend as fast`,
        `as they are taken. Validator 0 keeps all; validator 1 has retain_blocks = undo_heights = ${KEPT_HEIGHTS} and prunes itself beside the load.`,
        "Bytes are of all files of the database directory, idle blocks included: while it runs with LevelDB's log (up to 16 MiB), and",
        'after a clean close. Memory is VmRSS of the process. "pruned by command" is validator 0 after bizra-node prune with the same windows.',
      ],
      tables: [
        {
          title: 'While it runs',
          columns: [
            'transactions',
            'height',
            'MB, keeps all',
            'bytes/tx',
            'MB, prunes',
            'bytes/tx',
            'RSS MB, keeps all',
            'RSS MB, prunes',
          ],
          rows: samples.map((now, index) => row(now, samples[Math.max(0, index - 1)] as Sample)),
        },
        {
          title: 'After a clean close',
          columns: ['node', 'database MB', 'bytes/tx', 'logs and keys MB'],
          rows: [
            closedRow('keeps all', all, transactions),
            closedRow('prunes itself', pruned, transactions),
            closedRow('pruned by command', afterCommand, transactions),
          ],
        },
      ],
    };
  } finally {
    await network.remove();
  }
}
