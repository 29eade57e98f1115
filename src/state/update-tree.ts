import type { Pause } from '#util/pause.ts';
import { LeafChanges, type LeafHasher } from './leaf-changes.ts';
import type { UpdatedTree } from './tree-update.ts';
import type { Trie } from './trie.ts';

export interface KeyedValues {
  readonly keys: readonly Uint8Array[];
  /** Undefined deletes the leaf. */
  readonly values: readonly (Uint8Array | undefined)[];
}

/** A tree after changes, and these with their hashes and the leaves that they replace. */
export interface ChangedTree extends UpdatedTree {
  readonly changes: LeafChanges;
}

/** The tree after these leaves are set or deleted. `root` itself stays as it is. */
export async function updateTree(
  { trie, hasher, pause }: { readonly trie: Trie; readonly hasher: LeafHasher; readonly pause: Pause },
  root: number,
  { keys, values }: KeyedValues,
): Promise<ChangedTree> {
  const changes = new LeafChanges(keys, values, hasher);
  await changes.hash(pause);
  return { changes, ...(await trie.update(root, changes, pause)) };
}
