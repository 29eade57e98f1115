import { CHECKSUM_BYTES, checkedValue, sealChecksum, withChecksum } from '#storage/checksummed.ts';
import { KEY_SPACE } from '#storage/key-space.ts';
import { assert } from '#util/assert.ts';
import { concatBytes, fromLatin1 } from '#util/bytes.ts';
import type { StoreName } from './store.ts';

/** Heights are 8 bytes, big endian, so that rows sort by them. */
const HEIGHT_BYTES = 8;
/** A store name has one length byte; all of it ASCII. */
const NAME_BYTES_MAX = 64;

const ABSENT = 0;
const PRESENT = 1;

/** Key of the head record. */
export const HEAD_KEY = Uint8Array.of(KEY_SPACE.stateHead);
/** Key of the least height that can be read. It is not in the head record, because pruning runs beside commits. */
export const BASE_KEY = Uint8Array.of(KEY_SPACE.stateHead, 0x62);

/** What the database's leaves are: one a database, replaced in each height's batch. */
export interface HeadRecord {
  readonly height: number;
  readonly appHash: Uint8Array;
  readonly stores: readonly { readonly name: StoreName; readonly root: Uint8Array }[];
}

export function encodeHead(head: HeadRecord): Uint8Array {
  const stores = head.stores.map(({ name, root }) => concatBytes(nameBytes(name), root));
  return withChecksum(concatBytes(heightBytes(head.height), head.appHash, ...stores));
}

/** Throws BizraError 'damaged' when the record is not what was written. */
export function decodeHead(record: Uint8Array): HeadRecord {
  const bytes = checkedValue(record, HEAD_KEY, 'state head record');
  const appHash = bytes.slice(8, 40);
  const stores: { name: StoreName; root: Uint8Array }[] = [];
  for (let at = 40; at < bytes.length; ) {
    const end = at + 1 + (bytes[at] as number);
    stores.push({ name: new TextDecoder().decode(bytes.subarray(at + 1, end)), root: bytes.slice(end, end + 32) });
    at = end + 32;
  }
  return { height: readHeight(bytes, 0), appHash, stores };
}

export function encodeBase(height: number): Uint8Array {
  return withChecksum(heightBytes(height));
}

export function decodeBase(record: Uint8Array): number {
  return readHeight(checkedValue(record, BASE_KEY, 'base height'), 0);
}

/** Height of a row of changed keys, from its key. */
export function changedKeysHeight(rowKey: Uint8Array): number {
  return readHeight(rowKey, 1);
}

/** Store name and raw key of a leaf row, from its key. */
export function parseLeafKey(rowKey: Uint8Array): { store: StoreName; key: Uint8Array } {
  const end = 2 + (rowKey[1] as number);
  return { store: new TextDecoder().decode(rowKey.subarray(2, end)), key: rowKey.slice(end) };
}

/** Prefix of all leaf rows of a store; the raw key follows. */
export function leafPrefix(store: StoreName): Uint8Array {
  return concatBytes(Uint8Array.of(KEY_SPACE.leaves), nameBytes(store));
}

/** Prefix of all undo rows of a store; key length (2 bytes), key and height follow. */
export function undoPrefix(store: StoreName): Uint8Array {
  return concatBytes(Uint8Array.of(KEY_SPACE.undo), nameBytes(store));
}

export function leafKey(prefix: Uint8Array, key: Uint8Array): Uint8Array {
  const out = new Uint8Array(prefix.length + key.length);
  out.set(prefix);
  out.set(key, prefix.length);
  return out;
}

/** The row that holds the value which `key` had before `height`. */
export function undoKey(prefix: Uint8Array, key: Uint8Array, height: number): Uint8Array {
  const out = new Uint8Array(prefix.length + 2 + key.length + HEIGHT_BYTES);
  out.set(prefix);
  out[prefix.length] = key.length >>> 8;
  out[prefix.length + 1] = key.length;
  out.set(key, prefix.length + 2);
  writeHeight(out, out.length - HEIGHT_BYTES, height);
  return out;
}

export function encodeUndo(before: Uint8Array | undefined): Uint8Array {
  const length = before?.length ?? 0;
  const out = new Uint8Array(1 + length + CHECKSUM_BYTES);
  out[0] = before === undefined ? ABSENT : PRESENT;
  if (before !== undefined) out.set(before, 1);
  sealChecksum(out);
  return out;
}

export function decodeUndo(record: Uint8Array, key: Uint8Array): Uint8Array | undefined {
  const bytes = checkedValue(record, key, 'undo row');
  return bytes[0] === ABSENT ? undefined : bytes.subarray(1);
}

export function changedKeysKey(height: number): Uint8Array {
  const out = new Uint8Array(1 + HEIGHT_BYTES);
  out[0] = KEY_SPACE.changedKeys;
  writeHeight(out, 1, height);
  return out;
}

/** For each store its name, the number of keys (4 bytes), and the keys with 2 bytes of length before each. */
export function encodeChangedKeys(stores: ReadonlyMap<StoreName, readonly Uint8Array[]>): Uint8Array {
  let length = CHECKSUM_BYTES;
  for (const [name, keys] of stores) {
    length += 1 + name.length + 4;
    for (const key of keys) length += 2 + key.length;
  }
  const out = new Uint8Array(length);
  const view = new DataView(out.buffer);
  let at = 0;
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
  sealChecksum(out);
  return out;
}

export function decodeChangedKeys(record: Uint8Array, rowKey: Uint8Array): Map<StoreName, Uint8Array[]> {
  const bytes = checkedValue(record, rowKey, 'list of changed keys');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const stores = new Map<StoreName, Uint8Array[]>();
  for (let at = 0; at < bytes.length; ) {
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
  return stores;
}

/** The least key above all that start with `prefix`; undefined when there is none. */
export function prefixEnd(prefix: Uint8Array): Uint8Array | undefined {
  for (let i = prefix.length - 1; i >= 0; i--) {
    const byte = prefix[i] as number;
    if (byte === 0xff) continue;
    const end = prefix.slice(0, i + 1);
    end[i] = byte + 1;
    return end;
  }
  return undefined;
}

function nameBytes(name: StoreName): Uint8Array {
  assert(name.length > 0 && name.length <= NAME_BYTES_MAX, 'a store name has 1 to 64 ASCII characters');
  return concatBytes(Uint8Array.of(name.length), fromLatin1(name));
}

function heightBytes(height: number): Uint8Array {
  const out = new Uint8Array(HEIGHT_BYTES);
  writeHeight(out, 0, height);
  return out;
}

function writeHeight(out: Uint8Array, at: number, height: number): void {
  const view = new DataView(out.buffer, out.byteOffset, out.byteLength);
  view.setUint32(at, Math.floor(height / 2 ** 32));
  view.setUint32(at + 4, height % 2 ** 32);
}

function readHeight(bytes: Uint8Array, at: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return view.getUint32(at) * 2 ** 32 + view.getUint32(at + 4);
}
