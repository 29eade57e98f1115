import type { EventAttribute, LedgerEvent, TxResult } from '#types/results.ts';
import { assert } from '#util/assert.ts';
import { fromLatin1 } from '#util/bytes.ts';
import { ByteReader, ByteWriter } from './byte-codec.ts';
import { RESULT_DICTIONARY } from './result-dictionary.ts';

/**
 * Results of transactions in few bytes: rendered events of a transfer are 1.5 KB, of which almost all stands in a
 * dictionary, in the transaction itself (addresses, the signature in base64) or earlier in the same result.
 *
 * A string is a varint, `argument * KINDS + kind`, and what the kind asks for.
 */
const LITERAL = 0; // argument: bytes of UTF-8, which follow
const LITERAL_BYTES = 1; // argument: bytes, one a character, which follow
const DICTIONARY = 2; // argument: index in RESULT_DICTIONARY
const EARLIER = 3; // argument: index among the strings of this result that were spelled out
const IN_TX = 4; // argument: length; then the offset in the transaction
const BASE64_IN_TX = 5; // argument: length of the decoded bytes; then their offset in the transaction
const EARLIER_THEN = 6; // argument: as EARLIER; then one string: their concatenation
const KINDS = 8;

/** Shorter strings cost more as a reference into the transaction than spelled out. */
const IN_TX_LENGTH_MIN = 6;
/** Only signatures are worth a base64 decoding: 64 bytes are 88 characters. */
const SIGNATURE_CHARACTERS = 88;
/** As many strings are found by comparing with each faster than through a map, which would have to be made first. */
const SCANNED_STRINGS = 16;
/** Between the two parts of `acc_seq`, whose first one is an address. */
const PART_SEPARATOR = '/';
const ALL_INDEXED = 1;
const SOME_INDEXED = 0;

const DICTIONARY_INDEX: ReadonlyMap<string, number> = new Map(RESULT_DICTIONARY.map((text, index) => [text, index]));
const UTF8 = new TextEncoder();

/** `tx`: the transaction's bytes, needed again for decoding. */
export function encodeResult(writer: ByteWriter, result: TxResult, tx: Uint8Array): void {
  const strings = new StringWriter(writer, tx);
  writer.varint(result.code);
  strings.bytes(result.data);
  strings.text(result.log);
  strings.text(result.info);
  writer.bigVarint(result.gasWanted);
  writer.bigVarint(result.gasUsed);
  strings.text(result.codespace);
  writeEvents(writer, strings, result.events);
}

export function decodeResult(reader: ByteReader, tx: Uint8Array): TxResult {
  const strings = new StringReader(reader, tx);
  const code = reader.varint();
  const data = fromLatin1(strings.next());
  const log = strings.next();
  const info = strings.next();
  const gasWanted = reader.bigVarint();
  const gasUsed = reader.bigVarint();
  const codespace = strings.next();
  return { code, data, log, info, gasWanted, gasUsed, codespace, events: readEvents(reader, strings) };
}

export function encodeEvents(events: readonly LedgerEvent[]): Uint8Array {
  const writer = new ByteWriter();
  writeEvents(writer, new StringWriter(writer, new Uint8Array(0)), events);
  return writer.finish();
}

export function decodeEvents(bytes: Uint8Array): LedgerEvent[] {
  const reader = new ByteReader(bytes);
  return readEvents(reader, new StringReader(reader, new Uint8Array(0)));
}

function writeEvents(writer: ByteWriter, strings: StringWriter, events: readonly LedgerEvent[]): void {
  writer.varint(events.length);
  for (const { type, attributes } of events) {
    strings.text(type);
    const allIndexed = attributes.every(({ index }) => index);
    writer.varint(attributes.length * 2 + (allIndexed ? ALL_INDEXED : SOME_INDEXED));
    for (const { key, value, index } of attributes) {
      strings.text(key);
      strings.text(value);
      if (!allIndexed) writer.varint(index ? 1 : 0);
    }
  }
}

function readEvents(reader: ByteReader, strings: StringReader): LedgerEvent[] {
  const events: LedgerEvent[] = [];
  const count = reader.varint();
  for (let i = 0; i < count; i++) {
    const type = strings.next();
    const header = reader.varint();
    const allIndexed = header % 2 === ALL_INDEXED;
    const attributes: EventAttribute[] = [];
    for (let left = Math.floor(header / 2); left > 0; left--) {
      const key = strings.next();
      const value = strings.next();
      attributes.push({ key, value, index: allIndexed || reader.varint() === 1 });
    }
    events.push({ type, attributes });
  }
  return events;
}

class StringWriter {
  private readonly writer: ByteWriter;
  private readonly tx: string;
  private readonly earlier = new EarlierStrings();

  constructor(writer: ByteWriter, tx: Uint8Array) {
    this.writer = writer;
    this.tx = latin1(tx);
  }

