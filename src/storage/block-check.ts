import type { KeyValue } from '#ports/key-value.ts';
import type { Pause } from '#util/pause.ts';
import { decodeHeight, decodeMeta, hashKey, RESULTS_PER_ROW, ROW, rowKey } from './block-rows.ts';
import type { BlockStore } from './block-store.ts';
import { checkedValue, damaged } from './checksummed.ts';

/**
 * More than LevelDB may hold in its log and lose without a word: two write buffers of 8 MiB (`level.ts`), each with a
 * batch that began before it was full. What is older is in tables.
 */
const CHECKED_BYTES = 64 * 1024 * 1024;

/**
 * Reads the newest heights, from `head` down to `headerBase` or until `CHECKED_BYTES` were read: every row that a height
 * must have is there and whole. Throws MachineError 'damaged' that names the first that is not.
 */
export async function checkNewestHeights(
  kv: KeyValue,
  { headerBase, base, head }: Pick<BlockStore, 'headerBase' | 'base' | 'head'>,
  pause: Pause,
): Promise<void> {
  let bytes = 0;
  for (let height = head; height >= Math.max(headerBase, 1) && bytes < CHECKED_BYTES; height--) {
    bytes += checkHeight(kv, height, height >= base);
    await pause();
  }
}

/** Bytes that were read. */
function checkHeight(kv: KeyValue, height: number, isWhole: boolean): number {
  let bytes = 0;
  const read = (key: Uint8Array, what: string): Uint8Array => {
    const record = kv.get(key);
    if (record === undefined) throw damaged(key, what);
    bytes += record.length;
    return checkedValue(record, key, what);
  };
  const { blockId, txCount } = decodeMeta(read(rowKey(ROW.meta, height), 'block meta'));
  read(rowKey(ROW.commit, height), 'commit');
  if (!isWhole) return bytes;
  read(rowKey(ROW.block, height), 'block');
  for (let part = 0; part * RESULTS_PER_ROW < txCount; part++) read(rowKey(ROW.results, height, part), 'results');
  const key = hashKey(blockId.hash);
  if (decodeHeight(read(key, 'height of a block hash')) !== height) throw damaged(key, 'height of a block hash');
  return bytes;
}
