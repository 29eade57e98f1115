import { sha256 } from '#crypto/hash.ts';
import { type Block, blockIdOf, encodeBlock } from '#types/block.ts';
import type { BlockId } from '#types/block-id.ts';

/** A complete block with what is derived from its bytes once. */
export interface Body {
  readonly blockId: BlockId;
  readonly block: Block;
  /** The encoded block, whose parts `blockId` commits to. */
  readonly bytes: Uint8Array;
  /** sha256 of each transaction, in order. */
  readonly txHashes: readonly Uint8Array[];
}

/** Encodes the block, rebuilds its part set, and so finds the id that it really has. */
export function makeBody(block: Block, txHashes: readonly Uint8Array[] = block.txs.map(sha256)): Body {
  const bytes = encodeBlock(block);
  return { blockId: blockIdOf(block, bytes), block, bytes, txHashes };
}
