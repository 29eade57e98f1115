import { Refusal, SDK_ERRORS } from '../errors.ts';

/** Protobuf wire types that a Cosmos transaction may hold; groups are refused. */
const VARINT = 0;
const FIXED64 = 1;
const LENGTH_DELIMITED = 2;
const FIXED32 = 5;

/** A tag is a 32-bit varint. */
const MAX_TAG = 0xffffffff;
const MAX_VARINT_BYTES = 10;
/** Messages, coins, inputs, outputs and signatures of one transaction: some 30 ms of synchronous work at most. */
const MAX_REPEATED_ENTRIES = 4_096;
const MAX_UINT64 = (1n << 64n) - 1n;

// `fatal` refuses what is not UTF-8; `ignoreBOM` keeps a byte order mark, so that text encodes back to the same bytes.
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Reads canonical protobuf (ADR-027): tags ascend, varints are minimal, default scalars are left out. Whatever reads
 * here without an error encodes back to the same bytes. Errors are `tx parse error`s. Nothing is allocated by a claimed
 * length: every length is checked against the bytes that are there.
 */
export class WireReader {
  readonly bytes: Uint8Array;
  position: number;
  private end: number;
  private repeated = 0;

  constructor(bytes: Uint8Array, start = 0, end: number = bytes.length) {
    this.bytes = bytes;
    this.position = start;
    this.end = end;
  }

  /** Whether the message that is being read goes on. */
  more(): boolean {
    return this.position < this.end;
  }

  /** The next tag (`field << 3 | wire type`), which must not be below `last`. */
  tag(last: number): number {
    const tag = this.number();
    if (tag > MAX_TAG || tag >>> 3 === 0) throw malformed('invalid length; proto: invalid field number');
    if (tag < last) throw malformed(`fields must ascend (ADR-027), got field ${tag >>> 3} after field ${last >>> 3}`);
    return tag;
  }

  /** Counts an entry of a repeated field: all of them together are bounded, and so is what one transaction can cost. */
  countEntry(): void {
    this.repeated++;
    if (this.repeated > MAX_REPEATED_ENTRIES) throw malformed(`more than ${MAX_REPEATED_ENTRIES} repeated entries`);
  }

  /** For a field that may come once: `tag` must differ from the one before. */
  once(tag: number, last: number): void {
    if (tag === last) throw malformed(`field ${tag >>> 3} comes twice`);
  }

