import type { ChainHistory } from '#evidence/history.ts';
import type { BlockStore } from '#storage/block-store.ts';
import type { ValidatorSet } from '#types/validator-set.ts';
import { BizraError } from '#util/errors.ts';
import type { ChainState } from './chain-state.ts';

/**
 * The chain as it stands after `state.height`, whatever the store holds above it: a block is judged by what came before
 * it, also when the head moves meanwhile.
 */
export function chainHistory(state: ChainState, blockStore: BlockStore): ChainHistory {
  const { chainId, initialHeight, height, lastBlockTime, params } = state;
  const signers = new Map<number, Promise<ValidatorSet | undefined>>();
  return {
    chainId,
    initialHeight,
    height,
    time: lastBlockTime,
    params: params.evidence,
    header: (of) => (of <= height ? blockStore.meta(of)?.header : undefined),
    signedHeader: (of) => {
      const header = of < height ? blockStore.meta(of)?.header : undefined;
      if (header === undefined) return undefined;
      const commit = blockStore.canonicalCommit(of);
      return commit === undefined ? undefined : { header, commit };
    },
    validators: (of) => {
      if (of > height) return Promise.resolve(undefined);
      const known = signers.get(of) ?? storedSigners(blockStore, of);
      signers.set(of, known);
      return known;
    },
  };
}

async function storedSigners(blockStore: BlockStore, height: number): Promise<ValidatorSet | undefined> {
  try {
    return await blockStore.signers(height);
  } catch (error) {
    if (error instanceof BizraError && error.code === 'not_stored') return undefined;
    throw error;
  }
}
