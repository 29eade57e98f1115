import type { KeyValue, WriteBatch } from '#ports/key-value.ts';
import { damaged } from '#storage/checksummed.ts';
import { equalBytes, toHex } from '#util/bytes.ts';
import { MachineError } from '#util/errors.ts';
import type { StateErrorCode } from './errors.ts';
import { type LeafChanges, LeafHasher } from './leaf-changes.ts';
import { loadVersion, readHead } from './load.ts';
import { NO_NODE } from './node-pool.ts';
import { BASE_KEY, decodeBase, encodeHead, encodeLeaf, HEAD_KEY, leafKey, leafPrefix } from './rows.ts';
import type { StoreName } from './store.ts';
import { Trie } from './trie.ts';
import {
  type Before,
  changedKeysKey,
  decodeChangedKeys,
  decodeUndo,
  deletionKey,
  deletionPrefix,
  encodeDeletion,
  undoKey,
  undoPrefix,
} from './undo-rows.ts';
import { updateTree } from './update-tree.ts';
import { Version } from './version.ts';

/** Undo rows that are read between two pauses: about 1 ms. */
const GROUP = 1000;
/** Pairs of tree nodes that are freed with each height. */
const FREED_PER_HEIGHT = 100_000;

const NEVER_PAUSE = async (): Promise<void> => undefined;

/**
 * Takes the state of a database back, height by height, on a database that nobody else uses. Each height has its root
 * computed again, so that a lost or wrong undo row is noticed before it is believed.
 */
export class Rewind {
  private readonly kv: KeyValue;
  private readonly trie: Trie;
  private readonly hasher: LeafHasher;
  private readonly pause: () => Promise<void>;
  private head: Version;

  private constructor(kv: KeyValue, trie: Trie, hasher: LeafHasher, head: Version, pause: () => Promise<void>) {
    this.kv = kv;
    this.trie = trie;
    this.hasher = hasher;
    this.head = head;
    this.pause = pause;
  }

  /** Throws what `State.open` throws. */
  static async open(kv: KeyValue, pause: () => Promise<void> = NEVER_PAUSE): Promise<Rewind> {
    const trie = new Trie();
    const hasher = new LeafHasher();
    return new Rewind(kv, trie, hasher, await loadVersion(kv, trie, hasher), pause);
  }

  /** Least height that can be gone back to. */
  static base(kv: KeyValue): number {
    const base = kv.get(BASE_KEY);
    return base === undefined ? readHead(kv).height : decodeBase(base).height;
  }

  get height(): number {
    return this.head.height;
  }

  get appHash(): Uint8Array {
    return this.head.appHash;
  }

  /**
   * Adds to `batch` what makes the height before the head the head: leaves as they were, no undo rows and no list of
   * changed keys of the height that goes. The batch must be written before the next call. `appHash` is the root that
   * the header of the height that goes names. Throws MachineError 'damaged' or 'state_corrupt'.
   */
  async undo(batch: WriteBatch, appHash: Uint8Array): Promise<void> {
    const { height, stores } = this.head;
    const roots = stores.map((_, index) => this.trie.nodes.retain(this.head.rootAt(index)));
    for (const [store, keys] of this.changedKeys(height)) {
      const index = this.head.indexOf(store);
      if (index < 0) throw corrupt(height, `it changed a store ${store} that the chain does not have`);
      const root = roots[index] as number;
      const before = await this.readUndo(batch, store, keys, height);
      const entries = { keys, values: before.map(({ value }) => value) };
      const { trie, hasher, pause } = this;
      const next = await updateTree({ trie, hasher, pause }, root, entries);
      restoreLeaves(batch, store, next.changes, before);
      roots[index] = next.root;
      trie.nodes.release(root);
    }
    const version = new Version(this.trie, height - 1, stores, roots, 0);
    if (!equalBytes(version.appHash, appHash)) {
      const found = toHex(version.appHash);
      throw corrupt(height, `they give the app hash ${found}, its header names ${toHex(appHash)}`);
    }
    batch.delete(changedKeysKey(height));
    batch.put(HEAD_KEY, encodeHead({ height: height - 1, appHash, stores: version.storeRoots() }));
    this.head.release();
    this.trie.nodes.collect(FREED_PER_HEIGHT);
    this.head = version;
  }

  private changedKeys(height: number): ReadonlyMap<StoreName, readonly Uint8Array[]> {
    const key = changedKeysKey(height);
    const record = this.kv.get(key);
    if (record === undefined) throw damaged(key, 'list of changed keys');
    return decodeChangedKeys(record, key).stores;
  }

  /** What the keys held before `height`, in their order; the rows that say so go. */
  private async readUndo(
    batch: WriteBatch,
    store: StoreName,
    keys: readonly Uint8Array[],
    height: number,
  ): Promise<Before[]> {
    const prefix = undoPrefix(store);
    const before: Before[] = [];
    for (let from = 0; from < keys.length; from += GROUP) {
      const rowKeys = keys.slice(from, from + GROUP).map((key) => undoKey(prefix, key, height));
      const rows = await this.kv.getMany(rowKeys);
      for (const [i, rowKey] of rowKeys.entries()) {
        const row = rows[i];
        if (row === undefined) throw damaged(rowKey, 'undo row');
        before.push(decodeUndo(row, rowKey));
        batch.delete(rowKey);
      }
      await this.pause();
    }
    return before;
  }
}

/** The leaves, and the rows that say when a key was deleted, as they were. */
function restoreLeaves(batch: WriteBatch, store: StoreName, changes: LeafChanges, before: readonly Before[]): void {
  const leaves = leafPrefix(store);
  const deletions = deletionPrefix(store);
  for (const [i, key] of changes.keys.entries()) {
    const { value, writtenAt } = before[i] as Before;
    const deletion = deletionKey(deletions, key);
    if (value !== undefined) batch.put(leafKey(leaves, key), encodeLeaf(value, writtenAt));
    else batch.delete(leafKey(leaves, key));
    if (value === undefined && writtenAt > 0) batch.put(deletion, encodeDeletion(deletion, writtenAt));
    else if (changes.found[i] === NO_NODE) batch.delete(deletion);
  }
}

function corrupt(height: number, what: string): MachineError<StateErrorCode> {
  return new MachineError(
    'state_corrupt',
    `the undo rows of height ${height} are damaged: ${what}; restore a backup or sync again`,
  );
}
