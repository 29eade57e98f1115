import type { WriteBatch } from '#ports/key-value.ts';
import { assert } from '#util/assert.ts';
import { fromLatin1 } from '#util/bytes.ts';
import type { LeafHasher } from './leaf-changes.ts';
import { LeafList } from './leaf-list.ts';
import { addLeaf } from './load.ts';
import { encodeLeaf, leafKey, leafPrefix } from './rows.ts';
import type { ChangeSet, StoreName } from './store.ts';
import type { Trie } from './trie.ts';
import { isSentinel, SENTINEL_KEY, SENTINEL_VALUE } from './version.ts';

/** Leaves of one store's first version, the sentinel included; their rows go to the batch. */
export function genesisLeaves(
  { trie, hasher, batch, height }: { trie: Trie; hasher: LeafHasher; batch: WriteBatch; height: number },
  store: StoreName,
  changes: ChangeSet,
): LeafList {
  const leaves = new LeafList();
  addLeaf(leaves, { trie, hasher }, SENTINEL_KEY, SENTINEL_VALUE);
  const prefix = leafPrefix(store);
  for (const [latin1, value] of changes.get(store) ?? []) {
    const key = fromLatin1(latin1);
    if (value === undefined) continue;
    assert(key.length > 0 && value.length > 0 && !isSentinel(key), 'keys and values are not empty');
    addLeaf(leaves, { trie, hasher }, key, value);
    batch.put(leafKey(prefix, key), encodeLeaf(value, height));
  }
  return leaves;
}
