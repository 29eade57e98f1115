import { sha256 } from '#crypto/hash.ts';
import { ByteWriter } from '#storage/byte-codec.ts';
import { equalBytes } from '#util/bytes.ts';
import { NEVER_PAUSE, type Pause } from '#util/pause.ts';
import { KEY_BYTES_MAX } from '../key-arena.ts';
import { LeafHasher } from '../leaf-changes.ts';
import { CHUNK_BYTES_MAX, CHUNK_WEIGHT_MAX, LEAF_WEIGHT, VALUE_BYTES_MAX } from './limits.ts';
import { SNAPSHOT_FORMAT } from './manifest.ts';
import { badSnapshot, StrictReader } from './strict-reader.ts';
import { innerHash, SubtreeFold } from './subtree-fold.ts';

const HASH_BYTES = 32;
/** Leaves that are checked between two pauses: about a millisecond. */
const CHECK_GROUP = 400;
/** As many are encoded in less. */
const ENCODE_GROUP = 500;
/** Format and number of leaves. */
const HEAD_BYTES_MAX = 16;

/** A leaf of a store's tree, the sentinel included. */
export interface Leaf {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

export function leafWeight({ key, value }: Leaf): number {
  return key.length + value.length + LEAF_WEIGHT;
}

/** Leaves of one subtree, in the order of their key hashes. */
export async function encodeChunk(leaves: readonly Leaf[], pause: Pause = NEVER_PAUSE): Promise<Uint8Array> {
  let bytes = HEAD_BYTES_MAX;
  for (const leaf of leaves) bytes += leafWeight(leaf);
  const writer = new ByteWriter(bytes);
  writer.varint(SNAPSHOT_FORMAT);
  writer.varint(leaves.length);
  for (const [i, { key, value }] of leaves.entries()) {
    writer.bytes(key);
    writer.bytes(value);
    if (i % ENCODE_GROUP === ENCODE_GROUP - 1) await pause();
  }
  return writer.finish();
}

/**
 * The leaves of a chunk, if they are all leaves of the subtree with this hash and nothing else; whoever sent it.
 * Throws BizraError 'bad_snapshot'. The leaves are views of `encoded`.
 */
export async function openChunk(encoded: Uint8Array, hash: Uint8Array, pause: Pause = NEVER_PAUSE): Promise<Leaf[]> {
  const leaves = decodeChunk(encoded);
  const hasher = new LeafHasher();
  const fold = new SubtreeFold(innerHash);
  for (const [i, { key, value }] of leaves.entries()) {
    const keyHash = sha256(key);
    const leafHash = new Uint8Array(HASH_BYTES);
    hasher.hash(leafHash, keyHash, 0, value);
    fold.add(leafHash, keyHash);
    if (i % CHECK_GROUP === CHECK_GROUP - 1) await pause();
  }
  if (!equalBytes(fold.finish(), hash)) throw badSnapshot('a chunk does not hold the leaves that the manifest names');
  return leaves;
}

function decodeChunk(encoded: Uint8Array): Leaf[] {
  if (encoded.length > CHUNK_BYTES_MAX) throw badSnapshot(`a chunk of ${encoded.length} bytes`);
  const reader = new StrictReader(encoded);
  if (reader.byte() !== SNAPSHOT_FORMAT) throw badSnapshot('its format is not known to this version');
  const count = reader.varint(Math.floor(CHUNK_WEIGHT_MAX / LEAF_WEIGHT));
  const leaves: Leaf[] = [];
  let weight = 0;
  for (let i = 0; i < count; i++) {
    const key = reader.raw(reader.varint(KEY_BYTES_MAX));
    const value = reader.raw(reader.varint(VALUE_BYTES_MAX));
    // ICS-23 knows no empty ones.
    if (key.length === 0 || value.length === 0) throw badSnapshot('an empty key or value');
    leaves.push({ key, value });
    weight += leafWeight({ key, value });
  }
  if (count > 1 && weight > CHUNK_WEIGHT_MAX) throw badSnapshot('a chunk is heavier than chunks are');
  reader.end();
  return leaves;
}
