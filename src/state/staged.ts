import type { WriteBatch } from '#ports/key-value.ts';
import { encodeHead, encodeLeaf, HEAD_KEY, leafKey, leafPrefix } from './rows.ts';
import type { StagedVersion, StoreName } from './store.ts';
import {
  changedKeysKey,
  deletionKey,
  deletionPrefix,
  encodeChangedKeys,
  encodeDeletion,
  encodeUndo,
  undoKey,
  undoPrefix,
} from './undo-rows.ts';
import type { Version } from './version.ts';

/** One key's values before and after; undefined is absence. Never the same. */
export interface Change {
  readonly key: Uint8Array;
  readonly before: Uint8Array | undefined;
  /** The height that had written what is replaced; 0 when none is known. */
  readonly writtenAt: number;
  readonly after: Uint8Array | undefined;
}

/** Changes by store and by the key's latin1 form. */
export type Changes = ReadonlyMap<StoreName, ReadonlyMap<string, Change>>;

/** A next version with what its batch must hold. */
export class Staged implements StagedVersion {
  readonly base: Version;
  readonly version: Version;
  readonly changes: Changes;

  constructor(base: Version, version: Version, changes: Changes) {
    this.base = base;
    this.version = version;
    this.changes = changes;
  }

  get height(): number {
    return this.version.height;
  }

  get appHash(): Uint8Array {
    return this.version.appHash;
  }

  /**
   * Leaves, undo rows, the list of changed keys and the head record. `undoBytes` are those of all heights before;
   * returns what they are with this one.
   */
  writeTo(batch: WriteBatch, undoBytes: number): number {
    const { height, appHash } = this.version;
    let bytes = undoBytes;
    const stores = new Map<StoreName, Uint8Array[]>();
    for (const [store, changes] of this.changes) {
      const keys: Uint8Array[] = [];
      const undo = undoPrefix(store);
      for (const change of changes.values()) {
        this.writeLeaf(batch, store, change);
        const rowKey = undoKey(undo, change.key, height);
        const row = encodeUndo(rowKey, { value: change.before, writtenAt: change.writtenAt });
        batch.put(rowKey, row);
        bytes += rowKey.length + row.length;
        keys.push(change.key);
      }
      stores.set(store, keys);
    }
    const listKey = changedKeysKey(height);
    const list = encodeChangedKeys(listKey, { appHashBefore: this.base.appHash, undoBytes: bytes, stores });
    batch.put(listKey, list);
    batch.put(HEAD_KEY, encodeHead({ height, appHash, stores: this.version.storeRoots() }));
    return bytes;
  }

  private writeLeaf(batch: WriteBatch, store: StoreName, { key, before, writtenAt, after }: Change): void {
    const { height } = this.version;
    const deletion = deletionKey(deletionPrefix(store), key);
    if (after === undefined) {
      batch.delete(leafKey(leafPrefix(store), key));
      batch.put(deletion, encodeDeletion(deletion, height));
      return;
    }
    batch.put(leafKey(leafPrefix(store), key), encodeLeaf(after, height));
    if (before === undefined && writtenAt > 0) batch.delete(deletion);
  }
}
