import { sha256 } from '#crypto/hash.ts';
import { merkleProofs, merkleRoot } from '#crypto/merkle.ts';
import { concatBytes } from '#util/bytes.ts';
import type { StoreName } from './store.ts';

const HASH_BYTES = 32;

/** One store's root, in a list sorted by name. */
export interface StoreRoot {
  readonly name: StoreName;
  readonly root: Uint8Array;
}

/** Names sorted as the simple map has them: by their bytes. Names are ASCII. */
export function sortedNames(names: Iterable<StoreName>): StoreName[] {
  return [...names].sort((a, b) => (a < b ? -1 : 1));
}

/** The app hash: RFC 6962 root over (name, sha256(root)) pairs, each part with its length before it (wire-formats 9). */
export function appHashOf(roots: readonly StoreRoot[]): Uint8Array {
  return merkleRoot(roots.map(mapLeaf));
}

/** Sibling hashes of one store's leaf from the bottom up, and on which side each stands. */
export function storeSiblings(roots: readonly StoreRoot[], index: number): { hash: Uint8Array; left: boolean }[] {
  const { proofs } = merkleProofs(roots.map(mapLeaf));
  const aunts = proofs[index]?.aunts ?? [];
  const sides = siblingSides(index, roots.length);
  return aunts.map((hash, level) => ({ hash, left: sides[level] as boolean }));
}

/** From the bottom up: true where the sibling is the left one. The left side holds the largest power of two below n. */
function siblingSides(index: number, total: number): boolean[] {
  if (total <= 1) return [];
  let split = 1;
  while (split * 2 < total) split *= 2;
  if (index < split) return [...siblingSides(index, split), false];
  return [...siblingSides(index - split, total - split), true];
}

function mapLeaf({ name, root }: StoreRoot): Uint8Array {
  const nameBytes = new TextEncoder().encode(name);
  return concatBytes(Uint8Array.of(nameBytes.length), nameBytes, Uint8Array.of(HASH_BYTES), sha256(root));
}
