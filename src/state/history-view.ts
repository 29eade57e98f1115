import { sha256 } from '#crypto/hash.ts';
import type { KeyRange, KeyValueSnapshot, ReadOptions } from '#ports/key-value.ts';
import { damaged } from '#storage/checksummed.ts';
import { BizraError } from '#util/errors.ts';
import type { StateErrorCode } from './errors.ts';
import { walkHead, walkPast } from './history-walk.ts';
import type { LeafHasher } from './leaf-changes.ts';
import { NO_NODE } from './node-pool.ts';
import { leafKey, leafPrefix, leafValue, leafWrittenAt } from './rows.ts';
import type { StateView, StoreName, StoreRange } from './store.ts';
import type { Trie } from './trie.ts';
import {
  type Before,
  decodeDeletion,
  decodeUndo,
  deletionKey,
  deletionPrefix,
  undoKey,
  undoPrefix,
} from './undo-rows.ts';
import { isSentinel, type Version } from './version.ts';

export interface ViewParts {
  readonly trie: Trie;
  readonly hasher: LeafHasher;
  readonly snapshot: KeyValueSnapshot;
  /** Version of the head within the snapshot, held for this view. */
  readonly head: Version;
  readonly height: number;
  /** Version at `height` where it is still kept, held for this view. */
  readonly version: Version | undefined;
  readonly onRelease: () => void;
}

/**
 * State at one height, read from a database snapshot: leaves for the head, and undo rows for the past. Every value is
 * checked: leaves against the tree, undo rows by their checksum and, where the tree is kept, against it as well; and the
 * chain of a key's changes tells when an undo row is missing.
 */
export class HistoryView implements StateView {
  readonly height: number;
  readonly snapshot: KeyValueSnapshot;
  private readonly parts: ViewParts;
  private state: 'open' | 'expired' | 'released' = 'open';

  constructor(parts: ViewParts) {
    this.height = parts.height;
    this.parts = parts;
    this.snapshot = new ViewSnapshot(parts.snapshot, () => this.checkOpen());
  }

  /** The tree of `height`, when it is still kept. */
  get version(): Version | undefined {
    return this.parts.version;
  }

  /** The version of the head when the view was opened. */
  get head(): Version {
    return this.parts.head;
  }

  async get(store: StoreName, key: Uint8Array): Promise<Uint8Array | undefined> {
    this.checkOpen();
    const index = this.storeIndex(store);
    if (key.length === 0 || isSentinel(key)) return undefined;
    return this.isAtHead ? this.headValue(index, store, key) : this.pastValue(index, store, key);
  }

  async *iterate(store: StoreName, range: StoreRange): AsyncGenerator<readonly [Uint8Array, Uint8Array]> {
    this.checkOpen();
    const index = this.storeIndex(store);
    let left = range.limit ?? Number.POSITIVE_INFINITY;
    if (left <= 0) return;
    const { snapshot } = this;
    const checks = {
      leaf: (key: Uint8Array, row: Uint8Array) => this.checkedLeaf(index, store, key, row),
      undo: (key: Uint8Array, before: Before, rowKey: Uint8Array) => this.checkedBefore(index, key, before, rowKey),
      deletion: (key: Uint8Array, height: number) => this.checkUnchangedSince(store, key, height),
    };
    const entries = this.isAtHead
      ? walkHead(snapshot, store, range, checks)
      : walkPast(snapshot, store, range, this.height, checks);
    for await (const entry of entries) {
      this.checkOpen();
      yield entry;
      if (--left <= 0) return;
    }
  }

  async release(): Promise<void> {
    if (this.state === 'released') return;
    const expired = this.state === 'expired';
    this.state = 'released';
    if (!expired) await this.letGo();
  }

  /** Releases what the view pins; later reads throw BizraError 'view_expired'. */
  async expire(): Promise<void> {
    if (this.state !== 'open') return;
    this.state = 'expired';
    await this.letGo();
  }

  /**
   * Throws BizraError 'view_expired'. After each wait, before the trees are looked at: once the view has let go of them,
   * their nodes may be others', or free, and a walk down free ones has no end.
   */
  checkOpen(): void {
    if (this.state === 'open') return;
    throw new BizraError<StateErrorCode>(
      'view_expired',
      `the query at height ${this.height} took too long: ask for less at a time`,
    );
  }

  private get isAtHead(): boolean {
    return this.height === this.parts.head.height;
  }

  private async letGo(): Promise<void> {
    this.parts.head.release();
    this.parts.version?.release();
    this.parts.onRelease();
    await this.snapshot.release();
  }

