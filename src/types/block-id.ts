import { EMPTY_BYTES, equalBytes, toLatin1 } from '#util/bytes.ts';
import { check } from './errors.ts';
import { decodeWhole, HASH_BYTES, type Reader, readMessage } from './wire.ts';
import { encodeWith, type Writer } from './wire-writer.ts';

/** Merkle root and count of the 65,536-byte parts of an encoded block. */
export interface PartSetHeader {
  readonly total: number;
  readonly hash: Uint8Array;
}

/** What is voted on: header hash and part set together. */
export interface BlockId {
  readonly hash: Uint8Array;
  readonly partSetHeader: PartSetHeader;
}

/** Two hashes, a count, and their tags and lengths: 76 bytes. */
const MAX_BLOCK_ID_BYTES = 80;

/** What a nil vote votes for, and the first block's last block id. */
export const NIL_BLOCK_ID: BlockId = Object.freeze({
  hash: EMPTY_BYTES,
  partSetHeader: Object.freeze({ total: 0, hash: EMPTY_BYTES }),
});

export function isNilBlockId(id: BlockId): boolean {
  return id.hash.length === 0 && id.partSetHeader.total === 0 && id.partSetHeader.hash.length === 0;
}

export function equalBlockIds(a: BlockId, b: BlockId): boolean {
  return (
    a === b ||
    (a.partSetHeader.total === b.partSetHeader.total &&
      equalBytes(a.hash, b.hash) &&
      equalBytes(a.partSetHeader.hash, b.partSetHeader.hash))
  );
}

/** A Map key; the same for equal ids only, since hashes are 32 bytes or empty. */
export function blockIdKey(id: BlockId): string {
  return `${id.partSetHeader.total}|${id.hash.length}|${toLatin1(id.hash)}${toLatin1(id.partSetHeader.hash)}`;
}

export function encodeBlockId(id: BlockId): Uint8Array {
  return encodeWith((writer) => writeBlockId(writer, id));
}

/** Throws `bad_encoding` on anything but one complete or nil block id. */
export function decodeBlockId(bytes: Uint8Array): BlockId {
  return decodeWhole(bytes, 'BlockID', MAX_BLOCK_ID_BYTES, readBlockId);
}

/** The fields of a BlockID message; the part set header is always there. */
export function writeBlockId(writer: Writer, id: BlockId): void {
  writer.bytes(1, id.hash);
  writer.message(2, (inner) => writePartSetHeader(inner, id.partSetHeader));
}

export function writePartSetHeader(writer: Writer, { total, hash }: PartSetHeader): void {
  writer.number(1, total);
  writer.bytes(2, hash);
}

/** Reads a BlockID sub-message: hashes of 0 or 32 bytes, and both of them and the count, or none. */
export function readBlockId(reader: Reader): BlockId {
  let hash = EMPTY_BYTES;
  let partSetHeader: PartSetHeader | undefined;
  readMessage(reader, (field) => {
    if (field === 1) hash = reader.bytes(HASH_BYTES);
    else if (field === 2) partSetHeader = reader.message(readPartSetHeader);
    else return false;
    return true;
  });
  check(partSetHeader !== undefined, 'bad_encoding', () => 'block id without a part set header');
  const id: BlockId = { hash, partSetHeader };
  const complete = hash.length !== 0 && partSetHeader.total > 0 && partSetHeader.hash.length !== 0;
  check(complete || isNilBlockId(id), 'bad_encoding', () => 'block id is neither complete nor nil');
  return complete ? id : NIL_BLOCK_ID;
}

function readPartSetHeader(reader: Reader): PartSetHeader {
  let total = 0;
  let hash = EMPTY_BYTES;
  readMessage(reader, (field) => {
    if (field === 1) total = reader.uint32();
    else if (field === 2) hash = reader.bytes(HASH_BYTES);
    else return false;
    return true;
  });
  return { total, hash };
}
