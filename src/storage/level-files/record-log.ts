import { concatBytes } from '#util/bytes.ts';
import { crc32c } from '../crc32c.ts';

/*
 * LevelDB's log format, which its logs and manifests have: blocks of 32 KiB; in them fragments, each a masked CRC32C of
 * what follows the length (4 bytes), a length (2) and a type (1) before the bytes. A record is one fragment or several.
 */

const BLOCK_BYTES = 32 * 1024;
const HEADER_BYTES = 7;
const FULL = 1;
const FIRST = 2;
const LAST = 4;
/** What a disk writes at once: a cut of power leaves whole ones unwritten. */
const SECTOR_BYTES = 512;

export interface LogRecords {
  readonly records: readonly Uint8Array[];
  /** Offset in the file of the first record that is not whole. */
  readonly next: number;
  /** `torn`: the writer was stopped in the middle of the last record. */
  readonly end: 'whole' | 'torn' | 'damaged';
}

/** The records of `bytes`, which lie in the file from `start` on (where a block begins), beginning at offset `from`. */
export function readLog(bytes: Uint8Array, start = 0, from = start): LogRecords {
  const records: Uint8Array[] = [];
  let parts: Uint8Array[] = [];
  let next = from;
  let at = from - start;
  for (;;) {
    const left = BLOCK_BYTES - (at % BLOCK_BYTES);
    if (left < HEADER_BYTES) {
      at += left;
      continue;
    }
    if (at >= bytes.length) return { records, next, end: parts.length === 0 ? 'whole' : 'torn' };
    const fragment = readFragment(bytes, at, left, parts.length > 0);
    if (typeof fragment === 'string') return { records, next, end: fragment };
    const { type, end } = fragment;
    parts.push(bytes.subarray(at + HEADER_BYTES, end));
    at = end;
    if (type !== FULL && type !== LAST) continue;
    records.push(parts.length === 1 ? (parts[0] as Uint8Array) : concatBytes(...parts));
    parts = [];
    next = start + at;
  }
}

function readFragment(
  bytes: Uint8Array,
  at: number,
  left: number,
  isInside: boolean,
): { readonly type: number; readonly end: number } | 'torn' | 'damaged' {
  if (at + HEADER_BYTES > bytes.length) return 'torn';
  const length = (bytes[at + 4] as number) | ((bytes[at + 5] as number) << 8);
  const type = bytes[at + 6] as number;
  const end = at + HEADER_BYTES + length;
  // A cut of power, and no single byte, leaves a sector of zeros.
  if (end > at + left) return hasEmptySector(bytes, at) ? 'torn' : 'damaged';
  if (end > bytes.length) return isCutShort(bytes, at) ? 'damaged' : 'torn';
  if (crc32c(bytes, at + 6, end) !== unmasked(bytes, at)) return hasEmptySector(bytes, at) ? 'torn' : 'damaged';
  const begins = type === FULL || type === FIRST;
  if (type < FULL || type > LAST || begins === isInside) return 'damaged';
  return { type, end };
}

/** The length says more than there is: was it shorter, so that the checksum tells of bytes that are all here? */
function isCutShort(bytes: Uint8Array, at: number): boolean {
  const expected = unmasked(bytes, at);
  let crc = crc32c(bytes, at + 6, at + HEADER_BYTES);
  for (let end = at + HEADER_BYTES; ; end++) {
    if (crc === expected) return true;
    if (end >= bytes.length) return false;
    crc = crc32c(bytes, end, end + 1, crc);
  }
}

function hasEmptySector(bytes: Uint8Array, from: number): boolean {
  const first = Math.ceil(from / SECTOR_BYTES) * SECTOR_BYTES;
  for (let sector = first; sector < bytes.length; sector += SECTOR_BYTES) {
    const piece = bytes.subarray(sector, sector + SECTOR_BYTES);
    if (piece.length >= SECTOR_BYTES / 4 && piece.every((byte) => byte === 0)) return true;
  }
  return false;
}

/** LevelDB's checksums are turned and shifted, so that a checksum of data with checksums in it is a good one. */
export function unmasked(bytes: Uint8Array, at: number): number {
  const masked = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(at, true);
  const turned = (masked - 0xa282ead8) >>> 0;
  return ((turned >>> 17) | (turned << 15)) >>> 0;
}