  private storeIndex(store: StoreName): number {
    const index = this.parts.head.indexOf(store);
    if (index < 0) throw new BizraError<StateErrorCode>('unknown_store', `there is no store named ${store}`);
    return index;
  }

  private headValue(index: number, store: StoreName, key: Uint8Array): Uint8Array | undefined {
    this.checkOpen();
    const { snapshot } = this;
    const { trie, head } = this.parts;
    if (trie.find(head.rootAt(index), sha256(key), 0) !== NO_NODE) {
      return this.checkedLeaf(index, store, key, snapshot.get(leafKey(leafPrefix(store), key)));
    }
    const deletion = deletionKey(deletionPrefix(store), key);
    const row = this.isAtHead ? undefined : snapshot.get(deletion);
    if (row !== undefined) this.checkUnchangedSince(store, key, decodeDeletion(row, deletion));
    return undefined;
  }

  private async pastValue(index: number, store: StoreName, key: Uint8Array): Promise<Uint8Array | undefined> {
    const prefix = undoPrefix(store);
    const rows = this.snapshot.iterate({
      gte: undoKey(prefix, key, this.height + 1),
      lte: undoKey(prefix, key, this.parts.head.height),
      limit: 1,
    });
    for await (const [rowKey, record] of rows) {
      return this.checkedBefore(index, key, decodeUndo(record, rowKey), rowKey);
    }
    return this.headValue(index, store, key);
  }

  /** The value of a leaf of the head, which is that of this height. */
  private checkedLeaf(index: number, store: StoreName, key: Uint8Array, row: Uint8Array | undefined): Uint8Array {
    this.checkOpen();
    const { trie, head } = this.parts;
    const keyHash = sha256(key);
    const leaf = trie.find(head.rootAt(index), keyHash, 0);
    const value = row === undefined ? undefined : leafValue(row);
    if (row === undefined || leaf === NO_NODE || !this.isLeaf(leaf, keyHash, value)) {
      throw damaged(leafKey(leafPrefix(store), key), 'state value');
    }
    this.checkUnchangedSince(store, key, leafWrittenAt(row));
    return value as Uint8Array;
  }

  /** The last known change of a key is of this height or before: otherwise an undo row is missing. */
  private checkUnchangedSince(store: StoreName, key: Uint8Array, changedAt: number): void {
    this.checkOpen();
    if (changedAt > this.height) throw damaged(undoKey(undoPrefix(store), key, changedAt), 'undo row');
  }

  private checkedBefore(
    index: number,
    key: Uint8Array,
    { value, writtenAt }: Before,
    rowKey: Uint8Array,
  ): Uint8Array | undefined {
    const { trie, version } = this.parts;
    this.checkOpen();
    // The row before it is missing.
    if (writtenAt > this.height) throw damaged(rowKey, 'undo row');
    if (version === undefined) return value;
    const keyHash = sha256(key);
    const leaf = trie.find(version.rootAt(index), keyHash, 0);
    const isRight = leaf === NO_NODE ? value === undefined : this.isLeaf(leaf, keyHash, value);
    if (!isRight) throw damaged(rowKey, 'undo row');
    return value;
  }

  private isLeaf(leaf: number, keyHash: Uint8Array, value: Uint8Array | undefined): boolean {
    if (value === undefined) return false;
    const hash = new Uint8Array(32);
    this.parts.hasher.hash(hash, keyHash, 0, value);
    return this.parts.trie.nodes.hashEquals(leaf, hash, 0);
  }
}

/** The view may expire during a read, which then fails: the database's error would stand for one of the disk. */
class ViewSnapshot implements KeyValueSnapshot {
  private readonly snapshot: KeyValueSnapshot;
  private readonly checkOpen: () => void;

  constructor(snapshot: KeyValueSnapshot, checkOpen: () => void) {
    this.snapshot = snapshot;
    this.checkOpen = checkOpen;
  }

  /** At once: nothing expires meanwhile. */
  get(key: Uint8Array, options?: ReadOptions): Uint8Array | undefined {
    this.checkOpen();
    return this.snapshot.get(key, options);
  }

  async getMany(keys: readonly Uint8Array[], options?: ReadOptions): Promise<(Uint8Array | undefined)[]> {
    try {
      return await this.snapshot.getMany(keys, options);
    } catch (error) {
      this.checkOpen();
      throw error;
    }
  }

  async *iterate(range: KeyRange, options?: ReadOptions): AsyncGenerator<readonly [Uint8Array, Uint8Array]> {
    try {
      yield* this.snapshot.iterate(range, options);
    } catch (error) {
      this.checkOpen();
      throw error;
    }
  }

  release(): Promise<void> {
    return this.snapshot.release();
  }
}
