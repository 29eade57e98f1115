import type { KeyValue } from '#ports/key-value.ts';
import { assert } from '#util/assert.ts';
import { fromLatin1 } from '#util/bytes.ts';
import type { HeadValues } from './head-values.ts';
import type { LeafChanges, LeafHasher } from './leaf-changes.ts';
import { NO_NODE } from './node-pool.ts';
import { sortedNames } from './simple-map.ts';
import { type Change, Staged } from './staged.ts';
import type { ChangeSet, StoreName } from './store.ts';
import type { Trie } from './trie.ts';
import { type Before, decodeDeletion, deletionKey, deletionPrefix } from './undo-rows.ts';
import { updateTree } from './update-tree.ts';
import { isSentinel, Version } from './version.ts';

/** Values that are read and checked between two pauses: some milliseconds. */
const READ_GROUP = 1000;

export interface StagingParts {
  readonly kv: KeyValue;
  readonly trie: Trie;
  readonly hasher: LeafHasher;
  readonly values: HeadValues;
  readonly pause: () => Promise<void>;
}

/** A store's next tree, and the changes that change something in it, with what they replace. */
interface NextStore {
  /** With a reference for the caller. */
  readonly root: number;
  readonly changes: ReadonlyMap<string, Change>;
}

/** Computes the version after the head with `changes`. The head stays as it is meanwhile. */
export async function stageChanges(parts: StagingParts, height: number, changes: ChangeSet): Promise<Staged> {
  const { trie, values } = parts;
  const base = values.head.hold();
  const before = trie.nodes.made;
  const roots = base.stores.map((_, index) => trie.nodes.retain(base.rootAt(index)));
  const applied = new Map<StoreName, ReadonlyMap<string, Change>>();
  try {
    for (const store of sortedNames(changes.keys())) {
      const index = base.indexOf(store);
      assert(index >= 0, `store ${store} exists`);
      const next = await changeStore(parts, base, store, [...(changes.get(store) ?? [])]);
      trie.nodes.release(roots[index] as number);
      roots[index] = next.root;
      if (next.changes.size > 0) applied.set(store, next.changes);
    }
    return new Staged(base, new Version(trie, height, base.stores, roots, trie.nodes.made - before), applied);
  } finally {
    base.release();
  }
}

async function changeStore(
  parts: StagingParts,
  base: Version,
  store: StoreName,
  entries: readonly (readonly [latin1: string, after: Uint8Array | undefined])[],
): Promise<NextStore> {
  const keys = entries.map(([latin1]) => fromLatin1(latin1));
  const values = entries.map(([, value]) => value);
  for (const [i, key] of keys.entries()) {
    assert(key.length > 0 && !isSentinel(key), 'a key is not empty and not the sentinel');
    assert(values[i] === undefined || values[i].length > 0, 'a value is not empty');
  }
  const root = base.rootAt(base.indexOf(store));
  const next = await updateTree(parts, root, { keys, values });
  const before = await replacedBy(parts, base, store, entries, next.changes, next.live);
  const changes = new Map<string, Change>();
  for (const i of next.live) {
    const [latin1, after] = entries[i] as (typeof entries)[number];
    const { value, writtenAt } = before[i] as Before;
    changes.set(latin1, { key: keys[i] as Uint8Array, before: value, writtenAt, after });
  }
  return { root: next.root, changes };
}

/** What the live changes replace, by their indexes: mostly cached, because execution read it. `base` is the head. */
async function replacedBy(
  { kv, values, pause }: StagingParts,
  base: Version,
  store: StoreName,
  entries: readonly (readonly [latin1: string, after: Uint8Array | undefined])[],
  { found, keys }: LeafChanges,
  live: Int32Array,
): Promise<(Before | undefined)[]> {
  assert(base === values.head, 'the head does not move while a version is staged');
  const before: (Before | undefined)[] = new Array(keys.length);
  const isCreated = (index: number): boolean => found[index] === NO_NODE;
  const latin1Of = (index: number): string => (entries[index] as (typeof entries)[number])[0];
  const missing: number[] = [];
  for (const index of live) {
    if (isCreated(index)) continue;
    before[index] = values.cached(store, latin1Of(index));
    if (before[index] === undefined) missing.push(index);
  }
  for (let from = 0; from < missing.length; from += READ_GROUP) {
    const group = missing.slice(from, from + READ_GROUP);
    await values.prefetch(group.map((index) => ({ store, key: keys[index] as Uint8Array })));
    for (const index of group) {
      const value = values.get(store, latin1Of(index), keys[index] as Uint8Array);
      assert(value !== undefined, 'the tree has the key');
      before[index] = value;
    }
    await pause();
  }
  const created = live.filter(isCreated);
  if (created.length === 0) return before;
  const prefix = deletionPrefix(store);
  const rowKeys = Array.from(created, (index) => deletionKey(prefix, keys[index] as Uint8Array));
  // On the way of each block; `writtenAt` is there to find damage and answers nothing.
  const rows = await kv.getMany(rowKeys, { unverified: true });
  for (const [i, index] of created.entries()) {
    const row = rows[i];
    const writtenAt = row === undefined ? 0 : decodeDeletion(row, rowKeys[i] as Uint8Array);
    before[index] = { value: undefined, writtenAt };
  }
  return before;
}
