import { equalBytes } from '#util/bytes.ts';
import { BizraError } from '#util/errors.ts';
import { crc32c } from '../crc32c.ts';
import type { StorageErrorCode } from '../errors.ts';

/**
 * A backup file: a preamble, then sections numbered from 0.
 *
 *     preamble  magic (8), version (u16), CRC32C of these (u32)
 *     section   number (u32), kind (u8), encoding (u8), 0 (u16), plain length (u32), stored length (u32),
 *               CRC32C of what is stored (u32), CRC32C of this header up to here (u32), then what is stored
 *
 * Numbers are big endian. The sections are one header (JSON), the genesis document in pieces, records in the order of
 * their keys, and one trailer (JSON) with counts and a SHA-256 over what all sections before it hold when inflated. Every
 * byte of the file is under a checksum, so that one that is wrong is found and its section named.
 */
export const PREAMBLE_BYTES = 14;
export const SECTION_HEADER_BYTES = 24;
/** What the header says of the newest format that this program reads, and writes. */
export const BACKUP_VERSION = 1;
/** `BIZRABK` and a line feed, which a transfer as text would change. */
const MAGIC = Uint8Array.of(0x42, 0x49, 0x5a, 0x52, 0x41, 0x42, 0x4b, 0x0a);
/** A section is closed when it holds so much: it is what a reader has in memory. */
export const SECTION_BYTES = 1024 * 1024;
/** One record alone may be larger than a section: a block of 100 MiB, and room. A longer claim is damage. */
export const SECTION_BYTES_MAX = 256 * 1024 * 1024;

export const SECTION = { header: 1, genesis: 2, records: 3, trailer: 4 } as const;
export type SectionKind = (typeof SECTION)[keyof typeof SECTION];
export const SECTION_NAMES: Readonly<Record<SectionKind, string>> = {
  [SECTION.header]: 'header',
  [SECTION.genesis]: 'genesis document',
  [SECTION.records]: 'records',
  [SECTION.trailer]: 'trailer',
};
export const ENCODING = { plain: 0, deflate: 1 } as const;

/** What a backup says of itself. Hashes are lower-case hex. */
export interface BackupHeader {
  readonly chain_id: string;
  readonly genesis_hash: string;
  readonly height: number;
  /** State after `height`. */
  readonly app_hash: string;
  /** When it was begun, RFC 3339. */
  readonly time: string;
}

export interface BackupTrailer {
  /** Sections before the trailer. */
  readonly sections: number;
  readonly records: number;
  /** Of all sections, inflated. */
  readonly bytes: number;
  readonly sha256: string;
}

export interface SectionHeader {
  readonly number: number;
  readonly kind: SectionKind;
  readonly encoding: number;
  readonly plainLength: number;
  readonly storedLength: number;
  readonly storedCrc: number;
}

export type BackupRecord = readonly [key: Uint8Array, value: Uint8Array];

/** A file that is no backup, of another chain, or of a newer program: not damaged, and not to be used here. */
export function badBackup(message: string): BizraError<StorageErrorCode> {
  return new BizraError('bad_backup', message);
}

export function encodePreamble(): Uint8Array {
  const out = new Uint8Array(PREAMBLE_BYTES);
  const view = new DataView(out.buffer);
  out.set(MAGIC);
  view.setUint16(8, BACKUP_VERSION);
  view.setUint32(10, crc32c(out, 0, 10));
  return out;
}

