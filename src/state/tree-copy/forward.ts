import type { KeyValue } from '#ports/key-value.ts';
import { equalBytes, fromLatin1, toLatin1 } from '#util/bytes.ts';
import type { Pause } from '#util/pause.ts';
import type { LeafHasher } from '../leaf-changes.ts';
import { type HeadRecord, leafKey, leafPrefix, leafValue } from '../rows.ts';
import type { StoreName } from '../store.ts';
import type { Trie } from '../trie.ts';
import { changedKeysKey, decodeChangedKeys } from '../undo-rows.ts';
import { updateTree } from '../update-tree.ts';
import { Version } from '../version.ts';
import { UnusableCopy } from './format.ts';

/** Leaves that are read and linked at a time. */
const GROUP = 10_000;
/** Reading and linking a leaf costs this many times what building one anew does: then all is built anew. */
const COST_OF_CHANGE = 5;

export interface ForwardParts {
  readonly kv: KeyValue;
  readonly trie: Trie;
  readonly hasher: LeafHasher;
  readonly pause: Pause;
}

/**
 * Brings an older version to the head: whatever the heights between changed gets the leaf that the database has now.
 * Releases the old version. Throws UnusableCopy where the lists of changed keys do not reach so far back, or are so long
 * that building the tree anew is quicker; MachineError 'damaged' where one of them is.
 */
export async function bringForward(parts: ForwardParts, old: Version, head: HeadRecord): Promise<Version> {
  const { trie } = parts;
  const changed = changedKeys(parts, old, head.height);
  const roots: number[] = [];
  for (const [index, store] of old.stores.entries()) {
    let root = trie.nodes.retain(old.rootAt(index));
    const keys = [...(changed.get(store) ?? [])].map(fromLatin1);
    for (let from = 0; from < keys.length; from += GROUP) {
      const next = await rootWith(parts, root, store, keys.slice(from, from + GROUP));
      trie.nodes.release(root);
      root = next;
    }
    roots.push(root);
  }
  const version = new Version(trie, head.height, old.stores, roots, 0);
  old.release();
  return version;
}

function changedKeys({ kv, trie }: ForwardParts, old: Version, head: number): Map<StoreName, Set<string>> {
  const changed = new Map<StoreName, Set<string>>();
  let count = 0;
  for (let height = old.height + 1; height <= head; height++) {
    const rowKey = changedKeysKey(height);
    const row = kv.get(rowKey);
    if (row === undefined) throw new UnusableCopy(`what height ${height} changed is no longer known`);
    const { appHashBefore, stores } = decodeChangedKeys(row, rowKey);
    if (height === old.height + 1 && !equalBytes(appHashBefore, old.appHash)) {
      throw new UnusableCopy('it is of another history');
    }
    for (const [store, keys] of stores) {
      const all = changed.get(store) ?? new Set<string>();
      changed.set(store, all);
      for (const key of keys) all.add(toLatin1(key));
      count += keys.length;
    }
    if (count * COST_OF_CHANGE > trie.keys.size + GROUP) throw new UnusableCopy('too much has changed since');
  }
  return changed;
}

async function rootWith(
  parts: ForwardParts,
  root: number,
  store: StoreName,
  keys: readonly Uint8Array[],
): Promise<number> {
  const prefix = leafPrefix(store);
  const rows = await parts.kv.getMany(keys.map((key) => leafKey(prefix, key)));
  const values = rows.map((row) => (row === undefined ? undefined : leafValue(row)));
  return (await updateTree(parts, root, { keys, values })).root;
}
