import type { Genesis } from '#types/genesis.ts';
import type { StoreAccess } from '../../store/collection.ts';
import type { ChainModuleState } from './state.ts';

/** Puts the parameters of the genesis document under the app hash; the document's reader has checked them. */
export function initChainGenesis(access: StoreAccess, chain: ChainModuleState, genesis: Genesis): void {
  chain.setConsensusParams(access, genesis.consensusParams);
  chain.setChainParams(access, genesis.chain);
}
