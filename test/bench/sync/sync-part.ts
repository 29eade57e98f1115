import type { BenchContext } from '../context.ts';
import type { Cell, Section } from '../report.ts';
import type { ChainShape } from './made-chain.ts';
import { SyncNetwork } from './sync-network.ts';

const BYTES_PER_MEGABYTE = 1_000_000;
const MICROS_PER_SECOND = 1_000_000;

interface Measured {
  readonly what: string;
  readonly servers: number;
  readonly shape: ChainShape;
}

const TXS_PER_BLOCK = 2_000;
const FULL: readonly Measured[] = [
  { what: 'full blocks, from one node', servers: 1, shape: { blocks: 60, txsPerBlock: TXS_PER_BLOCK } },
  { what: 'full blocks, from three nodes', servers: 3, shape: { blocks: 60, txsPerBlock: TXS_PER_BLOCK } },
  { what: 'empty blocks, from one node', servers: 1, shape: { blocks: 5_000, txsPerBlock: 0 } },
];
const QUICK: readonly Measured[] = [
  { what: 'full blocks, from one node', servers: 1, shape: { blocks: 20, txsPerBlock: TXS_PER_BLOCK } },
  { what: 'empty blocks, from one node', servers: 1, shape: { blocks: 1_000, txsPerBlock: 0 } },
];

const METHOD = [
  'A chain is made in a database by the parts of the engine: transfers among 200 accounts, commits of four validators that',
  'do not run. Processes with default settings serve it; another one, with an empty home, gets it over libp2p on loopback.',
  'The clock runs from its log line "started" (connecting included) to that of the last block; then block id and app hash',
  'are compared. Every signature is checked: all of every commit, and of every transaction. CPU is user and system time of',
  'all threads from /proc, without the start of the process, with up to 0.2 s after its end.',
];

async function measure({ what, servers, shape }: Measured, context: BenchContext): Promise<Cell[]> {
  const progress = (text: string): void => context.progress(`${what}: ${text}`);
  const network = await SyncNetwork.make(servers, shape, progress);
  try {
    progress('syncing');
    const { seconds, syncingMicros, servingMicros, residentBytes } = await network.run(context.signal);
    const txs = shape.blocks * shape.txsPerBlock;
    const each = txs === 0 ? shape.blocks : txs;
    return [
      what,
      shape.blocks,
      txs,
      seconds,
      txs === 0 ? undefined : txs / seconds,
      shape.blocks / seconds,
      syncingMicros / each,
      servingMicros / each,
      syncingMicros / MICROS_PER_SECOND / seconds,
      residentBytes / BYTES_PER_MEGABYTE,
    ];
  } finally {
    await network.remove();
  }
}

/** A node that has nothing gets a chain from peers. */
export async function syncPart(context: BenchContext): Promise<Section> {
  const rows: Cell[][] = [];
  for (const measured of context.quick ? QUICK : FULL) rows.push(await measure(measured, context));
  const columns = [
    'chain',
    'blocks',
    'transactions',
    'seconds',
    'tx/s',
    'blocks/s',
    'CPU us of the syncing node, a transaction or empty block',
    'of the serving ones',
    'cores in use by the syncing node',
    'MB',
  ];
  return { name: 'sync', notes: METHOD, tables: [{ title: 'Block sync', columns, rows }] };
}
