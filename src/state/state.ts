import { sha256 } from '#crypto/hash.ts';
import type { KeyValue, WriteBatch } from '#ports/key-value.ts';
import { damaged } from '#storage/checksummed.ts';
import { assert } from '#util/assert.ts';
import { fromLatin1, toLatin1 } from '#util/bytes.ts';
import { BizraError } from '#util/errors.ts';
import type { StateErrorCode } from './errors.ts';
import { HistoryView } from './history-view.ts';
import { LeafChanges, LeafHasher } from './leaf-changes.ts';
import { addLeaf, loadVersion, readHead } from './load.ts';
import { NO_NODE } from './node-pool.ts';
import { type Proof, proveKey } from './prove.ts';
import { pruneUndo } from './prune.ts';
import { BASE_KEY, decodeBase, encodeBase, encodeHead, HEAD_KEY, leafKey, leafPrefix } from './rows.ts';
import { sortedNames } from './simple-map.ts';
import { type Change, Staged } from './staged.ts';
import type { ChangeSet, StagedVersion, StateReader, StateView, StoreName } from './store.ts';
import { Trie } from './trie.ts';
import { ValueCache } from './value-cache.ts';
import { isSentinel, SENTINEL_KEY, SENTINEL_VALUE, Version } from './version.ts';

/** Checked values in memory: some 300,000 accounts with their balances. */
const CACHE_BYTES = 64 * 1024 * 1024;
/** Heights whose trees are kept, for proofs: half a minute of the fastest chain. */
const PROOF_HEIGHTS = 128;
/** Bytes that kept trees may take beside the head's; the oldest go first. */
const PROOF_BYTES = 256 * 1024 * 1024;
/** Heights after which an open view is closed: it pins tree nodes and keeps LevelDB from dropping old values. */
const VIEW_HEIGHTS = 1000;
/** Bytes of a tree node in its slab. */
const NODE_BYTES = 46;
/** Changes that are hashed between two pauses: about 1 ms. */
const HASH_GROUP = 1000;
/** Freed at each publish, so that an idle chain returns memory too. */
const FREED_PER_PUBLISH = 1000;
const HASH_BYTES = 32;

export interface StateOptions {
  readonly cacheBytes?: number;
  readonly proofHeights?: number;
  readonly proofBytes?: number;
  readonly viewHeights?: number;
  /** Lets the event loop run; called about every millisecond of long work. */
  readonly pause?: () => Promise<void>;
}

/** A value to bring into memory. */
interface Read {
  readonly store: StoreName;
  readonly key: Uint8Array;
}

/**
 * The ledger's state: key-value stores under one app hash, at the head and at heights before it. Reads are of the
 * head. A block's changes are staged into a next version, written with the height's batch, and published.
 */
export class State implements StateReader {
  private readonly kv: KeyValue;
  private readonly trie: Trie;
  private readonly hasher: LeafHasher;
  private readonly cache: ValueCache;
  private readonly options: Required<StateOptions>;
  private head: Version;
  /** Kept versions by height, the head included. */
  private readonly versions = new Map<number, Version>();
  /** The last staged version that was written: its batch may be visible in the database earlier or later than here. */
  private recent: Staged | undefined;
  private baseHeight: number;
  private readonly views = new Set<HistoryView>();
  private readonly scratch = new Uint8Array(HASH_BYTES);

  private constructor(kv: KeyValue, trie: Trie, hasher: LeafHasher, head: Version, options: StateOptions) {
    this.kv = kv;
    this.trie = trie;
    this.hasher = hasher;
    this.head = head;
    this.options = {
      cacheBytes: options.cacheBytes ?? CACHE_BYTES,
      proofHeights: options.proofHeights ?? PROOF_HEIGHTS,
      proofBytes: options.proofBytes ?? PROOF_BYTES,
      viewHeights: options.viewHeights ?? VIEW_HEIGHTS,
      pause: options.pause ?? (async () => undefined),
    };
    this.cache = new ValueCache(this.options.cacheBytes);
    this.versions.set(head.height, head);
    const base = kv.get(BASE_KEY);
    this.baseHeight = base === undefined ? head.height : decodeBase(base);
  }

  /** True when the database holds a state. */
  static exists(kv: KeyValue): boolean {
    return kv.get(HEAD_KEY) !== undefined;
  }

