import type { Consensus } from '#consensus/consensus.ts';
import type { Input } from '#consensus/input.ts';
import type { Block } from '#types/block.ts';
import { type BlockId, blockIdKey } from '#types/block-id.ts';
import { assert } from '#util/assert.ts';
import type { Body } from './body.ts';

/** Bodies of blocks that the core holds or is about to see: what peers may ask for. */
export class HeldBodies {
  private readonly bodies = new Map<string, Body>();
  /** Bytes of each block that went through here, for as long as somebody holds the block. */
  private readonly bodyOf = new WeakMap<Block, Body>();
  private prunedRound = -1;

  get(blockId: BlockId): Body | undefined {
    return this.bodies.get(blockIdKey(blockId));
  }

  /** Of a block that the core named. */
  of(block: Block): Body {
    const body = this.bodyOf.get(block);
    assert(body !== undefined, 'consensus named a block that it was never given');
    return body;
  }

  ids(): BlockId[] {
    return [...this.bodies.values()].map(({ blockId }) => blockId);
  }

  keep(body: Body): void {
    this.bodies.set(blockIdKey(body.blockId), body);
    this.bodyOf.set(body.block, body);
  }

  /**
   * The core consumed an input. A block that it did not take, or let go of with an old round, is not kept for it: it may
   * have megabytes.
   */
  prune(input: Input, consensus: Consensus): void {
    if (input.kind === 'block' || input.kind === 'blockBuilt') {
      if (consensus.holds(input.blockId)) this.keep(this.of(input.block));
      else this.bodies.delete(blockIdKey(input.blockId));
    }
    if (consensus.round === this.prunedRound) return;
    this.prunedRound = consensus.round;
    for (const [key, { blockId }] of this.bodies) if (!consensus.holds(blockId)) this.bodies.delete(key);
  }

  heightApplied(height: number): void {
    for (const [key, body] of this.bodies) if (body.block.header.height <= height) this.bodies.delete(key);
  }
}
