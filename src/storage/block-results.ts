import type { KeyValue } from '#ports/key-value.ts';
import type { TxResult } from '#types/results.ts';
import { decodeResultRow, decodeUpdates, type HeightResults, RESULTS_PER_ROW, ROW, rowKey } from './block-rows.ts';
import { checkedValue, damaged } from './checksummed.ts';
import { decodeEvents } from './result-codec.ts';

/** What came of a block with these transactions. Throws MachineError 'damaged'. */
export function readResults(kv: KeyValue, height: number, txs: readonly Uint8Array[]): HeightResults {
  const txResults: TxResult[] = [];
  while (txResults.length < txs.length) txResults.push(...readResultRow(kv, height, txResults.length, txs));
  return { txResults, ...readBlockResults(kv, height) };
}

/** The results in the row of transaction `first`, which begins with it. */
export function readResultRow(kv: KeyValue, height: number, first: number, txs: readonly Uint8Array[]): TxResult[] {
  return decodeResultRow(resultRow(kv, height, first), first, txs);
}

/** What the block itself left. */
export function readBlockResults(kv: KeyValue, height: number): Omit<HeightResults, 'txResults'> {
  const eventsKey = rowKey(ROW.events, height);
  const events = kv.get(eventsKey);
  const updatesKey = rowKey(ROW.updates, height);
  const updates = kv.get(updatesKey);
  return {
    blockEvents: events === undefined ? [] : decodeEvents(checkedValue(events, eventsKey, 'block events')),
    validatorUpdates:
      updates === undefined ? [] : decodeUpdates(checkedValue(updates, updatesKey, 'validator updates')),
  };
}

/** The row that holds the result of transaction `index`. */
export function resultRow(kv: KeyValue, height: number, index: number): Uint8Array {
  const key = rowKey(ROW.results, height, Math.floor(index / RESULTS_PER_ROW));
  const record = kv.get(key);
  if (record === undefined) throw damaged(key, 'results');
  return checkedValue(record, key, 'results');
}
