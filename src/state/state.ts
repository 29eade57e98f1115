import type { StreamedFile } from '#ports/files.ts';
import type { KeyValue, WriteBatch } from '#ports/key-value.ts';
import { SlicedDeletes } from '#storage/sliced-deletes.ts';
import { assert } from '#util/assert.ts';
import { toLatin1 } from '#util/bytes.ts';
import type { Pause } from '#util/pause.ts';
import { genesisLeaves } from './genesis-leaves.ts';
import { HeadValues, type Read } from './head-values.ts';
import { LeafHasher } from './leaf-changes.ts';
import { readHead } from './load.ts';
import { type LoadingOptions, openTree } from './open-tree.ts';
import { Past, type PastOptions } from './past.ts';
import type { Proof } from './prove.ts';
import { BASE_KEY, encodeBase, encodeHead, HEAD_KEY } from './rows.ts';
import { sortedNames } from './simple-map.ts';
import type { PinnedState } from './snapshot/pinned-state.ts';
import { stageChanges } from './stage.ts';
import { Staged } from './staged.ts';
import type { ChangeSet, StagedVersion, StateReader, StateView, StoreName } from './store.ts';
import { verifyLeaves } from './tree-copy/verify.ts';
import { copySections } from './tree-copy/write.ts';
import { Trie } from './trie.ts';
import type { UndoPruner } from './undo-pruner.ts';
import { Version } from './version.ts';

/** Checked values in memory: some 300,000 accounts with their balances. */
const CACHE_BYTES = 64 * 1024 * 1024;
/** Freed at each publish, so that an idle chain returns memory too. */
const FREED_PER_PUBLISH = 1000;

export interface StateOptions extends PastOptions, LoadingOptions {
  readonly cacheBytes?: number;
}

/**
 * The ledger's state: key-value stores under one app hash, at the head and at heights before it. Reads are of the
 * head. A block's changes are staged into a next version, written with the height's batch, and published.
 */
export class State implements StateReader {
  private readonly kv: KeyValue;
  private readonly trie: Trie;
  private readonly hasher: LeafHasher;
  private readonly values: HeadValues;
  private readonly past: Past;
  private readonly pause: () => Promise<void>;
  /** Bytes of the undo rows of all heights up to the head. */
  private undoBytes: number;
  private writtenUndoBytes = 0;
  private copyHeight: number | undefined;

  private constructor(kv: KeyValue, trie: Trie, hasher: LeafHasher, head: Version, options: StateOptions) {
    this.kv = kv;
    this.trie = trie;
    this.hasher = hasher;
    this.pause = options.pause ?? (async () => undefined);
    this.values = new HeadValues({ kv, trie, hasher }, head, { cacheBytes: options.cacheBytes ?? CACHE_BYTES });
    this.past = new Past({ kv, trie, hasher }, head, options);
    this.undoBytes = this.past.pruning.bytesUpTo(head.height);
  }

  private get head(): Version {
    return this.values.head;
  }

  /** True when the database holds a state. */
  static exists(kv: KeyValue): boolean {
    return kv.get(HEAD_KEY) !== undefined;
  }

  /**
   * Brings the tree into memory: from a saved copy that leads to the head's root, else from the stored leaves. Throws BizraError 'state_missing', 'state_corrupt' (a root differs from
   * the head record) or 'damaged'.
   */
  static async open(kv: KeyValue, options: StateOptions = {}): Promise<State> {
    const { trie, hasher, version, copyHeight } = await openTree(kv, options);
    const state = new State(kv, trie, hasher, version, options);
    state.copyHeight = copyHeight;
    return state;
  }

  /**
   * Writes the first state, in one synced batch, to a database that has none. `height` is the one before the first
   * block. `alsoWrite` may add rows of others to the same batch; it gets the app hash of the first header.
   */
  static async initialize(
    kv: KeyValue,
    stores: readonly StoreName[],
    changes: ChangeSet,
    height: number,
    options: StateOptions & { readonly alsoWrite?: (batch: WriteBatch, appHash: Uint8Array) => void } = {},
  ): Promise<State> {
    assert(!State.exists(kv), 'the database holds no state yet');
    for (const store of changes.keys()) assert(stores.includes(store), `store ${store} is in the list of stores`);
    const trie = new Trie();
    const hasher = new LeafHasher();
    const batch = kv.batch();
    const names = sortedNames(stores);
    const roots = names.map((name) => trie.build(genesisLeaves({ trie, hasher, batch, height }, name, changes)));
    const version = new Version(trie, height, names, roots, 0);
    batch.put(HEAD_KEY, encodeHead({ height, appHash: version.appHash, stores: version.storeRoots() }));
    batch.put(BASE_KEY, encodeBase(height));
    options.alsoWrite?.(batch, version.appHash);
    await batch.write({ sync: true });
    return new State(kv, trie, hasher, version, options);
  }

  get height(): number {
    return this.head.height;
  }

  get appHash(): Uint8Array {
    return this.head.appHash;
  }

  /** Least height that `view` can give. */
  get base(): number {
    return this.past.base;
  }

  /** Names of all stores, sorted. */
  get stores(): readonly StoreName[] {
    return this.head.stores;
  }

  /** Tree nodes in memory, for metrics. */
  get nodes(): number {
    return 2 * this.trie.nodes.size;
  }

  /** Entries of all kept versions, the sentinels included. */
  get leaves(): number {
    return this.trie.keys.size;
  }

