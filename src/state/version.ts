import { assert } from '#util/assert.ts';
import { appHashOf, type StoreRoot } from './simple-map.ts';
import type { StoreName } from './store.ts';
import type { Trie } from './trie.ts';

/** Permanent leaf of every store, so that a store is never empty and every absence has a neighbour. Not in the database. */
export const SENTINEL_KEY = Uint8Array.of(0xff);
export const SENTINEL_VALUE = Uint8Array.of(0x01);

export function isSentinel(key: Uint8Array): boolean {
  return key.length === 1 && key[0] === 0xff;
}

/** The trees of all stores at one height. Counted: nodes live while somebody holds a version that names them. */
export class Version {
  readonly height: number;
  /** Sorted by name. */
  readonly stores: readonly StoreName[];
  readonly appHash: Uint8Array;
  /** Pairs of nodes that were made for this version, and beside it: an upper bound of what its predecessors keep alive. */
  readonly newPairs: number;
  private readonly trie: Trie;
  private readonly roots: readonly number[];
  private holders = 1;

  /** Takes over the references to `roots`, which stand in the order of `stores`. The caller is the first holder. */
  constructor(trie: Trie, height: number, stores: readonly StoreName[], roots: readonly number[], newPairs: number) {
    this.trie = trie;
    this.height = height;
    this.stores = stores;
    this.roots = roots;
    this.newPairs = newPairs;
    this.appHash = appHashOf(this.storeRoots());
  }

  /** Position of a store, or -1. */
  indexOf(store: StoreName): number {
    return this.stores.indexOf(store);
  }

  rootAt(index: number): number {
    return this.roots[index] as number;
  }

  storeRoots(): StoreRoot[] {
    return this.stores.map((name, index) => ({ name, root: this.trie.nodes.hash(this.rootAt(index)) }));
  }

  hold(): this {
    assert(this.holders > 0, 'the version is alive');
    this.holders++;
    return this;
  }

  release(): void {
    assert(this.holders > 0, 'a version is released as often as it is held');
    this.holders--;
    if (this.holders === 0) for (const root of this.roots) this.trie.nodes.release(root);
  }
}
