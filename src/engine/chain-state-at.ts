import { sha256 } from '#crypto/hash.ts';
import type { BlockMeta, BlockStore } from '#storage/block-store.ts';
import { NIL_BLOCK_ID } from '#types/block-id.ts';
import { assert } from '#util/assert.ts';
import { EMPTY_BYTES, equalBytes } from '#util/bytes.ts';
import type { ChainState } from './chain-state.ts';
import { mustAgree } from './errors.ts';

/** Merkle root of an empty list (wire-formats 1): a block without transactions, or without evidence. */
const NOTHING = sha256(EMPTY_BYTES);

/**
 * The chain state after `height`, rebuilt from the blocks: `now` is a later one of the same chain. Needs the header rows
 * of `height` and the next one. Throws `state_mismatch` when they contradict each other, and what the store throws.
 */
export async function chainStateAt(blockStore: BlockStore, now: ChainState, height: number): Promise<ChainState> {
  assert(height >= now.initialHeight - 1 && height < now.height, 'the height is one before the head');
  const next = metaOf(blockStore, height + 1).header;
  const isGenesis = height < now.initialHeight;
  const last = isGenesis ? undefined : metaOf(blockStore, height);
  const state: ChainState = {
    ...now,
    height,
    lastBlockId: last?.blockId ?? NIL_BLOCK_ID,
    // The first block bears the time of genesis.
    lastBlockTime: last?.header.time ?? next.time,
    lastValidators: isGenesis ? undefined : await blockStore.validators(height),
    validators: await blockStore.validators(height + 1),
    nextValidators: await blockStore.validators(height + 2),
    params: await blockStore.params(height + 1),
    appHash: next.appHash,
    lastResultsHash: next.lastResultsHash,
    proofBlockDue: last === undefined || hadWork(blockStore, last, next.nextValidatorsHash),
  };
  mustAgree(
    equalBytes(state.validators.hash(), next.validatorsHash) &&
      equalBytes(state.nextValidators.hash(), next.nextValidatorsHash),
    () => `the stored validators of height ${height + 1} are not those of its header`,
  );
  return state;
}

function metaOf(blockStore: BlockStore, height: number): BlockMeta {
  const meta = blockStore.meta(height);
  mustAgree(meta !== undefined, () => `block ${height} is not stored`);
  return meta;
}

/** As `Chain` tells it of a block that it applies. */
function hadWork(blockStore: BlockStore, { header }: BlockMeta, nextHash: Uint8Array): boolean {
  if (!equalBytes(header.dataHash, NOTHING) || !equalBytes(header.evidenceHash, NOTHING)) return true;
  // Where only the header was kept, an update that changed nothing is not seen; it only makes an empty block come sooner.
  if (header.height < blockStore.base) return !equalBytes(header.nextValidatorsHash, nextHash);
  return (blockStore.results(header.height)?.validatorUpdates.length ?? 0) > 0;
}
