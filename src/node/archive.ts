import type { Chain } from '#engine/chain.ts';
import type { BlockArchive } from '#engine/request-answers.ts';
import { StateSyncAnswers } from '#engine/state-sync-answers.ts';
import type { Clock } from '#ports/clock.ts';
import type { SnapshotArchive } from '#state/snapshot/archive.ts';
import type { BlockStore } from '#storage/block-store.ts';
import type { LightBlock } from '#types/light-block.ts';
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

/** Snapshots and light blocks as peers may ask for them. */
export function stateSyncAnswersOf(
  chain: Chain,
  blockStore: BlockStore,
  clock: Clock,
  snapshots: SnapshotArchive = NO_SNAPSHOTS,
): StateSyncAnswers {
  return new StateSyncAnswers({
    clock,
    snapshots,
    head: () => chain.state.height,
    lightBlock: (height) => lightBlockOf(blockStore, chain.state.height, height),
  });
}

const NO_SNAPSHOTS: SnapshotArchive = {
  list: () => [],
  making: undefined,
  manifest: async () => undefined,
  chunk: async () => undefined,
};

/**
 * A decided height as light clients walk on it, with the commit that all nodes have alike where the next block is here; its
 * validators with the priorities of some earlier height.
 */
export async function lightBlockOf(
  blockStore: BlockStore,
  head: number,
  height: number,
): Promise<LightBlock | undefined> {
  if (height > head || height < blockStore.headerBase) return undefined;
  const header = blockStore.meta(height)?.header;
  const commit = height < head ? blockStore.canonicalCommit(height) : blockStore.commit(height);
  if (header === undefined || commit === undefined) return undefined;
  return { header, commit, validators: await blockStore.signers(height) };
}
