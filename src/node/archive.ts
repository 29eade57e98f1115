import type { Chain } from '#engine/chain.ts';
import type { BlockArchive } from '#engine/request-answers.ts';
import type { BlockStore } from '#storage/block-store.ts';
import type { BlockRepair } from './block-repair.ts';

/**
 * Decided blocks as peers may ask for them. The chain's height is the bound, not the store's: the store counts a height
 * from the moment in which its batch is begun.
 */
export function archiveOf(chain: Chain, blockStore: BlockStore, repair: () => BlockRepair): BlockArchive {
  const kept = <T>(height: number, read: () => T): T | undefined =>
    height >= blockStore.base && height <= chain.state.height ? repair().read(height, read) : undefined;
  return {
    head: () => (chain.state.height < chain.state.initialHeight ? 0 : chain.state.height),
    base: () => blockStore.base,
    headBlockId: () => chain.state.lastBlockId,
    blockBytes: async (height) => kept(height, () => blockStore.blockBytes(height)),
    blockId: async (height) => kept(height, () => blockStore.meta(height)?.blockId),
    commit: async (height) => kept(height, () => blockStore.commit(height)),
  };
}
