import type { GenesisContents } from '#types/genesis.ts';
import { DEFAULT_CONSENSUS_PARAMS } from '#types/params.ts';
import { CHAIN_ID, type LightChain } from '../unit/light/support.ts';

/** What a genesis document says of a chain that exists on paper: its first validators, and nothing on any account. */
export function genesisOf(chain: LightChain): GenesisContents {
  const validators = chain.validators(1).validators.map(({ pubKey, votingPower }) => ({
    pubKey,
    power: votingPower,
    name: 'x',
  }));
  return {
    genesisTime: chain.time(1),
    chainId: CHAIN_ID,
    consensusParams: DEFAULT_CONSENSUS_PARAMS,
    validators,
    chain: { bech32Prefix: 'bizra', baseDenom: 'ubizra', blockIntervalMinMs: 0, emptyBlockIntervalMs: 0 },
    appState: {},
  };
}