  /**
   * Rebuilds the tree from the stored leaves. Throws BizraError 'state_missing', 'state_corrupt' (a root differs from
   * the head record) or 'damaged'.
   */
  static async open(kv: KeyValue, options: StateOptions = {}): Promise<State> {
    const trie = new Trie();
    const hasher = new LeafHasher();
    return new State(kv, trie, hasher, await loadVersion(kv, trie, hasher), options);
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
    const roots = names.map((name) => trie.build(genesisLeaves(trie, hasher, batch, name, changes)));
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
    return this.baseHeight;
  }

  /** Names of all stores, sorted. */
  get stores(): readonly StoreName[] {
    return this.head.stores;
  }

  /** Tree nodes in memory, for metrics. */
  get nodes(): number {
    return this.trie.nodes.size;
  }

  /** Value at the head. Throws BizraError 'damaged' when the stored value is not the one in the tree. */
  get(store: StoreName, key: Uint8Array): Uint8Array | undefined {
    return this.getLatin1(store, toLatin1(key), key);
  }

  /** As `get`; `latin1` is `toLatin1(key)`. */
  getLatin1(store: StoreName, latin1: string, key: Uint8Array): Uint8Array | undefined {
    const cached = this.cache.get(store, latin1);
    if (cached !== undefined) return cached;
    const recent = this.recentChange(store, latin1);
    if (recent !== undefined) return recent.value;
    const index = this.head.indexOf(store);
    assert(index >= 0, `store ${store} exists`);
    if (key.length === 0 || isSentinel(key)) return undefined;
    const keyHash = sha256(key);
    const leaf = this.trie.find(this.head.rootAt(index), keyHash, 0);
    if (leaf === NO_NODE) return undefined;
    const row = leafKey(leafPrefix(store), key);
    const value = this.kv.get(row);
    if (value === undefined || !this.matches(leaf, keyHash, value)) throw damaged(row, 'state value');
    this.cache.set(store, latin1, value);
    return value;
  }

  /** Brings values into the cache with one asynchronous read. A hint: whatever is wrong shows at `get`. */
  async prefetch(pairs: readonly Read[]): Promise<void> {
    const wanted = pairs.filter(({ store, key }) => this.isWorthFetching(store, key));
    if (wanted.length === 0) return;
    const values = await this.kv.getMany(wanted.map(({ store, key }) => leafKey(leafPrefix(store), key)));
    for (const [i, { store, key }] of wanted.entries()) {
      // The head may have moved meanwhile: only what fits the tree as it is now is taken.
      const found = this.leafOf(this.head, store, key);
      const value = values[i];
      if (found === undefined || value === undefined || !this.matches(found.leaf, found.keyHash, value)) continue;
      if (this.recentChange(store, toLatin1(key)) === undefined) this.cache.set(store, toLatin1(key), value);
    }
  }

  /**
   * Computes the version after the head with `changes`. The head stays as it is, and several candidates may be staged;
   * each ends with `publish` or `discard`.
   */
  async stage(height: number, changes: ChangeSet): Promise<StagedVersion> {
    assert(height === this.head.height + 1, `height ${height} follows the head ${this.head.height}`);
    const base = this.head.hold();
    const before = this.trie.nodes.size;
    const roots = base.stores.map((_, index) => this.trie.nodes.retain(base.rootAt(index)));
    const applied = new Map<StoreName, Map<string, Change>>();
    try {
      for (const store of sortedNames(changes.keys())) {
        const index = base.indexOf(store);
        assert(index >= 0, `store ${store} exists`);
        const { leafChanges, live, storeChanges } = await this.effective(base, store, changes);
        if (live.length === 0) continue;
        const old = roots[index] as number;
        roots[index] = await this.trie.update(old, leafChanges, live, this.options.pause);
        this.trie.nodes.release(old);
        applied.set(store, storeChanges);
      }
      const newNodes = Math.max(0, this.trie.nodes.size - before);
      return new Staged(base, new Version(this.trie, height, base.stores, roots, newNodes), applied);
    } finally {
      base.release();
    }
  }

  /**
   * Adds the version's leaves, undo rows, changed keys and head record to the height's batch. The previous height's
   * batch must be on the disk.
   */
  write(batch: WriteBatch, staged: StagedVersion): void {
    assert(staged instanceof Staged && staged.base === this.head, 'the version follows the head');
    staged.writeTo(batch);
    // From now on the database may show this height at any time, before or after `publish`.
    this.recent = staged;
  }

