import type { Block } from '#types/block.ts';
import { type BlockId, blockIdKey } from '#types/block-id.ts';

export type Validity = 'unknown' | 'asked' | 'valid' | 'invalid';

export interface KnownBlock {
  readonly blockId: BlockId;
  readonly block: Block;
  validity: Validity;
}

/** Complete blocks of one height and what validation said of them: asked once a block id. */
export class KnownBlocks {
  private readonly blocks = new Map<string, KnownBlock>();

  get(blockId: BlockId): KnownBlock | undefined {
    return this.blocks.get(blockIdKey(blockId));
  }

  add(blockId: BlockId, block: Block): KnownBlock {
    const known: KnownBlock = { blockId, block, validity: 'unknown' };
    this.blocks.set(blockIdKey(blockId), known);
    return known;
  }

  /** Forgets the blocks that `isNeeded` has no use for: a block takes megabytes. */
  prune(isNeeded: (blockId: BlockId) => boolean): void {
    for (const [key, known] of this.blocks) if (!isNeeded(known.blockId)) this.blocks.delete(key);
  }
}