/** What is wrong with the first bytes of a file, in words; undefined when they are in order. */
export function faultOfPreamble(bytes: Uint8Array): { readonly isDamage: boolean; readonly what: string } | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const isMagic = equalBytes(bytes.subarray(0, 8), MAGIC);
  const isWhole = bytes.length === PREAMBLE_BYTES && view.getUint32(10) === crc32c(bytes, 0, 10);
  if (isMagic && isWhole) {
    const version = view.getUint16(8);
    if (version === BACKUP_VERSION) return undefined;
    const what = `it has format ${version}, this program reads ${BACKUP_VERSION}: use the version of bizra-node that wrote it, or a newer one`;
    return { isDamage: false, what };
  }
  // One part that is right tells what the file was.
  if (isMagic || (bytes.length === PREAMBLE_BYTES && view.getUint16(8) === BACKUP_VERSION && isCrcOfMagic(view)))
    return { isDamage: true, what: 'its first bytes are wrong' };
  return { isDamage: false, what: 'it is not a backup of bizra-node' };
}

function isCrcOfMagic(view: DataView): boolean {
  return view.getUint32(10) === new DataView(encodePreamble().buffer).getUint32(10);
}

export function encodeSectionHeader(header: SectionHeader): Uint8Array {
  const out = new Uint8Array(SECTION_HEADER_BYTES);
  const view = new DataView(out.buffer);
  view.setUint32(0, header.number);
  out[4] = header.kind;
  out[5] = header.encoding;
  view.setUint32(8, header.plainLength);
  view.setUint32(12, header.storedLength);
  view.setUint32(16, header.storedCrc);
  view.setUint32(20, crc32c(out, 0, 20));
  return out;
}

/** A string says what is wrong. */
export function decodeSectionHeader(bytes: Uint8Array, number: number): SectionHeader | string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(20) !== crc32c(bytes, 0, 20)) return 'the checksum of its header is wrong';
  if (view.getUint32(0) !== number) return `it is numbered ${view.getUint32(0)}`;
  const [kind, encoding] = [bytes[4] as SectionKind, bytes[5] as number];
  if (SECTION_NAMES[kind] === undefined || encoding > ENCODING.deflate) return 'its kind is not known';
  const [plainLength, storedLength] = [view.getUint32(8), view.getUint32(12)];
  if (Math.max(plainLength, storedLength) > SECTION_BYTES_MAX) return `it claims ${plainLength} bytes`;
  return { number, kind, encoding, plainLength, storedLength, storedCrc: view.getUint32(16) };
}

/** Records of a section: for each the lengths of key and value (u32), then both. Undefined: they do not add up. */
export function unpackRecords(bytes: Uint8Array): BackupRecord[] | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const records: BackupRecord[] = [];
  for (let at = 0; at < bytes.length; ) {
    if (at + RECORD_HEADER_BYTES > bytes.length) return undefined;
    const key = at + RECORD_HEADER_BYTES;
    const value = key + view.getUint32(at);
    const end = value + view.getUint32(at + 4);
    if (end > bytes.length) return undefined;
    records.push([bytes.subarray(key, value), bytes.subarray(value, end)]);
    at = end;
  }
  return records;
}

const RECORD_HEADER_BYTES = 8;

/** Collects the records of one section after the other, in the same memory. */
export class RecordPacker {
  private buffer = new Uint8Array(SECTION_BYTES + SECTION_BYTES / 8);
  private view = new DataView(this.buffer.buffer);
  private end = 0;

  get bytes(): number {
    return this.end;
  }

  add(key: Uint8Array, value: Uint8Array): void {
    const at = this.end;
    this.end = at + RECORD_HEADER_BYTES + key.length + value.length;
    if (this.end > this.buffer.length) this.grow();
    this.view.setUint32(at, key.length);
    this.view.setUint32(at + 4, value.length);
    this.buffer.set(key, at + RECORD_HEADER_BYTES);
    this.buffer.set(value, at + RECORD_HEADER_BYTES + key.length);
  }

  /** The section, until the next `add`. */
  take(): Uint8Array {
    const section = this.buffer.subarray(0, this.end);
    this.end = 0;
    return section;
  }

  private grow(): void {
    const larger = new Uint8Array(this.end);
    larger.set(this.buffer);
    this.buffer = larger;
    this.view = new DataView(larger.buffer);
  }
}
