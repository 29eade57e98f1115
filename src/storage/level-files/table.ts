import { readSync } from 'node:fs';
import { compareBytes, equalBytes } from '#util/bytes.ts';
import { crc32c } from '../crc32c.ts';
import { unmasked } from './record-log.ts';
import { expandSnappy, readVarint } from './snappy.ts';
import { userKey } from './version-edit.ts';

/*
 * A table of LevelDB: data blocks, filter, metaindex, index, footer, without gaps. Each block has its compression (1
 * byte) and a masked CRC32C (4) behind it; the footer has no checksum, but each of its bytes is determined by the rest.
 */

const FOOTER_BYTES = 48;
const HANDLES_BYTES = 40;
const MAGIC = Uint8Array.of(0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb);
const TRAILER_BYTES = 5;
const SNAPPY = 1;
/** Read at once while blocks are verified. */
const READ_BYTES = 1024 * 1024;

interface Handle {
  readonly offset: number;
  /** Without the trailer. */
  readonly size: number;
}

/** Bounds of user keys, both included; undefined is open. */
export interface UserRange {
  readonly low: Uint8Array | undefined;
  readonly high: Uint8Array | undefined;
  /** Blocks beside the range that count as well: an iterator looks at them, too. */
  readonly margin: number;
}

/** The end of a table that was verified: what tells where a key is. */
export class TableEnd {
  /** Where the filter begins, behind the last data block. */
  readonly offset: number;
  readonly bytes: Uint8Array;
  /** Expanded; it has one entry for each data block. */
  private readonly index: DataView;
  readonly blocks: number;

  private constructor(offset: number, bytes: Uint8Array, index: Uint8Array) {
    this.offset = offset;
    this.bytes = bytes;
    this.index = new DataView(index.buffer, index.byteOffset, index.byteLength);
    this.blocks = this.index.getUint32(index.length - 4, true);
  }

  /** Undefined when the end of the file is damaged. */
  static read(fd: number, size: number): TableEnd | undefined {
    const footer = readAt(fd, size - FOOTER_BYTES, FOOTER_BYTES);
    if (footer === undefined || !equalBytes(footer.subarray(HANDLES_BYTES), MAGIC)) return undefined;
    const meta = readHandle(footer, 0);
    const index = meta && readHandle(footer, meta.end);
    if (index === undefined || footer.subarray(index.end, HANDLES_BYTES).some((byte) => byte !== 0)) return undefined;
    const metaEnd = endOf(meta as Handle);
    if (index.offset !== metaEnd || endOf(index) !== size - FOOTER_BYTES) return undefined;
    const metaBytes = readBlock(fd, meta as Handle);
    const filter = metaBytes && filterHandle(metaBytes);
    if (metaBytes === undefined || (filter !== undefined && endOf(filter) !== (meta as Handle).offset))
      return undefined;
    const offset = filter?.offset ?? (meta as Handle).offset;
    const bytes = readAt(fd, offset, size - offset);
    if (bytes === undefined) return undefined;
    if (filter !== undefined && !isWhole(bytes, 0, filter.size)) return undefined;
    const indexAt = index.offset - offset;
    if (!isWhole(bytes, indexAt, index.size)) return undefined;
    const expanded = contents(bytes, indexAt, index.size);
    return expanded === undefined ? undefined : new TableEnd(offset, bytes, expanded);
  }

  /** Is the end of the file what it was? LevelDB looks at it again and again. */
  isUnchanged(fd: number, scratch: Buffer): boolean {
    const now = readAt(fd, this.offset, this.bytes.length, scratch);
    return now !== undefined && Buffer.compare(now, this.bytes) === 0;
  }

  /** First and last block in which keys of the range may be; the last below the first: none. */
  blocksOf({ low, high, margin }: UserRange): { readonly first: number; readonly last: number } {
    const from = low === undefined ? 0 : this.find((key) => compareBytes(key, low) >= 0);
    const to = high === undefined ? this.blocks : this.find((key) => compareBytes(key, high) > 0);
    return { first: Math.max(0, from - margin), last: Math.min(this.blocks - 1, to + margin) };
  }

