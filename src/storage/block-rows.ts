import type { BlockId } from '#types/block-id.ts';
import { decodeHeader, encodeHeader, type Header } from '#types/header.ts';
import type { LedgerEvent, TxResult } from '#types/results.ts';
import type { PublicKey, ValidatorUpdate } from '#types/validator-set.ts';
import { ByteReader, ByteWriter } from './byte-codec.ts';
import { CHECKSUM_BYTES, sealChecksum } from './checksummed.ts';
import { KEY_SPACE } from './key-space.ts';
import { decodeResult, encodeResult } from './result-codec.ts';

/** Kinds of rows, behind the block store's letter. Never reused. */
export const ROW = {
  block: 0x62,
  commit: 0x63,
  events: 0x65,
  head: 0x68,
  headerBase: 0x6c,
  meta: 0x6d,
  params: 0x70,
  results: 0x72,
  updates: 0x75,
  base: 0x73,
  validators: 0x76,
  /** Below these heights the pruner has deleted everything: blocks, header rows. */
  sweptBlocks: 0x77,
  sweptHeaders: 0x78,
} as const;

/** Results in one row: one of them is read with a few kilobytes, all of them with few rows. */
export const RESULTS_PER_ROW = 64;

/** Of a transfer's result, with some to spare. */
const RESULT_BYTES = 256;
const HEIGHT_BYTES = 8;

/** What is asked of a block most often, without its transactions. */
export interface BlockMeta {
  readonly blockId: BlockId;
  readonly header: Header;
  /** 0 where only the header was ever here. */
  readonly txCount: number;
  /** Bytes of the encoded block; 0 where only the header was ever here. */
  readonly size: number;
  /** State after this height. */
  readonly appHash: Uint8Array;
}

/** Key of a row of one height; `part` numbers the rows of results. */
export function rowKey(kind: number, height: number, part?: number): Uint8Array {
  const out = new Uint8Array(2 + HEIGHT_BYTES + (part === undefined ? 0 : 4));
  out[0] = KEY_SPACE.blocks;
  out[1] = kind;
  const view = new DataView(out.buffer);
  view.setUint32(2, Math.floor(height / 2 ** 32));
  view.setUint32(6, height % 2 ** 32);
  if (part !== undefined) view.setUint32(10, part);
  return out;
}

/** Key of the only row of its kind. */
export function singleKey(kind: number): Uint8Array {
  return Uint8Array.of(KEY_SPACE.blocks, kind);
}

export function hashKey(blockHash: Uint8Array): Uint8Array {
  const out = new Uint8Array(1 + blockHash.length);
  out[0] = KEY_SPACE.blockHashes;
  out.set(blockHash, 1);
  return out;
}

export function heightOfRow(key: Uint8Array): number {
  const view = new DataView(key.buffer, key.byteOffset, key.byteLength);
  return view.getUint32(2) * 2 ** 32 + view.getUint32(6);
}

export function encodeHeight(height: number): Uint8Array {
  const writer = new ByteWriter();
  writer.varint(height);
  return sealed(writer);
}

export function decodeHeight(bytes: Uint8Array): number {
  return new ByteReader(bytes).varint();
}

/** Height of an encoded block, from its header, which is its first field. */
export function heightOfBlock(blockBytes: Uint8Array): number {
  const reader = new ByteReader(blockBytes);
  reader.varint();
  return decodeHeader(reader.bytes()).height;
}

export function encodeMeta(meta: BlockMeta): Uint8Array {
  const writer = new ByteWriter();
  writer.bytes(meta.blockId.hash);
  writer.varint(meta.blockId.partSetHeader.total);
  writer.bytes(meta.blockId.partSetHeader.hash);
  writer.varint(meta.txCount);
  writer.varint(meta.size);
  writer.bytes(meta.appHash);
  writer.bytes(encodeHeader(meta.header));
  return sealed(writer);
}

export function decodeMeta(bytes: Uint8Array): BlockMeta {
  const reader = new ByteReader(bytes);
  const hash = reader.bytes();
  const partSetHeader = { total: reader.varint(), hash: reader.bytes() };
  const txCount = reader.varint();
  const size = reader.varint();
  const appHash = reader.bytes();
  return { blockId: { hash, partSetHeader }, txCount, size, appHash, header: decodeHeader(reader.bytes()) };
}

/** Results from `from` on: each with its length before it, so that one can be reached without decoding the others. */
export function encodeResultRow(from: number, results: readonly TxResult[], txs: readonly Uint8Array[]): Uint8Array {
  const end = Math.min(from + RESULTS_PER_ROW, results.length);
  const row = new ByteWriter((end - from) * RESULT_BYTES);
  for (let i = from; i < end; i++) {
    const start = row.length;
    encodeResult(row, results[i] as TxResult, txs[i] as Uint8Array);
    row.prefixLength(start);
  }
  return sealed(row);
}

/** All results of a row that begins with transaction `first`. */
export function decodeResultRow(row: Uint8Array, first: number, txs: readonly Uint8Array[]): TxResult[] {
  const reader = new ByteReader(row);
  const results: TxResult[] = [];
  while (!reader.atEnd) {
    results.push(decodeResult(new ByteReader(reader.bytes()), txs[first + results.length] as Uint8Array));
  }
  return results;
}

/** Result `index` of a row. */
export function decodeOneResult(row: Uint8Array, index: number, tx: Uint8Array): TxResult {
  const reader = new ByteReader(row);
  for (let i = 0; i < index; i++) reader.bytes();
  return decodeResult(new ByteReader(reader.bytes()), tx);
}

/** What one height leaves besides its block. */
export interface HeightResults {
  readonly txResults: readonly TxResult[];
  readonly blockEvents: readonly LedgerEvent[];
  readonly validatorUpdates: readonly ValidatorUpdate[];
}

/** The same of some transactions, each at its place. */
export interface SomeResults extends Omit<HeightResults, 'txResults'> {
  readonly txResults: readonly (TxResult | undefined)[];
}

const KEY_TYPES: readonly PublicKey['type'][] = ['ed25519', 'secp256k1'];

/** Type, key and power of each, in order. */
export function encodeUpdates(updates: readonly ValidatorUpdate[]): Uint8Array {
  const writer = new ByteWriter();
  for (const { pubKey, power } of updates) {
    writer.varint(KEY_TYPES.indexOf(pubKey.type));
    writer.bytes(pubKey.bytes);
    writer.bigVarint(power);
  }
  return sealed(writer);
}

export function decodeUpdates(bytes: Uint8Array): ValidatorUpdate[] {
  const reader = new ByteReader(bytes);
  const updates: ValidatorUpdate[] = [];
  while (!reader.atEnd) {
    const type = KEY_TYPES[reader.varint()] as PublicKey['type'];
    updates.push({ pubKey: { type, bytes: reader.bytes() }, power: reader.bigVarint() });
  }
  return updates;
}

function sealed(writer: ByteWriter): Uint8Array {
  const record = writer.finish(CHECKSUM_BYTES);
  sealChecksum(record);
  return record;
}
