import { EMPTY_BYTES } from '#util/bytes.ts';
import { type TypesErrorCode, typesError } from './errors.ts';

/**
 * Reads protobuf from peers. Only the one canonical encoding of a message is accepted: fields ascending and once,
 * varints as short as possible, no explicit defaults, no unknown fields. So decoding then encoding gives the same
 * bytes, no reader ever sees another meaning, and nothing is allocated by a claimed length.
 */

/** A length limit for fields that hold a SHA-256 hash or nothing. */
export const HASH_BYTES: Lengths = { allowed: [32] };
/** A length limit for a validator's address. */
export const ADDRESS_BYTES: Lengths = { allowed: [20] };
/** A length limit for Ed25519 and secp256k1 signatures. */
export const SIGNATURE_BYTES: Lengths = { allowed: [64] };

export type Lengths = { readonly allowed: readonly number[] } | { readonly max: number };

const VARINT = 0;
const FIXED64 = 1;
const LENGTH_DELIMITED = 2;
const MAX_VARINT_BYTES = 10;
const MAX_UINT32 = 0xffff_ffff;
const MAX_INT32 = 0x7fff_ffff;

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export class Reader {
  private readonly source: Uint8Array;
  private readonly end: number;
  private position: number;
  private wireType = VARINT;
  /** For error messages: `Block.last_commit`. */
  private readonly name: string;

  constructor(source: Uint8Array, name: string, start = 0, end = source.length) {
    // A Buffer's own `slice` does not copy.
    this.source = source.constructor === Uint8Array ? source : new Uint8Array(source.buffer, source.byteOffset, end);
    this.name = name;
    this.position = start;
    this.end = end;
  }

  get done(): boolean {
    return this.position >= this.end;
  }

  /** Reads the next tag and gives its field number. */
  tag(): number {
    const tag = this.varintNumber();
    this.wireType = tag & 7;
    const field = Math.floor(tag / 8);
    if (tag > MAX_UINT32 || field === 0) throw this.fault('invalid tag');
    return field;
  }

  /** uint32 that is not zero. */
  uint32(): number {
    return this.number(MAX_UINT32);
  }

  /** int32 that is above zero. */
  positiveInt32(): number {
    return this.number(MAX_INT32);
  }

  /** int32 that is not zero, negative ones in ten bytes. */
  int32(): number {
    const value = BigInt.asIntN(64, this.uint64());
    if (value < -0x8000_0000n || value > 0x7fff_ffffn) throw this.fault('int32 out of range');
    return Number(value);
  }

  /** A height or size above zero and not beyond 2^53 - 1, where numbers stop being exact. */
  positiveInt53(): number {
    return this.number(Number.MAX_SAFE_INTEGER);
  }

  /** uint64 that is not zero. */
  uint64(): bigint {
    this.expect(VARINT);
    const value = this.varint();
    if (value === 0n) throw this.fault('explicit zero');
    return value;
  }

  /** int64 that is not zero. */
  int64(): bigint {
    return BigInt.asIntN(64, this.uint64());
  }

  /** true; false is never written. */
  bool(): boolean {
    if (this.uint64() !== 1n) throw this.fault('invalid bool');
    return true;
  }

  /** Little-endian, not zero. */
  sfixed64(): bigint {
    this.expect(FIXED64);
    if (this.end - this.position < 8) throw this.fault('truncated');
    const value = new DataView(this.source.buffer, this.source.byteOffset + this.position, 8).getBigInt64(0, true);
    this.position += 8;
    if (value === 0n) throw this.fault('explicit zero');
    return value;
  }

  /** A copy of a field that is not empty. */
  bytes(lengths: Lengths): Uint8Array {
    const bytes = this.bytesOrEmpty(lengths);
    if (bytes.length === 0) throw this.fault('explicit empty value');
    return bytes;
  }

  /** A copy of one entry of a repeated field, which may be empty. */
  bytesOrEmpty(lengths: Lengths): Uint8Array {
    const length = this.length();
    const fits = 'max' in lengths ? length <= lengths.max : length === 0 || lengths.allowed.includes(length);
    if (!fits) throw this.fault(`field of ${length} bytes`);
    if (length === 0) return EMPTY_BYTES;
    const start = this.position;
    this.position += length;
    return this.source.slice(start, this.position);
  }

  /** UTF-8 that is not empty. */
  string(maxBytes: number): string {
    const length = this.length();
    if (length === 0 || length > maxBytes) throw this.fault(`text of ${length} bytes`);
    const start = this.position;
    this.position += length;
    try {
      return UTF8.decode(this.source.subarray(start, this.position));
    } catch {
      throw this.fault('text is not UTF-8');
    }
  }

  /** Hands the field's bytes, which may be none, to `read`, and insists that it consumes all of them. */
  message<T>(read: (reader: Reader) => T): T {
    const length = this.length();
    const start = this.position;
    this.position += length;
    return read(new Reader(this.source, this.name, start, this.position));
  }

  fault(reason: string, code: TypesErrorCode = 'bad_encoding'): Error {
    return typesError(code, `invalid encoding of ${this.name} at byte ${this.position}: ${reason}`);
  }

  private number(max: number): number {
    this.expect(VARINT);
    const value = this.varintNumber();
    if (value === 0) throw this.fault('explicit zero');
    if (value > max) throw this.fault(`number above ${max}`);
    return value;
  }

  private length(): number {
    this.expect(LENGTH_DELIMITED);
    const length = this.varintNumber();
    if (length > this.end - this.position) throw this.fault('length beyond the end');
    return length;
  }

  private expect(wireType: number): void {
    if (this.wireType !== wireType) throw this.fault(`unexpected wire type ${this.wireType}`);
  }

  /** A varint of at most 53 bits. */
  private varintNumber(): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < MAX_VARINT_BYTES; i++) {
      if (this.position >= this.end) throw this.fault('truncated');
      const byte = this.source[this.position++] as number;
      value += (byte & 127) * scale;
      scale *= 128;
      if (value > Number.MAX_SAFE_INTEGER) throw this.fault('number above 2^53 - 1');
      if (byte < 128) {
        if (byte === 0 && i > 0) throw this.fault('number longer than needed');
        return value;
      }
    }
    throw this.fault('number longer than ten bytes');
  }

  private varint(): bigint {
    let value = 0n;
    for (let i = 0; i < MAX_VARINT_BYTES; i++) {
      if (this.position >= this.end) throw this.fault('truncated');
      const byte = this.source[this.position++] as number;
      value |= BigInt(byte & 127) << BigInt(7 * i);
      if (byte < 128) {
        if ((byte === 0 && i > 0) || value > 0xffff_ffff_ffff_ffffn) throw this.fault('invalid number');
        return value;
      }
    }
    throw this.fault('number longer than ten bytes');
  }
}

/**
 * Walks the fields of a message. `onField` consumes the field's value and returns true, or returns false for a field
 * that the message does not have. Only `repeated` may come more than once.
 */
export function readMessage(reader: Reader, onField: (field: number) => boolean, repeated = 0): void {
  let last = 0;
  while (!reader.done) {
    const field = reader.tag();
    if (field < last || (field === last && field !== repeated)) throw reader.fault(`field ${field} out of order`);
    last = field;
    if (!onField(field)) throw reader.fault(`unknown field ${field}`);
  }
}

/** Decodes all of `bytes`, which must be at most `maxBytes` long. `name` is for messages. */
export function decodeWhole<T>(bytes: Uint8Array, name: string, maxBytes: number, read: (reader: Reader) => T): T {
  if (bytes.length > maxBytes) {
    throw typesError('bad_encoding', `${name} of ${bytes.length} bytes is longer than ${maxBytes}`);
  }
  return read(new Reader(bytes, name));
}

/** A required sub-message, or `bad_encoding`. */
export function required<T>(value: T | undefined, reader: Reader, name: string): T {
  if (value === undefined) throw reader.fault(`${name} is missing`);
  return value;
}
