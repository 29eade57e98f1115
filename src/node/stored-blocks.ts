import type { ChainState } from '#engine/chain-state.ts';
import type { Clock } from '#ports/clock.ts';
import type { KeyValue } from '#ports/key-value.ts';
import type { BlockStore } from '#storage/block-store.ts';
import { type KeptBlock, keptBlock, lastKeptBlock } from '#storage/kept-blocks.ts';
import type { Logger } from '#telemetry/logger.ts';
import type { Genesis } from '#types/genesis.ts';
import { equalBytes, toHex } from '#util/bytes.ts';
import { BizraError, MachineError } from '#util/errors.ts';
import type { OpenedChain } from './database.ts';
import { LocalChain, type LocalChainParts } from './local-chain.ts';
import type { NodePorts } from './node-ports.ts';
import type { NodeOverrides } from './overrides.ts';

/** Parts of the node's ports. */
export type StoredBlocksParts = LocalChainParts & Pick<NodePorts, 'signal' | 'onFarBehind'>;

/** Between two lines of progress. */
const PROGRESS_MS = 5_000;

/**
 * Applies again the blocks that a rollback has left above the head, before anything else happens: with them the node is
 * where it was, so that what its log and its key remember is of the height under way. Returns the chain state after
 * the last one. Where a block is damaged, peers have it. Throws `block_unfit` where one does not follow from the state.
 */
export async function applyStoredBlocks(
  parts: StoredBlocksParts,
  genesis: Genesis,
  opened: OpenedChain & { readonly blockStore: BlockStore },
  overrides: NodeOverrides,
): Promise<ChainState> {
  const { kv, clock, logger } = parts;
  const { chainState } = opened;
  const last = lastKeptBlock(kv, chainState.height);
  if (last === chainState.height) return chainState;
  const local = new LocalChain(parts, genesis, opened, overrides);
  const progress = new Progress(clock, logger, last);
  // Nobody waits for anything else.
  parts.onFarBehind?.(true);
  while (local.height < last) {
    if (parts.signal?.aborted === true) throw new BizraError('stopped', 'stopped while blocks were applied again');
    const kept = readKept(kv, local.height + 1, logger);
    if (kept === undefined) break;
    await applyAgain(local, kept, logger);
    progress.at(local.height);
  }
  parts.onFarBehind?.(false);
  logger.info('applied the blocks that were here', { from: chainState.height + 1, to: local.height });
  return local.chain.state;
}

async function applyAgain(local: LocalChain, kept: KeptBlock, logger: Logger): Promise<void> {
  const height = local.height + 1;
  await local.apply(kept).catch((error: unknown) => {
    throw namedUnfit(error, height);
  });
  const { appHash } = local.chain.state;
  if (equalBytes(appHash, kept.appHash)) return;
  // Where a faulty version was the cause, the block after this one tells; the newest has none yet.
  const hashes = { appHash: toHex(appHash), before: toHex(kept.appHash) };
  logger.warn('a block gave another app hash than before', { height, ...hashes });
}

/** Undefined, and said so, when the block cannot be read. */
function readKept(kv: KeyValue, height: number, logger: Logger): KeptBlock | undefined {
  try {
    return keptBlock(kv, height);
  } catch (error) {
    if (!(error instanceof MachineError) || error.code !== 'damaged') throw error;
    logger.error('a stored block is damaged: going on with those of peers', { height, reason: error.message });
    return undefined;
  }
}

function namedUnfit(error: unknown, height: number): unknown {
  if (!(error instanceof BizraError) || error.code !== 'block_unfit') return error;
  const message =
    `${error.message}: the blocks stored in this home do not follow from its state. ` +
    `Run \`bizra-node rollback --to ${Math.max(height - 2, 0)}\` with the version of the program that the network runs, or restore a backup`;
  return new BizraError('block_unfit', message, { cause: error });
}

/** A line every few seconds. */
class Progress {
  private readonly clock: Clock;
  private readonly logger: Logger;
  private readonly last: number;
  private toldMs: number;

  constructor(clock: Clock, logger: Logger, last: number) {
    this.clock = clock;
    this.logger = logger;
    this.last = last;
    this.toldMs = clock.monotonicMs();
  }

  at(height: number): void {
    const now = this.clock.monotonicMs();
    if (now - this.toldMs < PROGRESS_MS) return;
    this.toldMs = now;
    this.logger.info('applying the blocks that are here', { height, to: this.last });
  }
}
