import { HASH_LENGTH, sha256, sha256Into } from '#crypto/hash.ts';
import { equalBytes } from '#util/bytes.ts';

/**
 * The RFC 6962 tree as CometBFT has it: leaf sha256(0x00 | item), inner sha256(0x01 | left | right), the left side of
 * n > 1 leaves holds the largest power of two below n, and no leaves at all give sha256 of nothing. Pairing level by
 * level, with a lonely last node moving up unchanged, builds the same shape without recursion.
 */

const LEAF_PREFIX = 0;
const INNER_PREFIX = 1;

/** CometBFT refuses proofs with more aunts: 2^100 leaves. */
export const MAX_AUNTS = 100;

/** Shows that one item is at `index` of `total` items. Aunts go from the leaf's level to the root's. */
export interface MerkleProof {
  readonly total: number;
  readonly index: number;
  readonly leafHash: Uint8Array;
  readonly aunts: readonly Uint8Array[];
}

/** sha256(0x00 | item). */
export function merkleLeafHash(item: Uint8Array): Uint8Array {
  const input = new Uint8Array(1 + item.length);
  input[0] = LEAF_PREFIX;
  input.set(item, 1);
  return sha256(input);
}

/** sha256(0x01 | left | right), of two 32-byte hashes. */
export function merkleInnerHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  const input = innerInput();
  input.set(left, 1);
  input.set(right, 1 + HASH_LENGTH);
  return sha256(input);
}

/** Root over raw items of any length. */
export function merkleRoot(items: readonly Uint8Array[]): Uint8Array {
  return rootOf(leafLevel(items), items.length);
}

/** Root over 32-byte leaf hashes (made by `merkleLeafHash`); they are not changed. */
export function merkleRootOfLeafHashes(leafHashes: readonly Uint8Array[]): Uint8Array {
  const level = new Uint8Array(leafHashes.length * HASH_LENGTH);
  for (let i = 0; i < leafHashes.length; i++) level.set(leafHashes[i] as Uint8Array, i * HASH_LENGTH);
  return rootOf(level, leafHashes.length);
}

/** Root, and a proof for each item. */
export function merkleProofs(items: readonly Uint8Array[]): { root: Uint8Array; proofs: MerkleProof[] } {
  const levels = [leafLevel(items)];
  for (let count = items.length; count > 1; count = halfUp(count)) {
    const level = (levels.at(-1) as Uint8Array).slice();
    combine(level, count);
    levels.push(level.slice(0, halfUp(count) * HASH_LENGTH));
  }
  const root = items.length === 0 ? sha256(new Uint8Array(0)) : hashAt(levels.at(-1) as Uint8Array, 0);
  return { root, proofs: items.map((_, index) => proofOf(levels, index, items.length)) };
}

/** True when `proof` shows `item` under `root`. False on any malformed proof; never throws. */
export function verifyMerkleProof(root: Uint8Array, proof: MerkleProof, item: Uint8Array): boolean {
  if (!equalBytes(merkleLeafHash(item), proof.leafHash)) return false;
  const computed = rootFromProof(proof);
  return computed !== undefined && equalBytes(computed, root);
}

function rootFromProof(proof: MerkleProof): Uint8Array | undefined {
  const { total, index, aunts } = proof;
  if (!Number.isSafeInteger(total) || !Number.isSafeInteger(index) || index < 0 || index >= total) return undefined;
  if (aunts.length > MAX_AUNTS || aunts.some((aunt) => aunt.length !== HASH_LENGTH)) return undefined;
  let node = proof.leafHash;
  let used = 0;
  let position = index;
  for (let count = total; count > 1; count = Math.ceil(count / 2)) {
    const isRight = position % 2 === 1;
    if (isRight || position + 1 < count) {
      const aunt = aunts[used++];
      if (aunt === undefined) return undefined;
      node = isRight ? merkleInnerHash(aunt, node) : merkleInnerHash(node, aunt);
    }
    position = Math.floor(position / 2);
  }
  return used === aunts.length ? node : undefined;
}

function proofOf(levels: readonly Uint8Array[], index: number, total: number): MerkleProof {
  const aunts: Uint8Array[] = [];
  let position = index;
  let count = total;
  for (const level of levels) {
    const sibling = position ^ 1;
    if (sibling < count) aunts.push(hashAt(level, sibling));
    position >>= 1;
    count = halfUp(count);
  }
  return { total, index, leafHash: hashAt(levels[0] as Uint8Array, index), aunts };
}

/** All leaf hashes in one array. */
function leafLevel(items: readonly Uint8Array[]): Uint8Array {
  const level = new Uint8Array(items.length * HASH_LENGTH);
  let longest = 0;
  for (const item of items) longest = Math.max(longest, item.length);
  const input = new Uint8Array(1 + longest);
  input[0] = LEAF_PREFIX;
  for (let i = 0; i < items.length; i++) {
    const item = items[i] as Uint8Array;
    input.set(item, 1);
    sha256Into(level.subarray(i * HASH_LENGTH, (i + 1) * HASH_LENGTH), input.subarray(0, 1 + item.length));
  }
  return level;
}

/** Consumes `level`. */
function rootOf(level: Uint8Array, leaves: number): Uint8Array {
  if (leaves === 0) return sha256(new Uint8Array(0));
  for (let count = leaves; count > 1; count = halfUp(count)) combine(level, count);
  return hashAt(level, 0);
}

/** Turns `count` hashes at the start of `level` into half as many parents, in place. */
function combine(level: Uint8Array, count: number): void {
  const input = innerInput();
  const pairs = count >> 1;
  for (let i = 0; i < pairs; i++) {
    const start = 2 * i * HASH_LENGTH;
    input.set(level.subarray(start, start + 2 * HASH_LENGTH), 1);
    sha256Into(level.subarray(i * HASH_LENGTH, (i + 1) * HASH_LENGTH), input);
  }
  if (count % 2 === 1) {
    level.copyWithin(pairs * HASH_LENGTH, (count - 1) * HASH_LENGTH, count * HASH_LENGTH);
  }
}

function innerInput(): Uint8Array {
  const input = new Uint8Array(1 + 2 * HASH_LENGTH);
  input[0] = INNER_PREFIX;
  return input;
}

function halfUp(count: number): number {
  return (count + 1) >> 1;
}

function hashAt(level: Uint8Array, index: number): Uint8Array {
  return level.slice(index * HASH_LENGTH, (index + 1) * HASH_LENGTH);
}
