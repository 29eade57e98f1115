import type { KeyValue } from '#ports/key-value.ts';
import {
  BASE_KEY,
  changedKeysHeight,
  changedKeysKey,
  decodeChangedKeys,
  encodeBase,
  undoKey,
  undoPrefix,
} from './rows.ts';

/** Rows deleted by one batch: about 1 ms. */
const BATCH_ROWS = 1000;

/**
 * Makes `base` the least readable height, durably, then deletes the undo rows of that height and of earlier ones
 * (each holds a value from before its height). Starts at the lowest list of changed keys that exists, so a run that
 * was cut off is completed.
 */
export async function pruneUndo(kv: KeyValue, base: number, pause: () => Promise<void>): Promise<void> {
  const first = kv.batch();
  first.put(BASE_KEY, encodeBase(base));
  await first.write({ sync: true });
  for await (const [rowKey, record] of kv.iterate({ gte: changedKeysKey(0), lte: changedKeysKey(base) })) {
    await deleteHeight(kv, rowKey, record, pause);
  }
}

/** The list goes last: as long as it exists, its undo rows may. */
async function deleteHeight(
  kv: KeyValue,
  rowKey: Uint8Array,
  record: Uint8Array,
  pause: () => Promise<void>,
): Promise<void> {
  const height = changedKeysHeight(rowKey);
  let batch = kv.batch();
  for (const [store, keys] of decodeChangedKeys(record, rowKey)) {
    const prefix = undoPrefix(store);
    for (const key of keys) {
      batch.delete(undoKey(prefix, key, height));
      if (batch.length < BATCH_ROWS) continue;
      await batch.write({ sync: false });
      await pause();
      batch = kv.batch();
    }
  }
  batch.delete(rowKey);
  await batch.write({ sync: false });
  await pause();
}