  text(text: string): void {
    // No string of the dictionary is ever spelled out, so the order of these two does not matter.
    const earlier = this.earlier.indexOf(text);
    if (earlier !== undefined) this.token(EARLIER, earlier);
    else if (!this.inDictionary(text)) this.newText(text);
  }

  /** Like a text with one character a byte. */
  bytes(bytes: Uint8Array): void {
    const text = latin1(bytes);
    if (this.inDictionary(text)) return;
    this.token(LITERAL_BYTES, bytes.length);
    this.writer.raw(bytes);
    this.earlier.push(text);
  }

  private inDictionary(text: string): boolean {
    const index = DICTIONARY_INDEX.get(text);
    if (index !== undefined) this.token(DICTIONARY, index);
    return index !== undefined;
  }

  private newText(text: string): void {
    const ascii = isAscii(text);
    if (this.inTx(text, ascii)) this.earlier.push(text);
    else if (!this.inParts(text)) this.literal(text, ascii);
  }

  private literal(text: string, ascii: boolean): void {
    if (ascii) {
      this.token(LITERAL, text.length);
      this.writer.latin1(text);
    } else {
      const utf8 = UTF8.encode(text);
      this.token(LITERAL, utf8.length);
      this.writer.raw(utf8);
    }
    this.earlier.push(text);
  }

  private inTx(text: string, ascii: boolean): boolean {
    // The transaction is searched as bytes, one a character: only ASCII means the same there.
    if (!ascii || text.length < IN_TX_LENGTH_MIN) return false;
    const at = this.tx.indexOf(text);
    if (at < 0) return text.length === SIGNATURE_CHARACTERS && this.base64InTx(text);
    this.token(IN_TX, text.length);
    this.writer.varint(at);
    return true;
  }

  private base64InTx(text: string): boolean {
    const bytes = Buffer.from(text, 'base64');
    const at = this.tx.indexOf(bytes.toString('latin1'));
    if (at < 0 || bytes.toString('base64') !== text) return false;
    this.token(BASE64_IN_TX, bytes.length);
    this.writer.varint(at);
    return true;
  }

  private inParts(text: string): boolean {
    const split = text.indexOf(PART_SEPARATOR);
    const first = split > 0 ? this.earlier.indexOf(text.slice(0, split)) : undefined;
    if (first === undefined) return false;
    this.token(EARLIER_THEN, first);
    this.text(text.slice(split));
    return true;
  }

  private token(kind: number, argument: number): void {
    this.writer.varint(argument * KINDS + kind);
  }
}

/** The strings of a result that were spelled out, in their order. */
class EarlierStrings {
  private readonly texts: string[] = [];
  /** Once there are many: a result has as many strings as its sender likes, and each is looked up. */
  private index: Map<string, number> | undefined;

  indexOf(text: string): number | undefined {
    if (this.index !== undefined) return this.index.get(text);
    for (let i = 0; i < this.texts.length; i++) if (this.texts[i] === text) return i;
    return undefined;
  }

  push(text: string): void {
    this.index?.set(text, this.texts.length);
    this.texts.push(text);
    if (this.texts.length === SCANNED_STRINGS) this.index = new Map(this.texts.map((each, index) => [each, index]));
  }
}

class StringReader {
  private readonly reader: ByteReader;
  private readonly tx: Uint8Array;
  private readonly earlier: string[] = [];

  constructor(reader: ByteReader, tx: Uint8Array) {
    this.reader = reader;
    this.tx = tx;
  }

  next(): string {
    const token = this.reader.varint();
    const argument = Math.floor(token / KINDS);
    switch (token % KINDS) {
      case DICTIONARY:
        return known(RESULT_DICTIONARY[argument]);
      case EARLIER:
        return known(this.earlier[argument]);
      case EARLIER_THEN:
        return known(this.earlier[argument]) + this.next();
      default:
        return this.spelledOut(token % KINDS, argument);
    }
  }

  private spelledOut(kind: number, length: number): string {
    const text = this.spell(kind, length);
    this.earlier.push(text);
    return text;
  }

  private spell(kind: number, length: number): string {
    if (kind === LITERAL) return new TextDecoder().decode(this.reader.raw(length));
    if (kind === LITERAL_BYTES) return latin1(this.reader.raw(length));
    const at = this.reader.varint();
    assert(at + length <= this.tx.length, 'a result refers to its own transaction');
    const bytes = this.tx.subarray(at, at + length);
    if (kind === IN_TX) return latin1(bytes);
    assert(kind === BASE64_IN_TX, 'the kind of a stored string is known');
    return toBase64(bytes);
  }
}

function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

function known(text: string | undefined): string {
  assert(text !== undefined, 'a stored string refers to one that exists');
  return text;
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false;
  return true;
}