  /** A varint of a length, a tag or an enum. Values above 2^53 are refused. */
  number(): number {
    const first = this.byte();
    if (first < 0x80) return first;
    let value = first & 0x7f;
    let scale = 0x80;
    for (;;) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (value > Number.MAX_SAFE_INTEGER) throw malformed('invalid length; proto: variable length integer overflow');
      if (byte < 0x80) {
        if (byte === 0) throw malformed('varint is not as short as possible');
        return value;
      }
      scale *= 0x80;
    }
  }

  /** A uint64 scalar field: any value but the default. */
  uint64(): bigint {
    const start = this.position;
    let low = 0;
    let scale = 1;
    // Seven groups are 49 bits: exact in a number, and all that ordinary sequences and gas limits need.
    for (let i = 0; i < 7; i++) {
      const byte = this.byte();
      low += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        this.checkScalar(byte, i);
        return BigInt(low);
      }
      scale *= 0x80;
    }
    let value = BigInt(low);
    for (let i = 7; i < MAX_VARINT_BYTES; i++) {
      const byte = this.byte();
      value += BigInt(byte & 0x7f) << BigInt(7 * i);
      if (byte < 0x80) {
        this.checkScalar(byte, i);
        if (value > MAX_UINT64) break;
        return value;
      }
    }
    throw malformed(`varint at byte ${start} is above 2^64-1`);
  }

  /** A non-empty string field. */
  text(): string {
    const end = this.scalarEnd();
    const text = this.decodeText(this.position, end);
    this.position = end;
    return text;
  }

  /** A non-empty bytes field, as a view into the transaction. */
  view(): Uint8Array {
    const end = this.scalarEnd();
    const view = this.bytes.subarray(this.position, end);
    this.position = end;
    return view;
  }

  /** An entry of a repeated bytes field; may be empty. */
  entry(): Uint8Array {
    const end = this.lengthEnd();
    const view = this.bytes.subarray(this.position, end);
    this.position = end;
    return view;
  }

  /** Starts a non-empty bytes field that holds a message; as `enter`. */
  enterBytes(): number {
    const outer = this.end;
    this.end = this.scalarEnd();
    return outer;
  }

  /** Starts an embedded message and returns the enclosing message's end, to be given to `leave`. */
  enter(): number {
    const outer = this.end;
    this.end = this.lengthEnd();
    return outer;
  }

  leave(outer: number): void {
    if (this.position !== this.end) throw malformed('embedded message is longer than its length');
    this.end = outer;
  }

  /** Whether the next length-delimited field holds exactly `expected`; then it is skipped. */
  skipIfEqual(expected: Uint8Array): boolean {
    const start = this.position;
    const end = this.lengthEnd();
    if (end - this.position === expected.length) {
      let i = 0;
      while (i < expected.length && this.bytes[this.position + i] === expected[i]) i++;
      if (i === expected.length) {
        this.position = end;
        return true;
      }
    }
    this.position = start;
    return false;
  }

  /** Skips a field of any known wire type; its own varints must be minimal. */
  skip(tag: number): void {
    switch (tag & 7) {
      case VARINT:
        this.skipVarint();
        return;
      case FIXED64:
        this.skipBytes(8);
        return;
      case LENGTH_DELIMITED:
        this.position = this.lengthEnd();
        return;
      case FIXED32:
        this.skipBytes(4);
        return;
      default:
        throw malformed(`invalid length; proto: cannot parse reserved wire type ${tag & 7}`);
    }
  }

  private decodeText(start: number, end: number): string {
    try {
      return UTF8.decode(this.bytes.subarray(start, end));
    } catch {
      throw malformed('string field contains invalid UTF-8');
    }
  }

  private checkScalar(lastByte: number, index: number): void {
    if (lastByte !== 0) return;
    throw malformed(index === 0 ? 'a default value is encoded (ADR-027)' : 'varint is not as short as possible');
  }

  private scalarEnd(): number {
    const end = this.lengthEnd();
    if (end === this.position) throw malformed('an empty value is encoded (ADR-027)');
    return end;
  }

  private lengthEnd(): number {
    const length = this.number();
    if (length > this.end - this.position) throw malformed('invalid length; unexpected EOF');
    return this.position + length;
  }

  private skipVarint(): void {
    for (let i = 0; i < MAX_VARINT_BYTES; i++) {
      const byte = this.byte();
      if (byte >= 0x80) continue;
      if (byte === 0 && i > 0) throw malformed('varint is not as short as possible');
      if (i === MAX_VARINT_BYTES - 1 && byte > 1) break;
      return;
    }
    throw malformed('invalid length; proto: variable length integer overflow');
  }

  private skipBytes(count: number): void {
    if (count > this.end - this.position) throw malformed('invalid length; unexpected EOF');
    this.position += count;
  }

  private byte(): number {
    if (this.position >= this.end) throw malformed('invalid length; unexpected EOF');
    return this.bytes[this.position++] as number;
  }
}

/** A transaction that cannot be decoded: code 2. */
export function malformed(fault: string): Refusal {
  return new Refusal(SDK_ERRORS.txParse, fault);
}

/** A field that the message does not have. `message` is the protobuf name. */
export function unknownField(message: string, tag: number): Refusal {
  return malformed(`errUnknownField "/${message}": {TagNum: ${tag >>> 3}, WireType:${tag & 7}}`);
}
