import type { Chain } from '#engine/chain.ts';
import type { Indexer } from '#indexer/indexer.ts';
import type { State } from '#state/state.ts';
import type { BlockStore } from '#storage/block-store.ts';
import type { NodePorts } from './node-ports.ts';
import type { NodeOverrides } from './overrides.ts';
import { lessThan, lowestNeeded } from './prune-limits.ts';
import { Pruning } from './pruning.ts';
import type { NodeSettings } from './settings.ts';

export interface PruningWiring {
  readonly state: State;
  readonly blockStore: BlockStore;
  readonly indexer: Indexer;
  readonly chain: Pick<Chain, 'state' | 'applying' | 'writing'>;
}

/** Forgets what `storage` does not keep, but never what a snapshot that is offered still needs. */
export function makePruning(
  { kv, clock, logger, onFatal, snapshots }: NodePorts,
  { state, chain, ...parts }: PruningWiring,
  storage: NodeSettings['storage'],
  { brokenRule }: NodeOverrides,
): Pruning {
  return new Pruning(
    {
      ...parts,
      kv,
      undo: state.pruning,
      clock,
      logger: logger.child('pruning'),
      chainState: () => chain.state,
      moreUrgent: () => chain.applying,
      writing: () => chain.writing,
      neededFrom: () => (snapshots === undefined ? undefined : lowestNeeded(snapshots)),
      onFatal,
    },
    brokenRule === 'prunedEarly' ? lessThan(storage) : storage,
  );
}
