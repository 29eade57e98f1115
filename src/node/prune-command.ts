import { readFile } from 'node:fs/promises';
import { readChainState } from '#engine/chain-store.ts';
import { Indexer } from '#indexer/indexer.ts';
import { readHead } from '#state/load.ts';
import { UndoPruner } from '#state/undo-pruner.ts';
import { BlockStore } from '#storage/block-store.ts';
import { parseLogLevels } from '#telemetry/log-levels.ts';
import { createLogger } from '#telemetry/logger.ts';
import { parseGenesis } from '#types/genesis.ts';
import { formatTime } from '#types/time.ts';
import { BizraError } from '#util/errors.ts';
import type { AdminArgs, AdminServer } from './admin.ts';
import type { Node } from './node.ts';
import { lowestNeeded } from './prune-limits.ts';
import { Pruning, type PruningOptions } from './pruning.ts';
import { RealClock } from './real-clock.ts';
import type { NodeSettings } from './settings.ts';
import { openSnapshotStore } from './snapshot-wiring.ts';
import type { NodePaths } from './start.ts';
import { withDatabase } from './stopped-home.ts';

/** What a command may ask for in the place of the home's settings. */
export interface PruneRequest {
  readonly retainBlocks?: number | undefined;
  readonly undoHeights?: number | undefined;
}

/** What is kept after it, as the command prints it. */
export interface PruneFields {
  /** Rows deleted. */
  readonly rows: number;
  /** First height with its block, with its header, with its state. */
  readonly block_base: number;
  readonly header_base: number;
  readonly state_base: number;
  readonly head: number;
}

type OnProgress = (progress: Readonly<Record<string, unknown>>) => void;
type Paths = Pick<NodePaths, 'dataDirectory' | 'privValidatorKeyFile' | 'genesisFile'>;

/** The running node prunes now, all that its limits, or those of the request, do not keep. */
export function handlePrune(admin: AdminServer, { pruning, blockStore, state }: Node): void {
  let isBusy = false;
  admin.handle('prune', async (args, onProgress, signal) => {
    const options = optionsOf(pruning.limits, requestIn(args));
    if (isBusy) throw new BizraError('admin_busy', 'this node is being pruned already: wait for that');
    isBusy = true;
    try {
      const { rows } = await pruning.prune(options, (done) => onProgress({ ...done }), signal);
      return fieldsOf(rows, blockStore, state.pruning);
    } finally {
      isBusy = false;
    }
  });
}

/** The same on a home on which no node runs. Throws 'node_running' and 'no_database'. */
export async function pruneStopped(
  paths: Paths,
  { storage, logLevel }: Pick<NodeSettings, 'storage' | 'logLevel'>,
  request: PruneRequest,
  onProgress: OnProgress,
): Promise<PruneFields> {
  const options = optionsOf(storage, request);
  const { chainId } = parseGenesis(await readFile(paths.genesisFile, 'utf8'));
  return withDatabase(paths, async (kv) => {
    const chainState = readChainState(kv);
    if (chainState?.chainId !== chainId)
      throw new BizraError('chain_missing', `the database holds no chain ${chainId}: nothing to prune`);
    const clock = new RealClock();
    const sink = (line: string): void => void process.stderr.write(`${line}\n`);
    const timestamp = (): string => formatTime(clock.now());
    const logger = createLogger({ sink, timestamp }, { format: 'text', levels: parseLogLevels(logLevel) }, 'pruning');
    const blockStore = await BlockStore.open(kv);
    const undo = new UndoPruner(kv, readHead(kv).height);
    const reader = { base: () => blockStore.base, head: () => blockStore.head, results: async () => undefined };
    const snapshots = await openSnapshotStore(paths.dataDirectory, logger);
    const pruning = new Pruning(
      {
        kv,
        undo,
        blockStore,
        indexer: new Indexer({ kv, reader }),
        clock,
        logger,
        chainState: () => chainState,
        neededFrom: () => lowestNeeded(snapshots),
        moreUrgent: () => undefined,
        writing: () => undefined,
        onFatal: () => undefined,
      },
      options,
    );
    const { rows } = await pruning.prune(options, (done) => onProgress({ ...done }));
    return fieldsOf(rows, blockStore, undo);
  });
}

function optionsOf(limits: PruningOptions, { retainBlocks, undoHeights }: PruneRequest): PruningOptions {
  if (limits.archive) {
    throw new BizraError(
      'archive_home',
      'this home is an archive, which keeps everything: set archive = false under [storage] in config.toml first',
    );
  }
  return {
    ...limits,
    retainBlocks: retainBlocks ?? limits.retainBlocks,
    undoHeights: undoHeights ?? limits.undoHeights,
  };
}

function requestIn(args: AdminArgs): PruneRequest {
  return { retainBlocks: numberIn(args, 'retainBlocks'), undoHeights: numberIn(args, 'undoHeights') };
}

function numberIn(args: AdminArgs, name: string): number | undefined {
  const value = args[name];
  if (value === undefined) return undefined;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw new BizraError('admin_bad_request', `the argument ${name} is not a whole number`);
}

function fieldsOf(rows: number, { base, headerBase, head }: BlockStore, undo: UndoPruner): PruneFields {
  return { rows, block_base: base, header_base: headerBase, state_base: undo.base, head };
}
