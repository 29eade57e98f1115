import { sha256 } from '#crypto/hash.ts';
import type { ChainState } from '#engine/chain-state.ts';
import { chainStateAt } from '#engine/chain-state-at.ts';
import { readChainState, writeChainState } from '#engine/chain-store.ts';
import { deleteCommitted } from '#engine/evidence-rows.ts';
import { Indexer } from '#indexer/indexer.ts';
import type { KeyValue, WriteBatch } from '#ports/key-value.ts';
import { Rewind } from '#state/rewind.ts';
import { BlockStore } from '#storage/block-store.ts';
import { putBack } from '#storage/kept-blocks.ts';
import type { Block } from '#types/block.ts';
import { BizraError, MachineError } from '#util/errors.ts';

export interface RollbackOptions {
  /** Told of each height that has become the head. */
  readonly onHeight?: (height: number) => void;
  /** Lets the event loop run; called about every millisecond of long work. */
  readonly pause?: () => Promise<void>;
}

/** Heights that the head of a database can be taken back to. */
export interface RollbackRange {
  readonly lowest: number;
  readonly head: number;
}

/**
 * Takes a database back to the state after `to`, one synced batch a height: it can be cut off at any moment and begun
 * again. Blocks and commits above `to` stay, and so does all that is not in the database: the signing record and the
 * log, so that the key signs nothing at heights at which it may have signed. Returns the heights before and after.
 * Throws `bad_height` for heights that are not kept, `chain_missing`, and what the stores throw.
 */
export async function rollback(
  kv: KeyValue,
  to: number,
  options: RollbackOptions = {},
): Promise<{ readonly from: number; readonly to: number }> {
  const chainState = readChainState(kv);
  if (chainState === undefined) throw new BizraError('chain_missing', 'the database holds no chain: nothing to undo');
  const blockStore = await BlockStore.open(kv);
  checkTarget(to, rollbackRange(kv, blockStore, chainState));
  const { height: from } = chainState;
  if (to === from) return { from, to };
  const work = new Rollback(kv, blockStore, await Rewind.open(kv, options.pause));
  for (let state = chainState; state.height > to; ) {
    state = await work.undo(state);
    options.onHeight?.(state.height);
  }
  return { from, to };
}

/** Undoing a height takes its undo rows and its whole block, and the header rows of the one before. */
export function rollbackRange(
  kv: KeyValue,
  blockStore: BlockStore,
  { height, initialHeight }: ChainState,
): RollbackRange {
  const { base, headerBase } = blockStore;
  const blocksFrom = base <= initialHeight ? initialHeight - 1 : Math.max(headerBase, base - 1);
  return { lowest: Math.min(height, Math.max(Rewind.base(kv), blocksFrom)), head: height };
}

function checkTarget(to: number, { lowest, head }: RollbackRange): void {
  if (to > head) throw new BizraError('bad_height', `height ${to} is ahead of the head ${head}: nothing to undo`);
  if (to >= lowest) return;
  throw new BizraError(
    'bad_height',
    `height ${to} is no longer kept: the lowest that this home can go back to is ${lowest} (its head is ${head})`,
  );
}

class Rollback {
  private readonly kv: KeyValue;
  private readonly blockStore: BlockStore;
  private readonly rewind: Rewind;
  private readonly indexer: Indexer;

  constructor(kv: KeyValue, blockStore: BlockStore, rewind: Rewind) {
    this.kv = kv;
    this.blockStore = blockStore;
    this.rewind = rewind;
    const reader = { base: () => blockStore.base, head: () => blockStore.head, results: async () => undefined };
    this.indexer = new Indexer({ kv, reader });
  }

  /** Undoes the height of `state`, which is the head; returns the one before. */
  async undo(state: ChainState): Promise<ChainState> {
    const { kv, blockStore, rewind } = this;
    const { height } = state;
    if (rewind.height !== height) {
      throw new MachineError('damaged', `the state is at height ${rewind.height}, the chain at ${height}: sync again`);
    }
    const block = blockStore.block(height);
    if (block === undefined) throw new MachineError('damaged', `block ${height} is missing: sync again`);
    const before = await chainStateAt(blockStore, state, height - 1);
    const batch = kv.batch();
    await rewind.undo(batch, block.header.appHash);
    await this.removeIndexRows(batch, height, block);
    for (const evidence of block.evidence) deleteCommitted(batch, evidence);
    putBack(batch, kv, height, block.txs.length, height === state.initialHeight);
    writeChainState(batch, before);
    await batch.write({ sync: true });
    return before;
  }

  private async removeIndexRows(batch: WriteBatch, height: number, { txs }: Block): Promise<void> {
    try {
      const results = this.blockStore.results(height);
      if (results === undefined) return;
      await this.indexer.remove(batch, { height, txHashes: txs.map(sha256), ...results });
    } catch (error) {
      if (!(error instanceof MachineError) || error.code !== 'damaged') throw error;
      // Going back and on again is how damaged results are mended: the rows that stay are written once more then.
    }
  }
}
