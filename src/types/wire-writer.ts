import { assert } from '#util/assert.ts';

/**
 * Writes protobuf. Zeros and empty values are left out, as proto3 does.
 *
 * Not cosmjs-types' writer, for two reasons. Its 64-bit varints are wrong from 2^31 to 2^32 - 1 (0.11.0 writes
 * 3000000000 as `00 00 00 00 00`), which voting powers, gas, heights and, from 2038-01-19 on, all timestamps reach. And
 * it makes an object and a closure for each field, where results and events are written for every transaction.
 */

const INITIAL_BYTES = 512;
const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const MAX_VARINT_BYTES = 10;
const MAX_EXACT = BigInt(Number.MAX_SAFE_INTEGER);
/** A message's length is written after its body; one byte is kept free for it, more are made room for. */
const LENGTH_BYTES = 1;

const UTF8 = new TextEncoder();

/** What `write` puts into a new writer. */
export function encodeWith(write: (writer: Writer) => void): Uint8Array {
  const writer = new Writer();
  write(writer);
  return writer.finish();
}

/** A list of messages, one after the other in one writer's memory: the leaves of a Merkle tree. */
export function encodeEach<T>(values: readonly T[], write: (writer: Writer, value: T) => void): Uint8Array[] {
  const writer = new Writer();
  return values.map((value) => {
    writer.reset();
    write(writer, value);
    return writer.finish();
  });
}

export class Writer {
  private buffer: Uint8Array;
  private position = 0;

  /** `sizeHint` bytes are taken at once; the writer grows by itself. */
  constructor(sizeHint = INITIAL_BYTES) {
    this.buffer = new Uint8Array(sizeHint);
  }

  /** The bytes so far; a copy. */
  finish(): Uint8Array {
    return this.buffer.slice(0, this.position);
  }

  /** The bytes so far, valid until the next write. */
  view(): Uint8Array {
    return this.buffer.subarray(0, this.position);
  }

  /** Forgets all bytes and keeps the memory. */
  reset(): void {
    this.position = 0;
  }

  /** A uint32, uint53 or bool field. */
  number(field: number, value: number): void {
    assert(Number.isSafeInteger(value) && value >= 0, 'an unsigned number field takes a safe integer');
    if (value === 0) return;
    this.tag(field, VARINT);
    this.varint(value);
  }

  /** An int64 or uint64 field. */
  integer(field: number, value: bigint): void {
    if (value === 0n) return;
    this.tag(field, VARINT);
    if (value > 0n && value <= MAX_EXACT) {
      this.varint(Number(value));
      return;
    }
    this.reserve(MAX_VARINT_BYTES);
    let rest = BigInt.asUintN(64, value);
    while (rest > 127n) {
      this.buffer[this.position++] = Number(rest & 127n) | 128;
      rest >>= 7n;
    }
    this.buffer[this.position++] = Number(rest);
  }

  /** Little-endian and eight bytes wide. */
  sfixed64(field: number, value: number): void {
    assert(Number.isSafeInteger(value), 'a number field takes a safe integer');
    if (value === 0) return;
    this.tag(field, FIXED64);
    this.reserve(8);
    new DataView(this.buffer.buffer).setBigInt64(this.position, BigInt(value), true);
    this.position += 8;
  }

  bytes(field: number, value: Uint8Array): void {
    if (value.length !== 0) this.entry(field, value);
  }

  /** One entry of a repeated bytes field: written when empty, too. */
  entry(field: number, value: Uint8Array): void {
    this.tag(field, BYTES);
    this.varint(value.length);
    this.reserve(value.length);
    this.buffer.set(value, this.position);
    this.position += value.length;
  }

  string(field: number, value: string): void {
    if (value.length === 0) return;
    this.tag(field, BYTES);
    const start = this.open();
    this.reserve(value.length * 3);
    this.position += UTF8.encodeInto(value, this.buffer.subarray(this.position)).written;
    this.close(start);
  }

  /** A sub-message, written when empty, too. */
  message(field: number, write: (writer: Writer) => void): void {
    this.tag(field, BYTES);
    const start = this.open();
    write(this);
    this.close(start);
  }

  /** A message preceded by its length alone, as in a stream. */
  delimited(write: (writer: Writer) => void): void {
    const start = this.open();
    write(this);
    this.close(start);
  }

  private open(): number {
    this.reserve(LENGTH_BYTES);
    this.position += LENGTH_BYTES;
    return this.position;
  }

  private close(start: number): void {
    const length = this.position - start;
    let extra = 0;
    for (let rest = Math.floor(length / 128); rest > 0; rest = Math.floor(rest / 128)) extra++;
    // Room for the length while the body still counts as written: growing keeps what is before the position alone.
    this.reserve(MAX_VARINT_BYTES);
    if (extra > 0) this.buffer.copyWithin(start + extra, start, this.position);
    this.position = start - LENGTH_BYTES;
    this.varint(length);
    this.position += length;
  }

  private tag(field: number, wireType: number): void {
    this.varint(field * 8 + wireType);
  }

  private varint(value: number): void {
    this.reserve(MAX_VARINT_BYTES);
    let rest = value;
    while (rest > 127) {
      this.buffer[this.position++] = (rest % 128) | 128;
      rest = Math.floor(rest / 128);
    }
    this.buffer[this.position++] = rest;
  }

  private reserve(bytes: number): void {
    if (this.position + bytes <= this.buffer.length) return;
    const grown = new Uint8Array(Math.max(this.buffer.length * 2, this.position + bytes));
    grown.set(this.buffer.subarray(0, this.position));
    this.buffer = grown;
  }
}
