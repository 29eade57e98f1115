import type { KeyValue, ReadOptions, WriteBatch } from '#ports/key-value.ts';
import type { TxResult } from '#types/results.ts';
import type { Pause } from '#util/pause.ts';
import {
  decodeOneResult,
  decodeResultRow,
  decodeUpdates,
  encodeResultRow,
  encodeUpdates,
  type HeightResults,
  RESULTS_PER_ROW,
  ROW,
  rowKey,
  type SomeResults,
} from './block-rows.ts';
import { checkedValue, damaged, withChecksum } from './checksummed.ts';
import { decodeEvents, encodeEvents } from './result-codec.ts';

/** What came of a block with these transactions. Throws MachineError 'damaged'. */
export function readResults(kv: KeyValue, height: number, txs: readonly Uint8Array[]): HeightResults {
  const txResults: TxResult[] = [];
  while (txResults.length < txs.length) txResults.push(...readResultRow(kv, height, txResults.length, txs));
  return { txResults, ...readBlockResults(kv, height) };
}

/** The results in the row of transaction `first`, which begins with it. */
export function readResultRow(
  kv: KeyValue,
  height: number,
  first: number,
  txs: readonly Uint8Array[],
  options?: ReadOptions,
): TxResult[] {
  return decodeResultRow(resultRow(kv, height, first, options), first, txs);
}

/** Ascending; undefined for those of all transactions. */
export type Places = readonly number[] | undefined;

/**
 * What came of a block, with the results at these places, and nothing at the others. Pauses between them; undefined
 * when `isKept` says no after that.
 */
export async function readResultsAt(
  kv: KeyValue,
  height: number,
  txs: readonly Uint8Array[],
  places: Places,
  { pause, isKept }: { readonly pause: Pause; readonly isKept: () => boolean },
): Promise<SomeResults | undefined> {
  const ofBlock = readBlockResults(kv, height);
  const txResults = new Array<TxResult | undefined>(txs.length).fill(undefined);
  let row: Uint8Array | undefined;
  let rowEnd = 0;
  for (const place of places ?? txs.keys()) {
    const wait = pause();
    if (wait !== undefined) {
      await wait;
      if (!isKept()) return undefined;
    }
    if (row === undefined || place >= rowEnd) {
      row = resultRow(kv, height, place);
      rowEnd = place - (place % RESULTS_PER_ROW) + RESULTS_PER_ROW;
    }
    txResults[place] = decodeOneResult(row, place % RESULTS_PER_ROW, txs[place] as Uint8Array);
  }
  return { txResults, ...ofBlock };
}

/** What the block itself left. */
export function readBlockResults(
  kv: KeyValue,
  height: number,
  options?: ReadOptions,
): Omit<HeightResults, 'txResults'> {
  const eventsKey = rowKey(ROW.events, height);
  const events = kv.get(eventsKey, options);
  const updatesKey = rowKey(ROW.updates, height);
  const updates = kv.get(updatesKey, options);
  return {
    blockEvents: events === undefined ? [] : decodeEvents(checkedValue(events, eventsKey, 'block events')),
    validatorUpdates:
      updates === undefined ? [] : decodeUpdates(checkedValue(updates, updatesKey, 'validator updates')),
  };
}

/** The row that holds the result of transaction `index`. */
export function resultRow(kv: KeyValue, height: number, index: number, options?: ReadOptions): Uint8Array {
  const key = rowKey(ROW.results, height, Math.floor(index / RESULTS_PER_ROW));
  const record = kv.get(key, options);
  if (record === undefined) throw damaged(key, 'results');
  return checkedValue(record, key, 'results');
}

/** Writes what came of a block with these transactions, pausing between rows. */
export async function putResultRows(
  batch: WriteBatch,
  height: number,
  { txResults, blockEvents, validatorUpdates }: HeightResults,
  txs: readonly Uint8Array[],
  pause: Pause,
): Promise<void> {
  for (let from = 0, part = 0; from < txResults.length; from += RESULTS_PER_ROW, part++) {
    batch.put(rowKey(ROW.results, height, part), encodeResultRow(from, txResults, txs));
    await pause();
  }
  if (blockEvents.length > 0) batch.put(rowKey(ROW.events, height), withChecksum(encodeEvents(blockEvents)));
  if (validatorUpdates.length > 0) batch.put(rowKey(ROW.updates, height), encodeUpdates(validatorUpdates));
}