  /** Makes a written version the head. */
  publish(staged: StagedVersion): void {
    assert(staged instanceof Staged && staged === this.recent, 'the version was written');
    assert(staged.base === this.head, 'the version follows the head');
    for (const [store, changes] of staged.changes) {
      for (const [latin1, { after }] of changes) {
        if (after === undefined) this.cache.delete(store, latin1);
        else this.cache.set(store, latin1, after);
      }
    }
    this.head = staged.version;
    this.versions.set(this.head.height, this.head);
    this.dropOldVersions();
    this.trie.nodes.collect(FREED_PER_PUBLISH);
  }

  /** Forgets a version that was staged but will not be the head. */
  discard(staged: StagedVersion): void {
    assert(staged instanceof Staged && staged.version !== this.head, 'the version is not the head');
    if (this.recent === staged) this.recent = undefined;
    staged.version.release();
  }

  /**
   * State at a height from `base` to the head, the head by default, until `release`. Throws BizraError
   * 'height_pruned' or 'height_unknown'.
   */
  view(height?: number): StateView {
    return this.openView(height);
  }

  /**
   * The value under a key, or its absence, with proof operations that lead to the app hash after `height` (the head
   * by default), which the header of the next height carries. Throws BizraError 'height_pruned' when that tree is no
   * longer kept.
   */
  async prove(store: StoreName, key: Uint8Array, height?: number): Promise<Proof> {
    const view = this.openView(height);
    try {
      if (view.version === undefined) {
        throw new BizraError<StateErrorCode>(
          'height_pruned',
          `proofs are kept for the last ${this.options.proofHeights} heights, up to ${this.head.height}: height ${view.height} is older`,
        );
      }
      return await proveKey(this.trie, view, view.version, store, key);
    } finally {
      await view.release();
    }
  }

  /**
   * Forgets the past below `base`: heights from it on stay readable. Runs beside everything else, in small batches; an
   * interrupted run is completed by the next one.
   */
  async prune(base: number): Promise<void> {
    const target = Math.min(base, this.head.height);
    if (target <= this.baseHeight) return;
    this.baseHeight = target;
    await pruneUndo(this.kv, target, this.options.pause);
  }

  private openView(height: number | undefined): HistoryView {
    const snapshot = this.kv.snapshot();
    try {
      const headHeight = readHead(snapshot).height;
      const wanted = height ?? headHeight;
      this.checkHeight(wanted, headHeight);
      const head = this.versionAt(headHeight);
      assert(head !== undefined, 'the version of a visible head is in memory');
      const view = new HistoryView({
        trie: this.trie,
        hasher: this.hasher,
        snapshot,
        head: head.hold(),
        height: wanted,
        version: this.versionAt(wanted)?.hold(),
        onRelease: () => this.views.delete(view),
      });
      this.views.add(view);
      return view;
    } catch (error) {
      void snapshot.release();
      throw error;
    }
  }

  private checkHeight(wanted: number, head: number): void {
    if (wanted > head) {
      throw new BizraError<StateErrorCode>('height_unknown', `height ${wanted} is ahead of the latest height ${head}`);
    }
    if (wanted < this.baseHeight) {
      throw new BizraError<StateErrorCode>(
        'height_pruned',
        `height ${wanted} is no longer kept: the lowest height is ${this.baseHeight}`,
      );
    }
  }

  private versionAt(height: number): Version | undefined {
    const staged = this.recent?.version;
    return staged?.height === height ? staged : this.versions.get(height);
  }

  /** What the last written version says about a key at the head, wherever its batch is by now. */
  private recentChange(store: StoreName, latin1: string): { value: Uint8Array | undefined } | undefined {
    const { recent } = this;
    const change = recent?.changes.get(store)?.get(latin1);
    if (recent === undefined || change === undefined) return undefined;
    return { value: this.head === recent.version ? change.after : change.before };
  }

  private leafOf(
    version: Version,
    store: StoreName,
    key: Uint8Array,
  ): { leaf: number; keyHash: Uint8Array } | undefined {
    const index = version.indexOf(store);
    if (index < 0 || key.length === 0 || isSentinel(key)) return undefined;
    const keyHash = sha256(key);
    const leaf = this.trie.find(version.rootAt(index), keyHash, 0);
    return leaf === NO_NODE ? undefined : { leaf, keyHash };
  }

  private isWorthFetching(store: StoreName, key: Uint8Array): boolean {
    const latin1 = toLatin1(key);
    if (this.cache.get(store, latin1) !== undefined) return false;
    if (this.recentChange(store, latin1) !== undefined) return false;
    return this.leafOf(this.head, store, key) !== undefined;
  }