  /** Bytes of the tree and its keys. */
  get treeBytes(): number {
    return this.trie.nodes.bytes + this.trie.keys.bytes;
  }

  /** Value at the head. Throws BizraError 'damaged' when the stored value is not the one in the tree. */
  get(store: StoreName, key: Uint8Array): Uint8Array | undefined {
    return this.getLatin1(store, toLatin1(key), key);
  }

  /** As `get`; `latin1` is `toLatin1(key)`. */
  getLatin1(store: StoreName, latin1: string, key: Uint8Array): Uint8Array | undefined {
    return this.values.get(store, latin1, key)?.value;
  }

  /** Brings values into the cache with one asynchronous read. A hint: whatever is wrong shows at `get`. */
  prefetch(pairs: readonly Read[]): Promise<void> {
    return this.values.prefetch(pairs);
  }

  /**
   * Computes the version after the head with `changes`. The head stays as it is, and several candidates may be staged;
   * each ends with `publish` or `discard`.
   */
  async stage(height: number, changes: ChangeSet): Promise<StagedVersion> {
    assert(height === this.head.height + 1, `height ${height} follows the head ${this.head.height}`);
    const { kv, trie, hasher, values, pause } = this;
    return stageChanges({ kv, trie, hasher, values, pause }, height, changes);
  }

  /**
   * Adds the version's leaves, undo rows, changed keys and head record to the height's batch. The previous height's
   * batch must be on the disk.
   */
  write(batch: WriteBatch, staged: StagedVersion): void {
    assert(staged instanceof Staged && staged.base === this.head, 'the version follows the head');
    this.writtenUndoBytes = staged.writeTo(batch, this.undoBytes);
    this.values.written(staged);
    this.past.written(staged.version);
  }

  /** Makes a written version the head. */
  publish(staged: StagedVersion): void {
    assert(staged instanceof Staged && this.values.isWritten(staged), 'the version was written');
    assert(staged.base === this.head, 'the version follows the head');
    this.values.publish(staged);
    this.past.publish(staged.version);
    this.undoBytes = this.writtenUndoBytes;
    this.trie.nodes.collect(FREED_PER_PUBLISH);
  }

  /** Forgets a version that was staged but will not be the head. */
  discard(staged: StagedVersion): void {
    assert(staged instanceof Staged && staged.version !== this.head, 'the version is not the head');
    if (this.values.isWritten(staged)) this.past.written(undefined);
    this.values.discard(staged);
    staged.version.release();
  }

  /**
   * State at a height from `base` to the head, the head by default, until `release`. Throws BizraError
   * 'height_pruned' or 'height_unknown'.
   */
  view(height?: number): StateView {
    return this.past.view(height);
  }

  /**
   * The value under a key, or its absence, with proof operations that lead to the app hash after `height` (the head
   * by default), which the header of the next height carries. Where the tree of the height is gone, one is made for it.
   * Throws BizraError 'height_pruned', 'height_unknown', 'unknown_store', 'bad_proof' (an empty key), 'query_too_large'
   * or 'query_busy'.
   */
  async prove(store: StoreName, key: Uint8Array, height?: number): Promise<Proof> {
    const [proof] = await this.past.prove(store, [key], height);
    return proof as Proof;
  }

  /** As `prove`, of many keys of one store at one height. */
  proveMany(store: StoreName, keys: readonly Uint8Array[], height?: number): Promise<Proof[]> {
    return this.past.prove(store, keys, height);
  }

  /** What forgets heights below a base, step by step. */
  get pruning(): UndoPruner {
    return this.past.pruning;
  }

  /**
   * Forgets the past below `base`, if that is above what is forgotten already: heights from it on stay readable. In
   * small batches; an interrupted run is completed by the next one.
   */
  async prune(base: number): Promise<void> {
    const { pruning, pause } = this;
    const target = Math.min(base, this.head.height);
    if (target > pruning.base) await pruning.raise(target);
    const deletes = new SlicedDeletes(this.kv, async (_rows, write) => {
      await write();
      await pause();
    });
    while (await pruning.sweep(deletes, () => {})) await deletes.flush();
  }

  /**
   * The whole state at the head, for a snapshot, until `release`. Unlike a view it never expires, so there is one at a
   * time: undefined while another one is held.
   */
  pin(): PinnedState | undefined {
    return this.past.pin();
  }
  /**
   * Height of the newest saved tree that is known to be good. When there is one right after the start, the stored leaves
   * are still to be verified.
   */
  get savedHeight(): number | undefined {
    return this.copyHeight;
  }

  /** Saves the tree of the head, in the background. Resolves with its height. */
  async saveTree(copy: StreamedFile, pause: Pause): Promise<number> {
    const version = this.head.hold();
    try {
      await copy.replace(copySections(this.trie, version, pause));
      this.copyHeight = version.height;
      return version.height;
    } finally {
      version.release();
    }
  }

  /**
   * Compares all stored leaves with the tree, in the background; resolves with their number. Throws MachineError
   * 'damaged' or 'state_corrupt'.
   */
  async verifyLeaves(pause: Pause): Promise<number> {
    const snapshot = this.kv.snapshot();
    const version = this.past.versionAt(readHead(snapshot).height);
    assert(version !== undefined, 'the version of a visible head is in memory');
    version.hold();
    try {
      return await verifyLeaves({ trie: this.trie, hasher: this.hasher, version, snapshot }, pause);
    } finally {
      version.release();
      await snapshot.release();
    }
  }
}