  /** Offset of the first damaged byte's block among these blocks; undefined when all are whole. */
  damageIn(fd: number, first: number, last: number): number | undefined {
    for (let block = first; block <= last; ) {
      const start = this.handle(block).offset;
      let end = block;
      while (end < last && endOf(this.handle(end + 1)) - start <= READ_BYTES) end++;
      const bytes = readAt(fd, start, endOf(this.handle(end)) - start);
      if (bytes === undefined) return start;
      for (; block <= end; block++) {
        const { offset, size } = this.handle(block);
        if (!isWhole(bytes, offset - start, size)) return offset;
      }
    }
    return undefined;
  }

  /** The first block whose separator satisfies what all after it satisfy; `blocks` where none does. */
  private find(isAt: (key: Uint8Array) => boolean): number {
    let low = 0;
    let high = this.blocks;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (isAt(this.entry(middle).key)) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  private handle(block: number): Handle {
    return this.entry(block).handle;
  }

  /** Entries of an index share no bytes with those before them, so each can be read alone. */
  private entry(block: number): { readonly key: Uint8Array; readonly handle: Handle } {
    const { index, blocks } = this;
    const bytes = new Uint8Array(index.buffer, index.byteOffset, index.byteLength);
    const at = index.getUint32(index.byteLength - 4 - 4 * (blocks - block), true);
    const keyLength = readVarint(bytes, at + 1) as { value: number; end: number };
    const valueLength = readVarint(bytes, keyLength.end) as { value: number; end: number };
    const key = bytes.subarray(valueLength.end, valueLength.end + keyLength.value);
    return { key: userKey(key), handle: readHandle(bytes, valueLength.end + keyLength.value) as Handle };
  }
}

function endOf({ offset, size }: Handle): number {
  return offset + size + TRAILER_BYTES;
}

function readHandle(bytes: Uint8Array, at: number): (Handle & { readonly end: number }) | undefined {
  const offset = readVarint(bytes, at);
  const size = offset && readVarint(bytes, offset.end);
  return size && { offset: (offset as { value: number }).value, size: size.value, end: size.end };
}

/** The only entry that LevelDB writes into a metaindex: name and place of the filter. Undefined without one. */
function filterHandle(meta: Uint8Array): Handle | undefined {
  const keyLength = readVarint(meta, 1);
  const valueLength = keyLength && readVarint(meta, keyLength.end);
  if (valueLength === undefined || (keyLength as { value: number }).value === 0) return undefined;
  return readHandle(meta, valueLength.end + (keyLength as { value: number }).value);
}

function readBlock(fd: number, { offset, size }: Handle): Uint8Array | undefined {
  const bytes = readAt(fd, offset, size + TRAILER_BYTES);
  return bytes !== undefined && isWhole(bytes, 0, size) ? contents(bytes, 0, size) : undefined;
}

function isWhole(bytes: Uint8Array, at: number, size: number): boolean {
  const end = at + size + 1;
  return at >= 0 && end + 4 <= bytes.length && crc32c(bytes, at, end) === unmasked(bytes, end);
}

function contents(bytes: Uint8Array, at: number, size: number): Uint8Array | undefined {
  const stored = bytes.subarray(at, at + size);
  return bytes[at + size] === SNAPPY ? expandSnappy(stored) : stored;
}

/** Into `scratch` where that is large enough. */
function readAt(fd: number, offset: number, length: number, scratch?: Buffer): Uint8Array | undefined {
  if (offset < 0 || length < 0) return undefined;
  const isFit = scratch !== undefined && scratch.length >= length;
  const bytes = isFit ? scratch.subarray(0, length) : Buffer.allocUnsafeSlow(length);
  let at = 0;
  while (at < length) {
    const read = readSync(fd, bytes, at, length - at, offset + at);
    if (read === 0) return undefined;
    at += read;
  }
  return bytes;
}
