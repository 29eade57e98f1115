import { Ledger } from '#app/ledger.ts';
import { validatorAddress } from '#crypto/address.ts';
import { InlineVerifier } from '#crypto/verifier.ts';
import type { ChainState } from '#engine/chain-state.ts';
import type { State } from '#state/state.ts';
import { type Genesis, genesisDocument } from '#types/genesis.ts';
import { equalBytes } from '#util/bytes.ts';
import { jsonPieces } from '#util/json-pieces.ts';

export interface ExportOptions {
  /** The chain's own unless given. A chain that goes on beside the old one needs another: transactions name it. */
  readonly chainId?: string | undefined;
  /** First height of the new chain; 1 unless given. */
  readonly initialHeight?: number | undefined;
}

/**
 * The state at the head as a genesis document, in pieces of text: a network that starts with it has the same accounts,
 * balances, validators and parameters, and whoever was punished stays so. The same state always gives the same text.
 * `state` and `chainState` are of one height.
 */
export async function* exportGenesis(
  state: State,
  chainState: ChainState,
  genesis: Genesis,
  { chainId = genesis.chainId, initialHeight = 1 }: ExportOptions,
): AsyncGenerator<string> {
  const { bech32Prefix, baseDenom } = genesis.chain;
  const ledger = new Ledger(
    { verifier: new InlineVerifier(), state },
    { chainId: genesis.chainId, bech32Prefix, baseDenom },
  );
  const view = state.view();
  try {
    yield* jsonPieces(
      genesisDocument({
        // Nobody has to wait for it, and all who export the height write the same.
        genesisTime: chainState.lastBlockTime,
        chainId,
        initialHeight,
        consensusParams: chainState.params,
        validators: validatorsOf(chainState, genesis),
        chain: genesis.chain,
        appState: await ledger.exportGenesis(view),
      }),
    );
  } finally {
    await view.release();
  }
}

/** Those that all updates so far have led to, with the names that the old document gave them. */
function validatorsOf({ nextValidators }: ChainState, { validators: named }: Genesis) {
  return nextValidators.validators.map(({ address, pubKey, votingPower }) => ({
    pubKey,
    power: votingPower,
    name: named.find((known) => equalBytes(validatorAddress(known.pubKey), address))?.name ?? '',
  }));
}
