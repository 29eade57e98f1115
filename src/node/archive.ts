import type { Chain } from '#engine/chain.ts';
import type { BlockArchive } from '#engine/exchange.ts';
import type { BlockStore } from '#storage/block-store.ts';

/**
 * Decided blocks as peers may ask for them. The chain's height is the bound, not the store's: the store counts a height
 * from the moment in which its batch is begun.
 */
export function archiveOf(chain: Chain, blockStore: BlockStore): BlockArchive {
  const isKept = (height: number): boolean => height >= blockStore.base && height <= chain.state.height;
  return {
    head: () => (chain.state.height < chain.state.initialHeight ? 0 : chain.state.height),
    base: () => blockStore.base,
    headBlockId: () => chain.state.lastBlockId,
    blockBytes: async (height) => (isKept(height) ? blockStore.blockBytes(height) : undefined),
    blockId: async (height) => (isKept(height) ? blockStore.meta(height)?.blockId : undefined),
    commit: async (height) => (isKept(height) ? blockStore.commit(height) : undefined),
  };
}
