import { createHash } from 'node:crypto';
import { STORES } from './support.ts';

interface Leaf {
  readonly place: Buffer;
  readonly hash: Buffer;
}

function sha256(...parts: readonly (Uint8Array | readonly number[])[]): Buffer {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(Uint8Array.from(part));
  return hash.digest();
}

/**
 * The app hash of these entries (`store/key` in latin1 -> value), by the words of the design and none of the code: leaves
 * in the order of their key's hash, halved where those hashes first differ, and an RFC 6962 tree over the stores' names.
 */
export function referenceAppHash(model: ReadonlyMap<string, Uint8Array>): Uint8Array {
  const stores = [...STORES].sort().map((store) => {
    const leaves = [leaf(Buffer.of(0xff), Uint8Array.of(1))];
    for (const [name, value] of model) {
      if (name.startsWith(`${store}/`)) leaves.push(leaf(Buffer.from(name.slice(store.length + 1), 'latin1'), value));
    }
    const root = rootOf(leaves.sort((a, b) => Buffer.compare(a.place, b.place)));
    const name = Buffer.from(store);
    return sha256([0, name.length], name, [32], sha256(root));
  });
  return new Uint8Array(mapRoot(stores));
}

function leaf(key: Uint8Array, value: Uint8Array): Leaf {
  const place = sha256(key);
  return { place, hash: sha256([0], place, sha256(value)) };
}

/** Sorted leaves: the first and the last show where any of them differ first. */
function rootOf(leaves: readonly Leaf[]): Buffer {
  const [first, last] = [leaves[0] as Leaf, leaves.at(-1) as Leaf];
  if (leaves.length === 1) return first.hash;
  let bit = 0;
  while (bitAt(first.place, bit) === bitAt(last.place, bit)) bit++;
  const split = leaves.findIndex(({ place }) => bitAt(place, bit) === 1);
  return sha256([1], rootOf(leaves.slice(0, split)), rootOf(leaves.slice(split)));
}

function bitAt(bytes: Uint8Array, bit: number): number {
  return ((bytes[bit >> 3] as number) >> (7 - (bit & 7))) & 1;
}

function mapRoot(hashes: readonly Buffer[]): Buffer {
  if (hashes.length === 1) return hashes[0] as Buffer;
  let split = 1;
  while (split * 2 < hashes.length) split *= 2;
  return sha256([1], mapRoot(hashes.slice(0, split)), mapRoot(hashes.slice(split)));
}
