import { crc32c } from './crc32c.ts';

/** Length of the payload and CRC32C of length and payload, both u32 little endian; then the payload. */
export const RECORD_HEADER_BYTES = 8;
/** A record holds at most a whole block (CometBFT's limit of 100 MiB) and some framing. */
export const RECORD_BYTES_MAX = 101 * 1024 * 1024;
/**
 * Bytes that the search for good records behind a bad one may check. Above it the file counts as damaged in the
 * middle, which is the safe answer: the node does not vote at this height.
 */
const SEARCH_BYTES_MAX = 512 * 1024 * 1024;

export interface WalDamage {
  /** Offset of the first bad record. */
  readonly offset: number;
  /** Size of the file. */
  readonly size: number;
}

export interface WalContents {
  readonly records: readonly Uint8Array[];
  /** Bytes that belong to whole, good records at the beginning. */
  readonly goodBytes: number;
  /** `torn`: the end was not fully written. `middle`: good records follow a bad one, so something was lost. */
  readonly fault: 'none' | 'torn' | 'middle';
}

/** Writes one record at `offset` of `out`; returns the offset behind it. */
export function writeRecord(out: Uint8Array, offset: number, payload: Uint8Array): number {
  const view = new DataView(out.buffer, out.byteOffset, out.byteLength);
  view.setUint32(offset, payload.length, true);
  out.set(payload, offset + RECORD_HEADER_BYTES);
  const end = offset + RECORD_HEADER_BYTES + payload.length;
  view.setUint32(offset + 4, recordChecksum(out, offset, end), true);
  return end;
}

/** Reads all records of a segment, as views of it, and tells a torn end from damage. Bounded work for any bytes. */
export function readRecords(bytes: Uint8Array): WalContents {
  const records: Uint8Array[] = [];
  let offset = 0;
  while (offset < bytes.length) {
    const end = recordEnd(bytes, offset);
    if (end === undefined || !isGood(bytes, offset, end)) {
      const fault = hasGoodRecordAfter(bytes, offset) ? 'middle' : 'torn';
      return { records, goodBytes: offset, fault };
    }
    records.push(bytes.subarray(offset + RECORD_HEADER_BYTES, end));
    offset = end;
  }
  return { records, goodBytes: offset, fault: 'none' };
}

/** The CRC covers the length too, and an empty record is never written: zeros on the disk are not a record. */
function recordChecksum(bytes: Uint8Array, offset: number, end: number): number {
  return crc32c(bytes, offset + RECORD_HEADER_BYTES, end, crc32c(bytes, offset, offset + 4));
}

function isGood(bytes: Uint8Array, offset: number, end: number): boolean {
  return readUint32(bytes, offset + 4) === recordChecksum(bytes, offset, end);
}

function recordEnd(bytes: Uint8Array, offset: number): number | undefined {
  if (offset + RECORD_HEADER_BYTES > bytes.length) return undefined;
  const length = readUint32(bytes, offset);
  const end = offset + RECORD_HEADER_BYTES + length;
  return length === 0 || length > RECORD_BYTES_MAX || end > bytes.length ? undefined : end;
}

function hasGoodRecordAfter(bytes: Uint8Array, bad: number): boolean {
  let budget = SEARCH_BYTES_MAX;
  for (let offset = bad + 1; offset + RECORD_HEADER_BYTES < bytes.length; offset++) {
    const end = recordEnd(bytes, offset);
    if (end === undefined || !mayBeBoundary(bytes, end)) continue;
    budget -= end - offset;
    if (budget < 0 || isGood(bytes, offset, end)) return true;
  }
  return false;
}

/** What follows a record is another header or the end: this spares a checksum for most offsets within payloads. */
function mayBeBoundary(bytes: Uint8Array, offset: number): boolean {
  if (offset + RECORD_HEADER_BYTES > bytes.length) return true;
  return readUint32(bytes, offset) <= RECORD_BYTES_MAX;
}

function readUint32(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24)) >>>
    0
  );
}
