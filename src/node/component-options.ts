import { parseGasPrice } from '#app/gas-price.ts';
import type { Timeouts } from '#consensus/timeouts.ts';
import type { Genesis } from '#types/genesis.ts';
import type { NodeSettings } from './settings.ts';

/** What the settings mean to the parts of the node. */
export function ledgerOptions(genesis: Genesis, settings: NodeSettings) {
  const { bech32Prefix, baseDenom } = genesis.chain;
  const { minGasPrices } = settings.mempool;
  const price = minGasPrices === '' ? {} : { minGasPrice: parseGasPrice(minGasPrices) };
  return { chainId: genesis.chainId, bech32Prefix, baseDenom, ...price };
}

export function timeoutsOf({ consensus }: NodeSettings): Timeouts {
  return {
    proposeMs: consensus.timeoutProposeMs,
    proposeStepMs: consensus.timeoutProposeDeltaMs,
    proposeMaxMs: consensus.timeoutProposeMaxMs,
    voteMs: consensus.timeoutPrevoteMs,
    voteStepMs: consensus.timeoutPrevoteDeltaMs,
    voteMaxMs: consensus.timeoutVoteMaxMs,
  };
}
