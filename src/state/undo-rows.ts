import { CHECKSUM_BYTES, damaged } from '#storage/checksummed.ts';
import { crc32c } from '#storage/crc32c.ts';
import { KEY_SPACE } from '#storage/key-space.ts';
import { concatBytes } from '#util/bytes.ts';
import { HEIGHT_BYTES, leafKey, nameBytes, readHeight, writeHeight } from './rows.ts';
import type { StoreName } from './store.ts';

/*
 * The rows of the past. All are checksummed together with their keys, so that none is taken for another.
 *
 *   u, store, key in order, height   -> the value that the key had before the height, and the height that had written it
 *   d, store, key                    -> the height that deleted the key; only while it is absent
 *   c, height                        -> app hash before the height, bytes of undo rows so far, the keys that it changed
 *
 * So the changes of a key form a chain, from its leaf (rows.ts) or its row of deletion down through its undo rows: each
 * names the height of the one before. A row that LevelDB lost is noticed by the next one above it.
 */

const ABSENT = 0;
const PRESENT = 1;
/** Flag and height before the value. */
const UNDO_HEADER_BYTES = 1 + HEIGHT_BYTES;
const HASH_BYTES = 32;
/** Bytes and app hash before the keys. */
const LIST_HEADER_BYTES = 8 + HASH_BYTES;

/** What a key held before some height. */
export interface Before {
  /** Undefined is absence. */
  readonly value: Uint8Array | undefined;
  /** The height that had written it; 0 when no height did that is known. */
  readonly writtenAt: number;
}

/** What a height changed. */
export interface ChangedKeys {
  /** The state before the height. */
  readonly appHashBefore: Uint8Array;
  /** Bytes of all undo rows up to this height, those of pruned heights included. */
  readonly undoBytes: number;
  readonly stores: ReadonlyMap<StoreName, readonly Uint8Array[]>;
}

/** Prefix of all undo rows of a store. */
export function undoPrefix(store: StoreName): Uint8Array {
  return concatBytes(Uint8Array.of(KEY_SPACE.undo), nameBytes(store));
}

/**
 * A raw key in a form that sorts as the key does, whatever follows it: a zero byte becomes 00 ff, and unless more of the
 * key may follow (`open`), 00 00 ends it.
 */
export function orderedKey(key: Uint8Array, open = false): Uint8Array {
  let zeros = 0;
  for (const byte of key) if (byte === 0) zeros++;
  const out = new Uint8Array(key.length + zeros + (open ? 0 : 2));
  let at = 0;
  for (const byte of key) {
    out[at++] = byte;
    if (byte === 0) out[at++] = 0xff;
  }
  return out;
}

/** The row that holds the value which `key` had before `height`. */
export function undoKey(prefix: Uint8Array, key: Uint8Array, height: number): Uint8Array {
  const ordered = orderedKey(key);
  const out = new Uint8Array(prefix.length + ordered.length + HEIGHT_BYTES);
  out.set(prefix);
  out.set(ordered, prefix.length);
  writeHeight(out, out.length - HEIGHT_BYTES, height);
  return out;
}

/** Raw key and height of an undo row behind `prefixBytes`, from its key. */
export function parseUndoKey(rowKey: Uint8Array, prefixBytes: number): { key: Uint8Array; height: number } {
  const end = rowKey.length - HEIGHT_BYTES;
  const key = new Uint8Array(Math.max(0, end - 2 - prefixBytes));
  let length = 0;
  for (let at = prefixBytes; at < end - 2; at++) {
    key[length++] = rowKey[at] as number;
    if (rowKey[at] === 0) at++;
  }
  return { key: key.subarray(0, length), height: readHeight(rowKey, end) };
}

export function encodeUndo(rowKey: Uint8Array, { value, writtenAt }: Before): Uint8Array {
  const out = new Uint8Array(UNDO_HEADER_BYTES + (value?.length ?? 0) + CHECKSUM_BYTES);
  out[0] = value === undefined ? ABSENT : PRESENT;
  writeHeight(out, 1, writtenAt);
  if (value !== undefined) out.set(value, UNDO_HEADER_BYTES);
  return sealed(rowKey, out);
}

/** Throws MachineError 'damaged'. The value is a view of the record. */
export function decodeUndo(record: Uint8Array, rowKey: Uint8Array): Before {
  const bytes = opened(rowKey, record, 'undo row');
  const value = bytes[0] === ABSENT ? undefined : bytes.subarray(UNDO_HEADER_BYTES);
  return { value, writtenAt: readHeight(bytes, 1) };
}

