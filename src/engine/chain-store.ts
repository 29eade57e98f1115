import type { KeyValue, WriteBatch } from '#ports/key-value.ts';
import { checkedValue, withChecksum } from '#storage/checksummed.ts';
import { KEY_SPACE } from '#storage/key-space.ts';
import { type ChainState, decodeChainState, encodeChainState } from './chain-state.ts';

/** The engine's row: the chain state after the last applied height. */
const CHAIN_STATE_KEY = new Uint8Array([KEY_SPACE.engine, 0x73]);

/** Part of the height's batch. */
export function writeChainState(batch: WriteBatch, state: ChainState): void {
  batch.put(CHAIN_STATE_KEY, withChecksum(encodeChainState(state)));
}

/** Undefined in a database without a chain. Throws BizraError `damaged`. */
export function readChainState(kv: Pick<KeyValue, 'get'>): ChainState | undefined {
  const record = kv.get(CHAIN_STATE_KEY);
  return record === undefined ? undefined : decodeChainState(checkedValue(record, CHAIN_STATE_KEY, 'chain state'));
}
