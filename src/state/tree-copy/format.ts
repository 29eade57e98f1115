import { CHECKSUM_BYTES } from '#storage/checksummed.ts';
import { crc32c } from '#storage/crc32c.ts';
import { equalBytes } from '#util/bytes.ts';
import { type HeadRecord, nameBytes, readHeight, writeHeight } from '../rows.ts';

/*
 * A saved tree is a sequence of sections:
 *
 *   length (4 bytes), payload, CRC32C over length and payload, begun with the section's number
 *
 * The first one says what it is a copy of, as the head record does. Then come the leaves of each store in the order of
 * their key hashes, the sentinel included, in as many sections as they need; then one that counts them. The shape of
 * the tree and its inner hashes follow from the leaves. Numbers are big endian.
 */

export const KIND_HEADER = 1;
export const KIND_LEAVES = 2;
export const KIND_END = 3;

/** Sections are filled up to about this size: some 4,000 leaves, of which a lot is made in a few milliseconds. */
export const SECTION_BYTES = 256 * 1024;
/** No section is longer: one more leaf at most stands behind the limit. */
const SECTION_BYTES_MAX = 2 * SECTION_BYTES;
const LENGTH_BYTES = 4;
const HASH_BYTES = 32;
/** Kind and store index before the leaves of a section. */
export const LEAVES_HEADER_BYTES = 3;
/** Of each leaf: the length of its key and the leaf hash; the key follows. */
export const ENTRY_HEADER_BYTES = 2 + HASH_BYTES;

const MAGIC = new TextEncoder().encode('bizra tree copy 1');

/** Why a saved tree is of no use. */
export class UnusableCopy extends Error {}

/** A section around `payloadBytes` of `buffer`, which begin behind the room for the length. */
export function sealSection(buffer: Uint8Array, payloadBytes: number, number: number): Uint8Array {
  const view = new DataView(buffer.buffer, buffer.byteOffset);
  view.setUint32(0, payloadBytes);
  const end = LENGTH_BYTES + payloadBytes;
  view.setUint32(end, crc32c(buffer, 0, end, number));
  return buffer.subarray(0, end + CHECKSUM_BYTES);
}

/** A buffer for a section with a payload of up to SECTION_BYTES and one leaf; the payload begins at PAYLOAD_AT. */
export function sectionBuffer(): Uint8Array {
  return new Uint8Array(LENGTH_BYTES + SECTION_BYTES_MAX + CHECKSUM_BYTES);
}

export const PAYLOAD_AT = LENGTH_BYTES;

function section(payload: Uint8Array, number: number): Uint8Array {
  const buffer = new Uint8Array(LENGTH_BYTES + payload.length + CHECKSUM_BYTES);
  buffer.set(payload, PAYLOAD_AT);
  return sealSection(buffer, payload.length, number);
}

export function headerSection(head: HeadRecord): Uint8Array {
  const names = head.stores.map(({ name }) => nameBytes(name));
  const length = names.reduce((sum, name) => sum + name.length + HASH_BYTES, 1 + MAGIC.length + 8 + HASH_BYTES);
  const payload = new Uint8Array(length);
  payload[0] = KIND_HEADER;
  payload.set(MAGIC, 1);
  let at = 1 + MAGIC.length;
  writeHeight(payload, at, head.height);
  payload.set(head.appHash, at + 8);
  at += 8 + HASH_BYTES;
  for (const [i, { root }] of head.stores.entries()) {
    payload.set(names[i] as Uint8Array, at);
    at += (names[i] as Uint8Array).length;
    payload.set(root, at);
    at += HASH_BYTES;
  }
  return section(payload, 0);
}

export function decodeHeader(payload: Uint8Array): HeadRecord {
  const start = 1 + MAGIC.length;
  if (payload[0] !== KIND_HEADER || !equalBytes(payload.subarray(1, start), MAGIC)) {
    throw new UnusableCopy('it is not a saved tree of this version');
  }
  const appHash = payload.slice(start + 8, start + 8 + HASH_BYTES);
  const stores: { name: string; root: Uint8Array }[] = [];
  for (let at = start + 8 + HASH_BYTES; at < payload.length; ) {
    const end = at + 1 + (payload[at] as number);
    stores.push({ name: new TextDecoder().decode(payload.subarray(at + 1, end)), root: payload.slice(end, end + 32) });
    at = end + HASH_BYTES;
  }
  return { height: readHeight(payload, start), appHash, stores };
}

/** `leaves` counts those of all stores. */
export function endSection(leaves: number, number: number): Uint8Array {
  const payload = new Uint8Array(9);
  payload[0] = KIND_END;
  writeHeight(payload, 1, leaves);
  return section(payload, number);
}

/** Cuts the pieces of a file into checked payloads. Throws UnusableCopy. */
export class SectionReader {
  private readonly pieces: AsyncIterator<Uint8Array>;
  private rest = new Uint8Array(0);
  private number = 0;

  constructor(pieces: AsyncIterable<Uint8Array>) {
    this.pieces = pieces[Symbol.asyncIterator]();
  }

  /** The next payload; undefined at the end of the file. */
  async next(): Promise<Uint8Array | undefined> {
    if (!(await this.fill(LENGTH_BYTES))) {
      if (this.rest.length > 0) throw new UnusableCopy('it is cut off');
      return undefined;
    }
    const length = viewOf(this.rest).getUint32(0);
    if (length === 0 || length > SECTION_BYTES_MAX) throw new UnusableCopy(`section ${this.number} is damaged`);
    const end = LENGTH_BYTES + length;
    if (!(await this.fill(end + CHECKSUM_BYTES))) throw new UnusableCopy('it is cut off');
    const { rest } = this;
    if (viewOf(rest).getUint32(end) !== crc32c(rest, 0, end, this.number)) {
      throw new UnusableCopy(`section ${this.number} is damaged`);
    }
    this.rest = rest.subarray(end + CHECKSUM_BYTES);
    this.number++;
    return rest.subarray(LENGTH_BYTES, end);
  }

  async close(): Promise<void> {
    await this.pieces.return?.();
  }

  /** True when so many bytes are there. */
  private async fill(bytes: number): Promise<boolean> {
    while (this.rest.length < bytes) {
      const { done, value } = await this.pieces.next();
      if (done === true) return false;
      const joined = new Uint8Array(this.rest.length + value.length);
      joined.set(this.rest);
      joined.set(value, this.rest.length);
      this.rest = joined;
    }
    return true;
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
