import type { WriteBatch } from '#ports/key-value.ts';
import type { Block } from '#types/block.ts';
import type { BlockId } from '#types/block-id.ts';
import { type Commit, encodeCommit } from '#types/commit.ts';
import type { Header } from '#types/header.ts';
import type { ConsensusParams } from '#types/params.ts';
import type { ValidatorSet } from '#types/validator-set.ts';
import { type BlockMeta, encodeHeight, encodeMeta, hashKey, ROW, rowKey } from './block-rows.ts';
import { withChecksum } from './checksummed.ts';

// The forms in which a height comes to the block store, and the rows that each becomes: whole where it was decided or
// fetched, header rows alone where the store begins behind a snapshot or was filled in below one.

/** A decided block, as its rows have it. */
export interface StoredBlock {
  readonly height: number;
  readonly blockId: BlockId;
  /** `encodeBlock(block)`. */
  readonly blockBytes: Uint8Array;
  readonly block: Block;
  /** The commit that decided it. */
  readonly commit: Commit;
  /** State after this height. */
  readonly appHash: Uint8Array;
}

/** What is kept of a height whose block is pruned or was never here. */
export interface StoredHeader {
  readonly height: number;
  readonly blockId: BlockId;
  readonly header: Header;
  /** As the next block carries it, where there is one (`lastCommitHash` of its header): evidence is judged by it. */
  readonly commit: Commit;
  /** State after this height. */
  readonly appHash: Uint8Array;
  /** Validators of this height, with any priorities. */
  readonly signers: ValidatorSet;
}

/** Where a store begins that gets its state from a snapshot. */
export interface StoredSeed extends StoredHeader {
  /** Validators of `height + 1`, with the priorities of its round 0. */
  readonly validators: ValidatorSet;
  /** In force for `height + 1`. */
  readonly params: ConsensusParams;
}

/** One decided height, as it goes into its batch. */
export interface StoredHeight extends StoredBlock {
  /** Validators of `height + 1`, with the priorities of its round 0. */
  readonly validators: ValidatorSet;
  /** In force for `height + 1`. */
  readonly params: ConsensusParams;
}

/** All rows of a decided block but its results. */
export function putBlockRows(
  batch: WriteBatch,
  { height, blockId, block, blockBytes, commit, appHash }: StoredBlock,
): void {
  const { header, txs } = block;
  const meta: BlockMeta = { blockId, header, txCount: txs.length, size: blockBytes.length, appHash };
  batch.put(rowKey(ROW.meta, height), encodeMeta(meta));
  batch.put(rowKey(ROW.block, height), withChecksum(blockBytes));
  putCommit(batch, commit);
  batch.put(hashKey(blockId.hash), encodeHeight(height));
}

/** The rows that stay when a block is pruned. */
export function putHeaderRows(batch: WriteBatch, { height, blockId, header, commit, appHash }: StoredHeader): void {
  batch.put(rowKey(ROW.meta, height), encodeMeta({ blockId, header, txCount: 0, size: 0, appHash }));
  putCommit(batch, commit);
}

export function putCommit(batch: WriteBatch, commit: Commit): void {
  batch.put(rowKey(ROW.commit, commit.height), withChecksum(encodeCommit(commit)));
}
