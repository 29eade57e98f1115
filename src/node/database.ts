import { Ledger } from '#app/ledger.ts';
import { STORES } from '#app/modules.ts';
import { InlineVerifier } from '#crypto/verifier.ts';
import { type ChainState, genesisChainState } from '#engine/chain-state.ts';
import { readChainState, writeChainState } from '#engine/chain-store.ts';
import { withPriorities } from '#engine/priorities-record.ts';
import { workSlice } from '#engine/work-slice.ts';
import type { Clock } from '#ports/clock.ts';
import type { KeyValue } from '#ports/key-value.ts';
import { State, type StateOptions } from '#state/state.ts';
import { checkNewestHeights } from '#storage/block-check.ts';
import type { BlockStore } from '#storage/block-store.ts';
import type { Genesis } from '#types/genesis.ts';
import { EMPTY_BYTES, equalBytes, toHex } from '#util/bytes.ts';
import { BizraError, MachineError } from '#util/errors.ts';

/** What a database holds that belongs to a chain. */
export interface OpenedChain {
  readonly state: State;
  readonly chainState: ChainState;
}

/** Writes the state after genesis, in one synced batch, to an empty database. */
export async function initializeChain(kv: KeyValue, genesis: Genesis, blockStore: BlockStore): Promise<void> {
  const { changes, validators } = genesisLedger(genesis).initGenesis(genesis);
  const first = genesisChainState(genesis, validators, EMPTY_BYTES);
  await State.initialize(kv, STORES, withPriorities(changes, first, false), first.height, {
    alsoWrite: (batch, appHash) => {
      const chainState = { ...first, appHash };
      writeChainState(batch, chainState);
      blockStore.putGenesis(batch, genesis.initialHeight, chainState.validators, chainState.params);
    },
  });
}

/** A chain's database belongs to its genesis document. Throws BizraError `wrong_genesis`, or what `State.open` throws. */
export async function openChain(kv: KeyValue, genesis: Genesis, options: StateOptions): Promise<OpenedChain> {
  const chainState = readChainState(kv);
  if (chainState === undefined) {
    throw new BizraError(
      'chain_missing',
      'the database holds no chain: remove data/chain.db, and that alone, to begin anew; the signing record beside it stays',
    );
  }
  if (!equalBytes(chainState.genesisHash, genesis.hash)) {
    throw new BizraError(
      'wrong_genesis',
      `the database belongs to chain ${chainState.chainId} with another genesis file (hash ${toHex(chainState.genesisHash)}, ` +
        `not ${toHex(genesis.hash)}): put the right genesis.json back, or use another home`,
    );
  }
  const state = await State.open(kv, options);
  // Both are written in one batch.
  if (state.height !== chainState.height || !equalBytes(state.appHash, chainState.appHash)) {
    throw new MachineError('damaged', 'the state differs from the chain record: restore a backup or sync again');
  }
  return { state, chainState };
}

/** LevelDB does not tell what it lost: the newest heights are looked at before anything rests on them. */
export async function checkStore(
  { kv, clock }: { readonly kv: KeyValue; readonly clock: Clock },
  { headerBase, base, head }: BlockStore,
  { height, initialHeight }: ChainState,
): Promise<void> {
  if (head !== (height < initialHeight ? 0 : height))
    throw new MachineError('damaged', `the stored blocks end at height ${head}, the state at ${height}: sync again`);
  await checkNewestHeights(kv, { headerBase, base, head }, workSlice(clock));
}

/** Genesis reads no state, so its ledger stands on none. */
function genesisLedger(genesis: Genesis): Ledger {
  const state = { height: genesis.initialHeight - 1, get: () => undefined };
  const { bech32Prefix, baseDenom } = genesis.chain;
  return new Ledger({ verifier: new InlineVerifier(), state }, { chainId: genesis.chainId, bech32Prefix, baseDenom });
}
