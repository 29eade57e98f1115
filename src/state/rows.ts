import { checkedValue, withChecksum } from '#storage/checksummed.ts';
import { KEY_SPACE } from '#storage/key-space.ts';
import { assert } from '#util/assert.ts';
import { concatBytes, fromLatin1 } from '#util/bytes.ts';
import type { StoreName } from './store.ts';

/** Heights are 8 bytes, big endian, so that rows sort by them. */
export const HEIGHT_BYTES = 8;
/** A store name has one length byte; all of it ASCII. */
const NAME_BYTES_MAX = 64;

/** Key of the head record. */
export const HEAD_KEY = Uint8Array.of(KEY_SPACE.stateHead);
/** Key of the least height that can be read. It is not in the head record, because pruning runs beside commits. */
export const BASE_KEY = Uint8Array.of(KEY_SPACE.stateHead, 0x62);
/** Key of the height below which the pruner has deleted all lists of changed keys. */
export const SWEPT_KEY = Uint8Array.of(KEY_SPACE.stateHead, 0x77);

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

/** `undoBytes`: of the undo rows of all heights up to this one, in the count of the lists of changed keys. */
export function encodeBase(height: number, undoBytes = 0): Uint8Array {
  return withChecksum(concatBytes(heightBytes(height), heightBytes(undoBytes)));
}

export function decodeBase(record: Uint8Array): { readonly height: number; readonly undoBytes: number } {
  const bytes = checkedValue(record, BASE_KEY, 'base height');
  return { height: readHeight(bytes, 0), undoBytes: readHeight(bytes, HEIGHT_BYTES) };
}

export function encodeSwept(height: number): Uint8Array {
  return withChecksum(heightBytes(height));
}

export function decodeSwept(record: Uint8Array): number {
  return readHeight(checkedValue(record, SWEPT_KEY, 'mark of the pruner'), 0);
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

export function leafKey(prefix: Uint8Array, key: Uint8Array): Uint8Array {
  const out = new Uint8Array(prefix.length + key.length);
  out.set(prefix);
  out.set(key, prefix.length);
  return out;
}

/** Bytes behind a leaf's value: the height that wrote it. */
const WRITTEN_AT_BYTES = 6;

/**
 * A leaf's row: the value, and the height that wrote it. The tree checks the value; the height tells whether undo rows
 * of the key were lost (see undo-rows.ts).
 */
export function encodeLeaf(value: Uint8Array, writtenAt: number): Uint8Array {
  const row = new Uint8Array(value.length + WRITTEN_AT_BYTES);
  row.set(value);
  const view = new DataView(row.buffer, value.length);
  view.setUint16(0, Math.floor(writtenAt / 2 ** 32));
  view.setUint32(2, writtenAt % 2 ** 32);
  return row;
}

/** The value in a leaf's row, as a view of it. Empty, which no value is, where the row is too short. */
export function leafValue(row: Uint8Array): Uint8Array {
  return row.subarray(0, Math.max(0, row.length - WRITTEN_AT_BYTES));
}

export function leafWrittenAt(row: Uint8Array): number {
  if (row.length < WRITTEN_AT_BYTES) return 0;
  const view = new DataView(row.buffer, row.byteOffset + row.length - WRITTEN_AT_BYTES);
  return view.getUint16(0) * 2 ** 32 + view.getUint32(2);
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

export function nameBytes(name: StoreName): Uint8Array {
  assert(name.length > 0 && name.length <= NAME_BYTES_MAX, 'a store name has 1 to 64 ASCII characters');
  return concatBytes(Uint8Array.of(name.length), fromLatin1(name));
}

function heightBytes(height: number): Uint8Array {
  const out = new Uint8Array(HEIGHT_BYTES);
  writeHeight(out, 0, height);
  return out;
}

export function writeHeight(out: Uint8Array, at: number, height: number): void {
  const view = new DataView(out.buffer, out.byteOffset, out.byteLength);
  view.setUint32(at, Math.floor(height / 2 ** 32));
  view.setUint32(at + 4, height % 2 ** 32);
}

export function readHeight(bytes: Uint8Array, at: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return view.getUint32(at) * 2 ** 32 + view.getUint32(at + 4);
}
