import { malformed, tooLarge } from './errors.ts';

const FIRST_BUFFER_BYTES = 512;

/** A true Uint8Array with a copy. `slice` would not do: on the Buffers that sockets give it shares memory. */
export function copyOf(bytes: Uint8Array, start = 0, end = bytes.length): Uint8Array {
  const out = new Uint8Array(end - start);
  out.set(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end));
  return out;
}

/** Builds a message: big-endian integers, byte strings with a u32 length in front. */
export class ByteWriter {
  private buffer = new Uint8Array(FIRST_BUFFER_BYTES);
  private view = new DataView(this.buffer.buffer);
  private length = 0;

  u8(value: number): void {
    this.reserve(1);
    this.buffer[this.length++] = value;
  }

  bool(value: boolean): void {
    this.u8(value ? 1 : 0);
  }

  u32(value: number): void {
    this.reserve(4);
    this.view.setUint32(this.length, value);
    this.length += 4;
  }

  /** Heights: non-negative safe integers. */
  u64(value: number): void {
    this.reserve(8);
    this.view.setBigUint64(this.length, BigInt(value));
    this.length += 8;
  }

  /** Without a length: the reader knows it. */
  fixed(value: Uint8Array): void {
    this.reserve(value.length);
    this.buffer.set(value, this.length);
    this.length += value.length;
  }

  bytes(value: Uint8Array): void {
    this.u32(value.length);
    this.fixed(value);
  }

  list<T>(values: readonly T[], write: (value: T) => void): void {
    this.u32(values.length);
    for (const value of values) write(value);
  }

  optional<T>(value: T | undefined, write: (value: T) => void): void {
    this.bool(value !== undefined);
    if (value !== undefined) write(value);
  }

  /** The written bytes; the writer must not be used afterwards. */
  finish(): Uint8Array {
    return this.buffer.subarray(0, this.length);
  }

  private reserve(more: number): void {
    const needed = this.length + more;
    if (needed <= this.buffer.length) return;
    const grown = new Uint8Array(Math.max(needed, 2 * this.buffer.length));
    grown.set(this.buffer.subarray(0, this.length));
    this.buffer = grown;
    this.view = new DataView(grown.buffer);
  }
}

/**
 * Reads what ByteWriter wrote, from a peer. Throws NetworkError `malformed` or `too_large`; every length and count is
 * compared with its limit and with the bytes that are there before memory is taken for it.
 */
export class ByteReader {
  private readonly source: Uint8Array;
  private readonly view: DataView;
  private position = 0;

  constructor(source: Uint8Array) {
    this.source = source;
    this.view = new DataView(source.buffer, source.byteOffset, source.byteLength);
  }

  get remaining(): number {
    return this.source.length - this.position;
  }

  u8(): number {
    return this.source[this.take(1)] as number;
  }

  bool(): boolean {
    const value = this.u8();
    if (value > 1) throw malformed(`a flag of ${value}`);
    return value === 1;
  }

  u32(): number {
    return this.view.getUint32(this.take(4));
  }

  /** At most `max`, by default 2^31-1: CometBFT's int32 for rounds and indexes. */
  int(max = 0x7fff_ffff): number {
    const value = this.u32();
    if (value > max) throw malformed(`a number of ${value}, at most ${max} is allowed`);
    return value;
  }

  u64(): number {
    const value = this.view.getBigUint64(this.take(8));
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw malformed('a height above 2^53');
    return Number(value);
  }

  /** A copy of the next `length` bytes. */
  fixed(length: number): Uint8Array {
    const start = this.take(length);
    return copyOf(this.source, start, start + length);
  }

  bytes(max: number): Uint8Array {
    const length = this.u32();
    if (length > max) throw tooLarge(`a field of ${length} bytes, at most ${max} are allowed`);
    return this.fixed(length);
  }

  /** All that is left, not copied: for whoever looks at it before the message is dropped. */
  rest(): Uint8Array {
    const start = this.take(this.remaining);
    return this.source.subarray(start);
  }

  /** A list of at most `max` entries of at least `minBytes` bytes each. */
  list<T>(max: number, minBytes: number, read: () => T): T[] {
    const count = this.u32();
    if (count > max) throw tooLarge(`a list of ${count} entries, at most ${max} are allowed`);
    if (count * minBytes > this.remaining) throw malformed(`a list of ${count} entries in ${this.remaining} bytes`);
    const values: T[] = [];
    for (let i = 0; i < count; i++) values.push(read());
    return values;
  }

  optional<T>(read: () => T): T | undefined {
    return this.bool() ? read() : undefined;
  }

  /** Nothing may follow a message. */
  end(): void {
    if (this.remaining !== 0) throw malformed(`${this.remaining} bytes after the message`);
  }

  private take(length: number): number {
    if (length > this.remaining) throw malformed(`cut short: ${length} bytes wanted, ${this.remaining} left`);
    const start = this.position;
    this.position += length;
    return start;
  }
}
