import { sha256 } from '#crypto/hash.ts';
import type { KeyValue } from '#ports/key-value.ts';
import { damaged } from '#storage/checksummed.ts';
import { assert } from '#util/assert.ts';
import { ByteSlabs } from '#util/byte-slabs.ts';
import { toLatin1 } from '#util/bytes.ts';
import type { LeafHasher } from './leaf-changes.ts';
import { NO_NODE } from './node-pool.ts';
import { leafKey, leafPrefix, leafValue, leafWrittenAt } from './rows.ts';
import type { Staged } from './staged.ts';
import type { StoreName } from './store.ts';
import type { Trie } from './trie.ts';
import { ValueCache } from './value-cache.ts';
import { isSentinel, type Version } from './version.ts';

const HASH_BYTES = 32;
/**
 * The database returns a buffer for each value, and tens of thousands of these that stay for some blocks cost the garbage
 * collector more than a block's hashes. A slab is as large as Node's own pool of small buffers.
 */
const VALUE_SLABS = { slabBytes: 8 * 1024, copyMax: 1024 };

/** A value at the head, and the height that wrote it. */
export interface HeadValue {
  readonly value: Uint8Array;
  readonly writtenAt: number;
}

/** A value to bring into memory. */
export interface Read {
  readonly store: StoreName;
  readonly key: Uint8Array;
}

/** The values of the head: cached, or read from the database and checked against the tree. */
export class HeadValues {
  private readonly kv: KeyValue;
  private readonly trie: Trie;
  private readonly hasher: LeafHasher;
  private readonly cache: ValueCache<HeadValue>;
  private headVersion: Version;
  /** The last staged version that was written: its batch may be visible in the database earlier or later than here. */
  private recent: Staged | undefined;
  private readonly slabs = new ByteSlabs(VALUE_SLABS);
  private readonly scratch = new Uint8Array(HASH_BYTES);

  constructor(
    { kv, trie, hasher }: { readonly kv: KeyValue; readonly trie: Trie; readonly hasher: LeafHasher },
    head: Version,
    { cacheBytes }: { readonly cacheBytes: number },
  ) {
    this.kv = kv;
    this.trie = trie;
    this.hasher = hasher;
    this.headVersion = head;
    this.cache = new ValueCache(cacheBytes);
  }

  get head(): Version {
    return this.headVersion;
  }

  /** `latin1` is `toLatin1(key)`. Throws MachineError 'damaged' when the stored value is not the one in the tree. */
  get(store: StoreName, latin1: string, key: Uint8Array): HeadValue | undefined {
    const cached = this.cache.get(store, latin1);
    if (cached !== undefined) return cached;
    const recent = this.recentValue(store, latin1);
    if (recent !== undefined) return recent.found;
    assert(this.headVersion.indexOf(store) >= 0, `store ${store} exists`);
    const place = this.leafOf(store, key);
    if (place === undefined) return undefined;
    const row = leafKey(leafPrefix(store), key);
    const found = this.checked(place, this.kv.get(row));
    if (found === undefined) throw damaged(row, 'state value');
    this.cache.set(store, latin1, found);
    return found;
  }

  /** The value, where it needs no reading. */
  cached(store: StoreName, latin1: string): HeadValue | undefined {
    return this.cache.get(store, latin1) ?? this.recentValue(store, latin1)?.found;
  }

  /** Brings values into the cache with one asynchronous read. A hint: whatever is wrong shows at `get`. */
  async prefetch(pairs: readonly Read[]): Promise<void> {
    const wanted = pairs.filter(({ store, key }) => this.isWorthFetching(store, key));
    if (wanted.length === 0) return;
    const rows = await this.kv.getMany(wanted.map(({ store, key }) => leafKey(leafPrefix(store), key)));
    for (const [i, { store, key }] of wanted.entries()) {
      // The head may have moved meanwhile: only what fits the tree as it is now is taken.
      const place = this.leafOf(store, key);
      const found = place === undefined ? undefined : this.checked(place, rows[i]);
      if (found === undefined) continue;
      if (this.recentValue(store, toLatin1(key)) === undefined) this.cache.set(store, toLatin1(key), found);
    }
  }

  /** From now on the database may show this version at any time, before or after `publish`. */
  written(staged: Staged): void {
    this.recent = staged;
  }

  isWritten(staged: Staged): boolean {
    return this.recent === staged;
  }

  /** Makes the written version the head. */
  publish(staged: Staged): void {
    const { height } = staged;
    for (const [store, changes] of staged.changes) {
      for (const [latin1, { after }] of changes) {
        if (after === undefined) this.cache.delete(store, latin1);
        else this.cache.set(store, latin1, { value: after, writtenAt: height });
      }
    }
    this.headVersion = staged.version;
  }

  discard(staged: Staged): void {
    if (this.recent === staged) this.recent = undefined;
  }

  /** What the last written version says about a key at the head, wherever its batch is by now. */
  private recentValue(store: StoreName, latin1: string): { readonly found: HeadValue | undefined } | undefined {
    const { recent } = this;
    const change = recent?.changes.get(store)?.get(latin1);
    if (recent === undefined || change === undefined) return undefined;
    const isHead = this.headVersion === recent.version;
    const value = isHead ? change.after : change.before;
    if (value === undefined) return { found: undefined };
    return { found: { value, writtenAt: isHead ? recent.height : change.writtenAt } };
  }

  private leafOf(store: StoreName, key: Uint8Array): { leaf: number; keyHash: Uint8Array } | undefined {
    const index = this.headVersion.indexOf(store);
    if (index < 0 || key.length === 0 || isSentinel(key)) return undefined;
    const keyHash = sha256(key);
    const leaf = this.trie.find(this.headVersion.rootAt(index), keyHash, 0);
    return leaf === NO_NODE ? undefined : { leaf, keyHash };
  }

  private isWorthFetching(store: StoreName, key: Uint8Array): boolean {
    const latin1 = toLatin1(key);
    if (this.cache.get(store, latin1) !== undefined) return false;
    if (this.recentValue(store, latin1) !== undefined) return false;
    return this.leafOf(store, key) !== undefined;
  }

  /** Undefined when the row does not hold what the tree has. */
  private checked(
    { leaf, keyHash }: { leaf: number; keyHash: Uint8Array },
    row: Uint8Array | undefined,
  ): HeadValue | undefined {
    if (row === undefined) return undefined;
    const value = leafValue(row);
    this.hasher.hash(this.scratch, keyHash, 0, value);
    if (!this.trie.nodes.hashEquals(leaf, this.scratch, 0)) return undefined;
    return { value: this.slabs.copy(value), writtenAt: leafWrittenAt(row) };
  }
}
