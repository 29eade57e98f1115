import { sha256 } from '#crypto/hash.ts';
import { ByteWriter } from '#storage/byte-codec.ts';
import { assert } from '#util/assert.ts';
import { equalBytes, fromLatin1, toHex, toLatin1 } from '#util/bytes.ts';
import { appHashOf, type StoreRoot } from '../simple-map.ts';
import type { StoreName } from '../store.ts';
import { CHUNKS_MAX, DEPTH_MAX, MANIFEST_BYTES_MAX, STORE_NAME_BYTES_MAX, STORES_MAX } from './limits.ts';
import { badSnapshot, StrictReader } from './strict-reader.ts';
import { innerHash } from './subtree-fold.ts';

/** First byte of manifests and chunks. Another one is refused: what it means belongs to a later version. */
export const SNAPSHOT_FORMAT = 1;
const HASH_BYTES = 32;
const INNER = 0;
const CHUNK = 1;
const HEIGHT_MAX = Number.MAX_SAFE_INTEGER;

/** A node at the top of a store's tree: an inner node, whose children follow, or the root of a chunk by its hash. */
export type TopNode = Uint8Array | undefined;

/** One store's tree from its root down to its chunks, in preorder. `undefined` is an inner node. */
export interface StoreTop {
  readonly name: StoreName;
  readonly top: readonly TopNode[];
}

/**
 * What a snapshot consists of. Everything in it follows from the state alone, so all nodes make the same one, and all
 * of it leads to the app hash: `checkManifest`. Its id is the SHA-256 of its encoding.
 */
export interface Manifest {
  readonly height: number;
  /** Sorted by name. */
  readonly stores: readonly StoreTop[];
}

/** A chunk's place: `index` counts through all stores, in the order of the leaves. */
export interface ManifestChunk {
  readonly index: number;
  readonly store: StoreName;
  /** Root of the subtree whose leaves it holds. */
  readonly hash: Uint8Array;
}

export function encodeManifest(manifest: Manifest): Uint8Array {
  const writer = new ByteWriter();
  writer.varint(SNAPSHOT_FORMAT);
  writer.varint(manifest.height);
  writer.varint(manifest.stores.length);
  for (const { name, top } of manifest.stores) {
    writer.bytes(fromLatin1(name));
    for (const node of top) {
      writer.varint(node === undefined ? INNER : CHUNK);
      if (node !== undefined) writer.raw(node);
    }
  }
  return writer.finish();
}

/** Identifies a manifest among those that peers offer. */
export function manifestId(encoded: Uint8Array): Uint8Array {
  return sha256(encoded);
}

/** Throws BizraError 'bad_snapshot'. What it returns still has to be checked against an app hash. */
export function decodeManifest(encoded: Uint8Array): Manifest {
  if (encoded.length > MANIFEST_BYTES_MAX) throw badSnapshot(`a manifest of ${encoded.length} bytes`);
  const reader = new StrictReader(encoded);
  if (reader.byte() !== SNAPSHOT_FORMAT) throw badSnapshot('its format is not known to this version');
  const height = reader.varint(HEIGHT_MAX);
  const count = reader.varint(STORES_MAX);
  const stores: StoreTop[] = [];
  let chunksLeft = CHUNKS_MAX;
  for (let i = 0; i < count; i++) {
    const name = readName(reader);
    if (i > 0 && name <= (stores[i - 1] as StoreTop).name) throw badSnapshot('its stores are not sorted');
    const top: TopNode[] = [];
    chunksLeft = readTop(reader, top, chunksLeft);
    stores.push({ name, top });
  }
  if (count === 0) throw badSnapshot('it has no stores');
  reader.end();
  return { height, stores };
}

/** Everything in the manifest is what the header of `height + 1` commits to, or BizraError 'bad_snapshot'. */
export function checkManifest(manifest: Manifest, height: number, appHash: Uint8Array): void {
  if (manifest.height !== height) throw badSnapshot(`it is of height ${manifest.height}, not ${height}`);
  const actual = manifestAppHash(manifest);
  if (equalBytes(actual, appHash)) return;
  throw badSnapshot(`it leads to the app hash ${toHex(actual)} instead of ${toHex(appHash)} at height ${height}`);
}

export function manifestAppHash(manifest: Manifest): Uint8Array {
  return appHashOf(manifestRoots(manifest));
}

export function manifestRoots({ stores }: Manifest): StoreRoot[] {
  return stores.map(({ name, top }) => ({ name, root: topRoot(top) }));
}

/** All chunks, by index. */
export function manifestChunks({ stores }: Manifest): ManifestChunk[] {
  const chunks: ManifestChunk[] = [];
  for (const { name, top } of stores) {
    for (const hash of top) if (hash !== undefined) chunks.push({ index: chunks.length, store: name, hash });
  }
  return chunks;
}

/** From the last node to the first, the children of an inner node are on the stack when it comes. */
function topRoot(top: readonly TopNode[]): Uint8Array {
  const stack: Uint8Array[] = [];
  for (const node of top.toReversed()) {
    if (node !== undefined) {
      stack.push(node);
      continue;
    }
    const left = stack.pop();
    const right = stack.pop();
    assert(left !== undefined && right !== undefined, 'an inner node has two children');
    stack.push(innerHash(left, right));
  }
  const [root] = stack;
  assert(root !== undefined && stack.length === 1, 'a tree has one root');
  return root;
}

/** Printable ASCII, as the simple map's names are. */
function readName(reader: StrictReader): StoreName {
  const name = toLatin1(reader.raw(reader.varint(STORE_NAME_BYTES_MAX)));
  if (!/^[!-~]+$/.test(name)) throw badSnapshot('a store has no proper name');
  return name;
}

/** One tree in preorder. Returns how many chunks the rest may have. */
function readTop(reader: StrictReader, top: TopNode[], chunksMax: number): number {
  let chunksLeft = chunksMax;
  // Depths of the subtrees that are still to be read.
  const open = [0];
  for (let depth = open.pop(); depth !== undefined; depth = open.pop()) {
    const tag = reader.byte();
    if (tag === CHUNK) {
      if (chunksLeft-- === 0) throw badSnapshot(`it has more than ${CHUNKS_MAX} chunks`);
      top.push(reader.raw(HASH_BYTES).slice());
    } else if (tag === INNER) {
      if (depth === DEPTH_MAX) throw badSnapshot('a tree is deeper than its keys allow');
      top.push(undefined);
      open.push(depth + 1, depth + 1);
    } else {
      throw badSnapshot(`a node of the unknown kind ${tag}`);
    }
  }
  return chunksLeft;
}