  private matches(leaf: number, keyHash: Uint8Array, value: Uint8Array): boolean {
    this.hasher.hash(this.scratch, keyHash, 0, value);
    return this.trie.nodes.hashEquals(leaf, this.scratch, 0);
  }

  /** The changes of one store that differ from `base`, with the values that they replace. */
  private async effective(
    base: Version,
    store: StoreName,
    changes: ChangeSet,
  ): Promise<{ leafChanges: LeafChanges; live: Int32Array; storeChanges: Map<string, Change> }> {
    const entries = [...(changes.get(store) ?? [])];
    const keys = entries.map(([latin1]) => fromLatin1(latin1));
    const values = entries.map(([, value]) => value);
    for (const [i, key] of keys.entries()) {
      assert(key.length > 0 && !isSentinel(key), 'a key is not empty and not the sentinel');
      assert(values[i] === undefined || values[i].length > 0, 'a value is not empty');
    }
    const leafChanges = new LeafChanges(keys, values, this.hasher);
    for (let from = 0; from < keys.length; from += HASH_GROUP) {
      leafChanges.hash(from, Math.min(from + HASH_GROUP, keys.length));
      await this.options.pause();
    }
    const root = base.rootAt(base.indexOf(store));
    const { found, keyHashes, leafHashes } = leafChanges;
    const isLive = (i: number) => {
      const leaf = this.trie.find(root, keyHashes, i * HASH_BYTES);
      found[i] = leaf;
      if (leaf === NO_NODE) return values[i] !== undefined;
      return values[i] === undefined || !this.trie.nodes.hashEquals(leaf, leafHashes, i * HASH_BYTES);
    };
    // In hash order, neighbours in the tree are visited one after the other.
    const live = leafChanges.sorted().filter(isLive);
    const replaced = [...live].filter((i) => found[i] !== NO_NODE);
    const before = await this.valuesOf(
      base,
      store,
      replaced.map((i) => keys[i] as Uint8Array),
    );
    const storeChanges = new Map<string, Change>();
    for (const i of live) {
      const [latin1, after] = entries[i] as [string, Uint8Array | undefined];
      storeChanges.set(latin1, { key: keys[i] as Uint8Array, before: before.get(latin1), after });
    }
    return { leafChanges, live, storeChanges };
  }

  /** Values of keys that exist in `base`, which is the head: mostly cached, because execution read them. */
  private async valuesOf(
    base: Version,
    store: StoreName,
    keys: readonly Uint8Array[],
  ): Promise<Map<string, Uint8Array>> {
    assert(base === this.head, 'the head does not move while a version is staged');
    await this.prefetch(keys.map((key) => ({ store, key })));
    const values = new Map<string, Uint8Array>();
    for (const key of keys) {
      const latin1 = toLatin1(key);
      const value = this.getLatin1(store, latin1, key);
      assert(value !== undefined, 'the tree has the key');
      values.set(latin1, value);
    }
    return values;
  }

  private dropOldVersions(): void {
    let bytes = 0;
    for (let height = this.head.height; this.versions.has(height); height--) {
      const version = this.versions.get(height) as Version;
      const age = this.head.height - height;
      if (age > 0 && (age >= this.options.proofHeights || bytes > this.options.proofBytes)) {
        version.release();
        this.versions.delete(height);
      }
      bytes += version.newNodes * NODE_BYTES;
    }
    for (const view of this.views) {
      if (this.head.height - view.openedAt > this.options.viewHeights) void view.expire();
    }
  }
}

/** Leaves of one store's first version, the sentinel included; their rows go to the batch. */
function genesisLeaves(
  trie: Trie,
  hasher: LeafHasher,
  batch: WriteBatch,
  store: StoreName,
  changes: ChangeSet,
): number[] {
  const leaves = [addLeaf(trie, hasher, SENTINEL_KEY, SENTINEL_VALUE)];
  const prefix = leafPrefix(store);
  for (const [latin1, value] of changes.get(store) ?? []) {
    const key = fromLatin1(latin1);
    if (value === undefined) continue;
    assert(key.length > 0 && value.length > 0 && !isSentinel(key), 'keys and values are not empty');
    leaves.push(addLeaf(trie, hasher, key, value));
    batch.put(leafKey(prefix, key), value);
  }
  return leaves;
}
