/** Sizes and writing of protobuf fields, for records whose encoding is on the transaction path. */

/** Bytes of a varint. `value` is a safe integer, not negative. */
export function numberSize(value: number): number {
  let size = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) size++;
  return size;
}

export function uint64Size(value: bigint): number {
  if (value <= BigInt(Number.MAX_SAFE_INTEGER)) return numberSize(Number(value));
  let size = 0;
  for (let rest = value; rest > 0n; rest >>= 7n) size++;
  return size;
}

/** Size of a length-delimited field with a one-byte tag and `length` bytes of content. */
export function fieldSize(length: number): number {
  return 1 + numberSize(length) + length;
}

/** Fills an array of a size that was computed before: its own, or one that is given. */
export class WireWriter {
  readonly bytes: Uint8Array;
  private position = 0;

  constructor(size: number, bytes: Uint8Array = new Uint8Array(size)) {
    this.bytes = bytes;
  }

  tag(tag: number): void {
    this.bytes[this.position++] = tag;
  }

  number(value: number): void {
    let rest = value;
    while (rest >= 0x80) {
      this.bytes[this.position++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.bytes[this.position++] = rest;
  }

  uint64(value: bigint): void {
    if (value <= BigInt(Number.MAX_SAFE_INTEGER)) {
      this.number(Number(value));
      return;
    }
    let rest = value;
    while (rest >= 0x80n) {
      this.bytes[this.position++] = Number(rest & 0x7fn) | 0x80;
      rest >>= 7n;
    }
    this.bytes[this.position++] = Number(rest);
  }

  /** A length-delimited field of bytes. */
  bytesField(tag: number, value: Uint8Array): void {
    this.tag(tag);
    this.number(value.length);
    this.bytes.set(value, this.position);
    this.position += value.length;
  }

  /** A length-delimited field of ASCII text. */
  asciiField(tag: number, text: string): void {
    this.tag(tag);
    this.number(text.length);
    for (let i = 0; i < text.length; i++) this.bytes[this.position++] = text.charCodeAt(i);
  }
}
