import { CHECKSUM_BYTES, sealChecksum } from '#storage/checksummed.ts';

/** Bytes of one buffer that rows share: one each costs some 300 bytes besides and the garbage collector's time. */
const BUFFER_BYTES = 16 * 1024;
/** Bytes of the longest varint: a safe integer has 53 bits. */
export const VARINT_MAX_BYTES = 8;

/** Writes keys and rows one behind the other: `begin`, then bytes and numbers, then `key` or `row`. */
export class RowWriter {
  private readonly bufferBytes: number;
  private buffer = new Uint8Array(0);
  private start = 0;
  private end = 0;

  /** With 0, each has a buffer of its own. */
  constructor(bufferBytes = BUFFER_BYTES) {
    this.bufferBytes = bufferBytes;
  }

  /** A key or row of at most so many bytes, without a checksum. */
  begin(maxBytes: number): this {
    const room = maxBytes + CHECKSUM_BYTES;
    if (this.end + room > this.buffer.length) {
      this.buffer = new Uint8Array(Math.max(this.bufferBytes, room));
      this.end = 0;
    }
    this.start = this.end;
    return this;
  }

  byte(byte: number): this {
    this.buffer[this.end++] = byte;
    return this;
  }

  /** The first `length` of `bytes`. */
  bytes(bytes: Uint8Array, length: number): this {
    for (let i = 0; i < length; i++) this.buffer[this.end++] = bytes[i] as number;
    return this;
  }

  varint(value: number): this {
    let rest = value;
    while (rest >= 0x80) {
      this.buffer[this.end++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.buffer[this.end++] = rest;
    return this;
  }

  /** Six bytes, big endian. */
  uint48(value: number): this {
    const high = Math.floor(value / 2 ** 32);
    const low = value % 2 ** 32;
    this.byte(high >>> 8).byte(high);
    return this.byte(low >>> 24)
      .byte(low >>> 16)
      .byte(low >>> 8)
      .byte(low);
  }

  /** What was written since `begin`. */
  key(): Uint8Array {
    return this.buffer.subarray(this.start, this.end);
  }

  /** The same with its checksum. */
  row(): Uint8Array {
    this.end += CHECKSUM_BYTES;
    const row = this.key();
    sealChecksum(row);
    return row;
  }
}
