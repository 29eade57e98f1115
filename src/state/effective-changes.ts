import { LeafChanges, type LeafHasher } from './leaf-changes.ts';
import { NO_NODE } from './node-pool.ts';
import type { Trie } from './trie.ts';

const HASH_BYTES = 32;
/** Leaves that are looked up between two pauses: about 1 ms. */
const FIND_GROUP = 1024;

/** Changes of one store beside the tree that they change. */
export interface EffectiveChanges {
  /** All of them, hashed, with the leaves that they replace. */
  readonly changes: LeafChanges;
  /** Indexes of those that change something, in the order of their key hashes. */
  readonly live: Int32Array;
}

/** Finds out what of these changes differs from the tree `root`. */
export async function effectiveChanges(
  trie: Trie,
  root: number,
  entries: { readonly keys: readonly Uint8Array[]; readonly values: readonly (Uint8Array | undefined)[] },
  hasher: LeafHasher,
  pause: () => Promise<void> | undefined,
): Promise<EffectiveChanges> {
  const changes = new LeafChanges(entries.keys, entries.values, hasher);
  await changes.hash(pause);
  const order = changes.sorted();
  const live = new Int32Array(order.length);
  let count = 0;
  for (let from = 0; from < order.length; from += FIND_GROUP) {
    // In hash order, neighbours in the tree are visited one after the other.
    const group = order.subarray(from, from + FIND_GROUP);
    trie.findMany(root, changes.keyHashes, group, changes.found);
    for (const index of group) if (differs(trie, changes, index)) live[count++] = index;
    await pause();
  }
  return { changes, live: live.subarray(0, count) };
}

function differs({ nodes }: Trie, { values, leafHashes, found }: LeafChanges, index: number): boolean {
  const leaf = found[index] as number;
  const isKept = values[index] !== undefined;
  if (leaf === NO_NODE || !isKept) return isKept !== (leaf !== NO_NODE);
  return !nodes.hashEquals(leaf, leafHashes, index * HASH_BYTES);
}