/** Prefix of all rows of deletion of a store; the raw key follows, as in a leaf's row. */
export function deletionPrefix(store: StoreName): Uint8Array {
  return concatBytes(Uint8Array.of(KEY_SPACE.deletions), nameBytes(store));
}

export const deletionKey = leafKey;

export function encodeDeletion(rowKey: Uint8Array, height: number): Uint8Array {
  const out = new Uint8Array(HEIGHT_BYTES + CHECKSUM_BYTES);
  writeHeight(out, 0, height);
  return sealed(rowKey, out);
}

/** Throws MachineError 'damaged'. */
export function decodeDeletion(record: Uint8Array, rowKey: Uint8Array): number {
  return readHeight(opened(rowKey, record, 'height of a deletion'), 0);
}

export function changedKeysKey(height: number): Uint8Array {
  const out = new Uint8Array(1 + HEIGHT_BYTES);
  out[0] = KEY_SPACE.changedKeys;
  writeHeight(out, 1, height);
  return out;
}

/** Height of a list of changed keys, from its row's key. */
export function changedKeysHeight(rowKey: Uint8Array): number {
  return readHeight(rowKey, 1);
}

/** Behind the header for each store its name, the number of keys (4 bytes), and the keys with 2 bytes of length before each. */
export function encodeChangedKeys(rowKey: Uint8Array, { appHashBefore, undoBytes, stores }: ChangedKeys): Uint8Array {
  let length = LIST_HEADER_BYTES + CHECKSUM_BYTES;
  for (const [name, keys] of stores) {
    length += 1 + name.length + 4;
    for (const key of keys) length += 2 + key.length;
  }
  const out = new Uint8Array(length);
  const view = new DataView(out.buffer);
  writeHeight(out, 0, undoBytes);
  out.set(appHashBefore, 8);
  let at = LIST_HEADER_BYTES;
  for (const [name, keys] of stores) {
    out.set(nameBytes(name), at);
    at += 1 + name.length;
    view.setUint32(at, keys.length);
    at += 4;
    for (const key of keys) {
      view.setUint16(at, key.length);
      out.set(key, at + 2);
      at += 2 + key.length;
    }
  }
  return sealed(rowKey, out);
}

/** The count of bytes alone. Throws MachineError 'damaged'. */
export function readUndoBytes(record: Uint8Array, rowKey: Uint8Array): number {
  return readHeight(opened(rowKey, record, 'list of changed keys'), 0);
}

/** Throws MachineError 'damaged'. */
export function decodeChangedKeys(record: Uint8Array, rowKey: Uint8Array): ChangedKeys {
  const bytes = opened(rowKey, record, 'list of changed keys');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const stores = new Map<StoreName, Uint8Array[]>();
  for (let at = LIST_HEADER_BYTES; at < bytes.length; ) {
    const nameEnd = at + 1 + (bytes[at] as number);
    const name = new TextDecoder().decode(bytes.subarray(at + 1, nameEnd));
    const keys: Uint8Array[] = [];
    const count = view.getUint32(nameEnd);
    at = nameEnd + 4;
    for (let i = 0; i < count; i++) {
      const end = at + 2 + view.getUint16(at);
      keys.push(bytes.slice(at + 2, end));
      at = end;
    }
    stores.set(name, keys);
  }
  return { appHashBefore: bytes.slice(8, LIST_HEADER_BYTES), undoBytes: readHeight(bytes, 0), stores };
}

function sealed(rowKey: Uint8Array, record: Uint8Array): Uint8Array {
  const end = record.length - CHECKSUM_BYTES;
  new DataView(record.buffer, record.byteOffset).setUint32(end, checksum(rowKey, record, end));
  return record;
}

function opened(rowKey: Uint8Array, record: Uint8Array, what: string): Uint8Array {
  const end = record.length - CHECKSUM_BYTES;
  if (end < 0) throw damaged(rowKey, what);
  const stored = new DataView(record.buffer, record.byteOffset).getUint32(end);
  if (stored !== checksum(rowKey, record, end)) throw damaged(rowKey, what);
  return record.subarray(0, end);
}

function checksum(rowKey: Uint8Array, record: Uint8Array, end: number): number {
  return crc32c(record, 0, end, crc32c(rowKey));
}
