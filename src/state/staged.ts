import type { WriteBatch } from '#ports/key-value.ts';
import {
  changedKeysKey,
  encodeChangedKeys,
  encodeHead,
  encodeUndo,
  HEAD_KEY,
  leafKey,
  leafPrefix,
  undoKey,
  undoPrefix,
} from './rows.ts';
import type { StagedVersion, StoreName } from './store.ts';
import type { Version } from './version.ts';

/** One key's values before and after; undefined is absence. Never the same. */
export interface Change {
  readonly key: Uint8Array;
  readonly before: Uint8Array | undefined;
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

  /** Leaves, undo rows, the list of changed keys and the head record. */
  writeTo(batch: WriteBatch): void {
    const { height, appHash } = this.version;
    const changedKeys = new Map<StoreName, Uint8Array[]>();
    for (const [store, changes] of this.changes) {
      const leaves = leafPrefix(store);
      const undo = undoPrefix(store);
      const keys: Uint8Array[] = [];
      for (const { key, before, after } of changes.values()) {
        if (after === undefined) batch.delete(leafKey(leaves, key));
        else batch.put(leafKey(leaves, key), after);
        batch.put(undoKey(undo, key, height), encodeUndo(before));
        keys.push(key);
      }
      changedKeys.set(store, keys);
    }
    batch.put(changedKeysKey(height), encodeChangedKeys(changedKeys));
    batch.put(HEAD_KEY, encodeHead({ height, appHash, stores: this.version.storeRoots() }));
  }
}
