import { assert } from '#util/assert.ts';

/** Enough for most records, so that few are copied while they grow. */
const FIRST_CAPACITY = 512;
const SEVEN_BITS = 0x80;
/** From here on a number's double, which bigVarint writes, is no safe integer any more. */
const DOUBLED_LIMIT = 2n ** 52n;

/** Builds a record of varints (little endian base 128, as protobuf's) and raw bytes. */
export class ByteWriter {
  private buffer: Uint8Array;
  private end = 0;

  /** `capacity` is a guess of the record's bytes. */
  constructor(capacity = FIRST_CAPACITY) {
    this.buffer = new Uint8Array(capacity);
  }

  get length(): number {
    return this.end;
  }

  /** A number from 0 to 2^53 - 1. */
  varint(value: number): void {
    assert(Number.isSafeInteger(value) && value >= 0, 'a stored number is a whole one from 0 on');
    this.reserve(8);
    let left = value;
    while (left >= SEVEN_BITS) {
      this.buffer[this.end++] = (left % SEVEN_BITS) | SEVEN_BITS;
      left = Math.floor(left / SEVEN_BITS);
    }
    this.buffer[this.end++] = left;
  }

  /** Any integer: the sign is the lowest bit. */
  bigVarint(value: bigint): void {
    // Most are small, and a bigint costs an allocation for every step.
    if (value >= 0n && value < DOUBLED_LIMIT) {
      this.varint(Number(value) * 2);
      return;
    }
    let left = value < 0n ? -value * 2n - 1n : value * 2n;
    while (left >= 0x80n) {
      this.reserve(1);
      this.buffer[this.end++] = Number(left & 0x7fn) | SEVEN_BITS;
      left >>= 7n;
    }
    this.reserve(1);
    this.buffer[this.end++] = Number(left);
  }

  raw(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.buffer.set(bytes, this.end);
    this.end += bytes.length;
  }

  /** The lower eight bits of each character. */
  latin1(text: string): void {
    this.reserve(text.length);
    for (let i = 0; i < text.length; i++) this.buffer[this.end + i] = text.charCodeAt(i);
    this.end += text.length;
  }

  /** Puts the number of bytes from `start` on before them: as bytes() of a record that was written in place. */
  prefixLength(start: number): void {
    const length = this.end - start;
    this.varint(length);
    const prefix = this.buffer.slice(start + length, this.end);
    this.buffer.copyWithin(start + prefix.length, start, start + length);
    this.buffer.set(prefix, start);
  }

  /** Length and bytes. */
  bytes(bytes: Uint8Array): void {
    this.varint(bytes.length);
    this.raw(bytes);
  }

  /** The record so far, with `spare` zero bytes behind it. */
  finish(spare = 0): Uint8Array {
    if (spare === 0 && this.end === this.buffer.length) return this.buffer;
    const out = new Uint8Array(this.end + spare);
    out.set(this.buffer.subarray(0, this.end));
    return out;
  }

  private reserve(bytes: number): void {
    if (this.end + bytes <= this.buffer.length) return;
    const larger = new Uint8Array(Math.max(this.buffer.length * 2, this.end + bytes));
    larger.set(this.buffer.subarray(0, this.end));
    this.buffer = larger;
  }
}

/** Reads what ByteWriter wrote; the record's checksum has been verified, so a fault is the program's. */
export class ByteReader {
  private readonly buffer: Uint8Array;
  private at: number;

  constructor(buffer: Uint8Array, at = 0) {
    this.buffer = buffer;
    this.at = at;
  }

  get atEnd(): boolean {
    return this.at >= this.buffer.length;
  }

  varint(): number {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = this.byte();
      value += (byte % SEVEN_BITS) * scale;
      if (byte < SEVEN_BITS) return value;
      scale *= SEVEN_BITS;
    }
  }

  bigVarint(): bigint {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.byte();
      value |= BigInt(byte % SEVEN_BITS) << shift;
      if (byte < SEVEN_BITS) break;
    }
    return (value & 1n) === 0n ? value >> 1n : -((value + 1n) >> 1n);
  }

  /** A copy. */
  raw(length: number): Uint8Array {
    assert(this.at + length <= this.buffer.length, 'a stored record is complete');
    this.at += length;
    return this.buffer.slice(this.at - length, this.at);
  }

  bytes(): Uint8Array {
    return this.raw(this.varint());
  }

  private byte(): number {
    const byte = this.buffer[this.at++];
    assert(byte !== undefined, 'a stored record is complete');
    return byte;
  }
}
