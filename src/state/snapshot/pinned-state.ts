import type { KeyValueSnapshot } from '#ports/key-value.ts';
import { damaged } from '#storage/checksummed.ts';
import type { LeafHasher } from '../leaf-changes.ts';
import { leafKey, leafPrefix, leafValue } from '../rows.ts';
import type { StoreRoot } from '../simple-map.ts';
import type { StoreName } from '../store.ts';
import type { Trie } from '../trie.ts';
import { isSentinel, SENTINEL_VALUE, type Version } from '../version.ts';
import type { Leaf } from './chunk.ts';

/** Leaves read by one call: a trip to the thread pool, and then less than a millisecond of hashing. */
const READ_GROUP = 256;
const HASH_BYTES = 32;

/** A leaf with its hashes: it is the one in the tree. */
export interface PinnedLeaf extends Leaf {
  readonly keyHash: Uint8Array;
  readonly leafHash: Uint8Array;
}

/**
 * The state of one height for as long as somebody walks it whole: its tree and a database snapshot stay until `release`.
 * What blocks replace meanwhile is kept beside, so nobody holds two of these.
 */
export class PinnedState {
  readonly height: number;
  readonly appHash: Uint8Array;
  private readonly trie: Trie;
  private readonly hasher: LeafHasher;
  private readonly version: Version;
  private readonly snapshot: KeyValueSnapshot;
  private readonly onRelease: () => void;
  private released = false;

  /** Takes over a hold of the version, and the snapshot. */
  constructor(parts: {
    readonly trie: Trie;
    readonly hasher: LeafHasher;
    readonly version: Version;
    readonly snapshot: KeyValueSnapshot;
    readonly onRelease: () => void;
  }) {
    this.trie = parts.trie;
    this.hasher = parts.hasher;
    this.version = parts.version;
    this.snapshot = parts.snapshot;
    this.onRelease = parts.onRelease;
    this.height = parts.version.height;
    this.appHash = parts.version.appHash;
  }

  /** Roots of all stores, sorted by name. */
  roots(): StoreRoot[] {
    return this.version.storeRoots();
  }

  /**
   * All leaves of a store, the sentinel included, in the order of their key hashes. Throws MachineError 'damaged' when a
   * stored value is not the one in the tree.
   */
  async *leaves(store: StoreName): AsyncGenerator<readonly PinnedLeaf[]> {
    const prefix = leafPrefix(store);
    const stack = [this.version.rootAt(this.version.indexOf(store))];
    while (stack.length > 0) yield await this.read(prefix, this.nextLeaves(stack));
  }

  async release(): Promise<void> {
    if (this.released) return;
    this.released = true;
    this.version.release();
    this.onRelease();
    await this.snapshot.release();
  }

  private nextLeaves(stack: number[]): number[] {
    const { nodes } = this.trie;
    const leaves: number[] = [];
    while (stack.length > 0 && leaves.length < READ_GROUP) {
      const node = stack.pop() as number;
      if (nodes.isLeaf(node)) leaves.push(node);
      else stack.push(nodes.right(node), nodes.left(node));
    }
    return leaves;
  }

  private async read(prefix: Uint8Array, leaves: readonly number[]): Promise<PinnedLeaf[]> {
    const { nodes, keys } = this.trie;
    const rawKeys = leaves.map((leaf) => keys.key(nodes.key(leaf)));
    const rows = await this.snapshot.getMany(rawKeys.map((key) => leafKey(prefix, key)));
    return rawKeys.map((key, i) => {
      const row = rows[i];
      const value = isSentinel(key) ? SENTINEL_VALUE : row && leafValue(row);
      const keyHash = keys.hash(nodes.key(leaves[i] as number));
      const leafHash = new Uint8Array(HASH_BYTES);
      if (value !== undefined) this.hasher.hash(leafHash, keyHash, 0, value);
      if (value === undefined || !nodes.hashEquals(leaves[i] as number, leafHash, 0))
        throw damaged(leafKey(prefix, key), 'state value');
      return { key, value, keyHash, leafHash };
    });
  }
}
