import { HASH_LENGTH, sha256, sha256Into } from '#crypto/hash.ts';
import { checkedValue } from '#storage/checksummed.ts';
import { KEY_SPACE } from '#storage/key-space.ts';
import { RowWriter, VARINT_MAX_BYTES } from './row-writer.ts';

/**
 * The indexer's rows. All keys start with `i` and a letter for the kind:
 *
 *   t, 16 bytes of the transaction's hash            -> height, index; and those of a failure that this success replaced
 *   v, 8 bytes of sha256(value), height (6 bytes)    -> entries (slot, event, tag), ascending
 *   n, height (6 bytes)                              -> number of transactions; only for blocks that have some
 *
 * A value row serves all attributes with that value, whatever their keys: an address stands in half a dozen attributes
 * of one transfer, and a row costs far more than an entry. The tag (one byte of the key's hash) tells keys apart well
 * enough to skip most others; every match is checked against the results themselves. Slot 0 are the block's own events,
 * slot i + 1 the events of transaction i.
 */
const TX_ROW = 0x74;
const VALUE_ROW = 0x76;
const COUNT_ROW = 0x6e;

/** Half a SHA-256: nobody finds a second transaction for it, and results are looked at again anyway. */
const TX_KEY_BYTES = 16;
const VALUE_KEY_BYTES = 8;
const HEIGHT_BYTES = 6;
const KEY_MAX_BYTES = 2 + TX_KEY_BYTES;
/** Heights that fit into six bytes. */
export const MAX_HEIGHT = 2 ** 48 - 1;

export const BLOCK_SLOT = 0;

export interface Entry {
  readonly slot: number;
  /** Place among the events of its slot. */
  readonly event: number;
  readonly tag: number;
}

export function txRowKey(hash: Uint8Array, writer = new RowWriter(0)): Uint8Array {
  return beginKey(writer, TX_ROW).bytes(hash, TX_KEY_BYTES).key();
}

/** Hold a value's bytes and its hash for a moment: values come by the thousand. */
const valueBytes = new Uint8Array(256);
const valueHash = new Uint8Array(HASH_LENGTH);

/** Same for all texts that are equal as texts or as plain decimal numbers (`7`, `07`, `7.0`). */
export function valueKey(value: string): Uint8Array {
  return canonicalKey(canonicalValue(value)).slice(0, VALUE_KEY_BYTES);
}

/** Begins with the key of a value that is in its canonical form. The result is overwritten by the next call. */
export function canonicalKey(canonical: string): Uint8Array {
  sha256Into(valueHash, textBytes(canonical));
  return valueHash;
}

export function valueRowKey(key: Uint8Array, height: number, writer = new RowWriter(0)): Uint8Array {
  return beginKey(writer, VALUE_ROW).bytes(key, VALUE_KEY_BYTES).uint48(height).key();
}

/** UTF-8. The result is overwritten by the next call. */
function textBytes(text: string): Uint8Array {
  if (text.length > valueBytes.length) return new TextEncoder().encode(text);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code >= 0x80) return new TextEncoder().encode(text);
    valueBytes[i] = code;
  }
  return valueBytes.subarray(0, text.length);
}

export function countRowKey(height: number, writer = new RowWriter(0)): Uint8Array {
  return beginKey(writer, COUNT_ROW).uint48(height).key();
}

function beginKey(writer: RowWriter, kind: number): RowWriter {
  return writer.begin(KEY_MAX_BYTES).byte(KEY_SPACE.indexes).byte(kind);
}

/** Height at the end of a value or count row's key. */
export function heightOfKey(key: Uint8Array): number {
  const view = new DataView(key.buffer, key.byteOffset + key.length - HEIGHT_BYTES, HEIGHT_BYTES);
  return view.getUint16(0) * 2 ** 32 + view.getUint32(2);
}

/** A number's own form, so that `= 7` and `= '7'` find the same row; other texts as they are. */
export function canonicalValue(value: string): string {
  const first = value.charCodeAt(0);
  if (!(first >= 0x30 && first <= 0x39)) return value;
  // Plain loops from here on: patterns that strip zeros take quadratic time on texts made for it.
  if (!/^[0-9]+(?:\.[0-9]*)?$/.test(value)) return value;
  const dot = value.indexOf('.');
  let end = value.length;
  if (dot >= 0) {
    while (value.charCodeAt(end - 1) === 0x30) end--;
    if (end === dot + 1) end = dot;
  }
  const wholeEnd = dot < 0 ? end : dot;
  let start = 0;
  while (start < wholeEnd - 1 && value.charCodeAt(start) === 0x30) start++;
  return value.slice(start, end);
}

/** One byte that stands for `type.key`. */
export function keyTag(compositeKey: string): number {
  return sha256(new TextEncoder().encode(compositeKey))[0] as number;
}

/** Entries of a value row, one after the other: a block's row may have hundreds of thousands. Throws 'damaged'. */
export function* readEntries(key: Uint8Array, row: Uint8Array): Generator<Entry> {
  const reader = new VarintReader(checkedValue(row, key, 'index row'));
  let slot = 0;
  while (!reader.isAtEnd) {
    slot += reader.next();
    const event = reader.next();
    yield { slot, event, tag: reader.byte() };
  }
}

/** A count or transaction row. */
export function numbersRow(values: readonly number[], writer = new RowWriter(0)): Uint8Array {
  writer.begin(values.length * VARINT_MAX_BYTES);
  for (const value of values) writer.varint(value);
  return writer.row();
}

/** Numbers of a count or transaction row. Throws 'damaged'. */
export function readNumbers(key: Uint8Array, row: Uint8Array): number[] {
  const reader = new VarintReader(checkedValue(row, key, 'index row'));
  const values: number[] = [];
  while (!reader.isAtEnd) values.push(reader.next());
  return values;
}

class VarintReader {
  private readonly bytes: Uint8Array;
  private position = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.position >= this.bytes.length;
  }

  byte(): number {
    return this.bytes[this.position++] ?? 0;
  }

  next(): number {
    let value = 0;
    let scale = 1;
    for (let byte = this.byte(); ; byte = this.byte()) {
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 0x80;
    }
  }
}
