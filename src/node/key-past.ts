import type { ChainState } from '#engine/chain-state.ts';
import type { KeyPast } from '#engine/key-guard.ts';
import type { BlockStore } from '#storage/block-store.ts';
import type { Wal } from '#storage/wal.ts';

/** What the files of a home tell of the validator key's past, beside its signing record. */
export function keyPast(state: ChainState, blockStore: BlockStore, wal: Wal, address: Uint8Array): KeyPast {
  const { validators, nextValidators, height } = state;
  return {
    head: height,
    isValidator: validators.indexOf(address) >= 0 || nextValidators.indexOf(address) >= 0,
    commitAt: (at) => blockStore.commit(at),
    records: wal.records,
  };
}
