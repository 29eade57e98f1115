import type { Block } from '#types/block.ts';
import { type BlockId, blockIdKey } from '#types/block-id.ts';

/**
 * What a node can say of a block on its own. `unjudged`: it accuses of something at heights whose records this node does
 * not have, and holds but for that. Such a block gets no vote of this node, but is followed when the others decided it.
 */
export const VERDICTS = ['invalid', 'valid', 'unjudged'] as const;
export type Verdict = (typeof VERDICTS)[number];

export type Validity = 'unknown' | 'asked' | Verdict;

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
