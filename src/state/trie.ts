import { assert } from '#util/assert.ts';
import { orderByHash } from './hash-order.ts';
import { HashPass } from './hash-pass.ts';
import { bitAt, KeyArena } from './key-arena.ts';
import type { LeafChanges } from './leaf-changes.ts';
import { firstDifference, LinkedGroup } from './linked-group.ts';
import { LEAF_BIT, NO_NODE, NodePool } from './node-pool.ts';
import { TreeBuilder } from './tree-builder.ts';

const HASH_BYTES = 32;
/** Changes that are linked in one go: about 1 ms. */
const LINK_GROUP = 256;
/** Walks down a tree that go side by side. */
const WALKS = 16;
/** Nodes that are freed for each change, so that freeing keeps up with making. */
const FREED_PER_CHANGE = 24;

/** A place in the tree beside a key hash: see `neighbours`. */
export interface Neighbours {
  readonly left: number;
  readonly right: number;
}

/**
 * Binary crit-bit tries over key hashes: an inner node stands where the hashes below it first differ, so the shape
 * depends on the set of keys alone. A tree is the id of its root node; trees share nodes. Roots that a method returns
 * carry a reference that the caller must `release`.
 */
export class Trie {
  readonly keys = new KeyArena();
  readonly nodes = new NodePool((key) => this.keys.release(key));

  /** The leaf whose hash shares the longest prefix with `hashes[offset, offset + 32)`; NO_NODE in an empty tree. */
  closest(root: number, hashes: Uint8Array, offset: number): number {
    const { nodes } = this;
    let node = root;
    if (node === NO_NODE) return NO_NODE;
    for (let bit = nodes.bit(node); bit !== LEAF_BIT; bit = nodes.bit(node)) {
      node = nodes.child(node, bitAt(hashes, offset, bit));
    }
    return node;
  }

  /** The leaf of exactly this key hash, or NO_NODE. */
  find(root: number, hashes: Uint8Array, offset: number): number {
    const leaf = this.closest(root, hashes, offset);
    if (leaf === NO_NODE) return NO_NODE;
    return this.keys.divergence(this.nodes.key(leaf), hashes, offset) === LEAF_BIT ? leaf : NO_NODE;
  }

  /**
   * `find` of the key hashes that `order` names, in their order (that of index i is at 32 i of `hashes`), to `found[i]`.
   * Some walks go side by side, a step each: while one waits for memory, the others do not.
   */
  findMany(root: number, hashes: Uint8Array, order: Int32Array, found: Int32Array): void {
    const { nodes, keys } = this;
    if (root === NO_NODE) return;
    for (let from = 0; from < order.length; from += WALKS) {
      const walks = order.subarray(from, from + WALKS);
      const start = this.commonWay(root, hashes, walks[0] as number, walks.at(-1) as number);
      for (const index of walks) found[index] = start;
      for (let isMoving = true; isMoving; ) {
        isMoving = false;
        for (const index of walks) {
          const node = found[index] as number;
          const bit = nodes.bit(node);
          if (bit === LEAF_BIT) continue;
          found[index] = nodes.child(node, bitAt(hashes, index * HASH_BYTES, bit));
          isMoving = true;
        }
      }
      for (const index of walks) {
        const key = nodes.key(found[index] as number);
        if (keys.divergence(key, hashes, index * HASH_BYTES) !== LEAF_BIT) found[index] = NO_NODE;
      }
    }
  }

  /** Where walks to all hashes from the first to the last still go together. */
  private commonWay(root: number, hashes: Uint8Array, first: number, last: number): number {
    const { nodes } = this;
    if (first === last) return root;
    const split = firstDifference(hashes, first * HASH_BYTES, last * HASH_BYTES);
    let node = root;
    for (let bit = nodes.bit(node); bit < split; bit = nodes.bit(node)) {
      node = nodes.child(node, bitAt(hashes, first * HASH_BYTES, bit));
    }
    return node;
  }

  /** Nodes from the root to the closest leaf, both included. */
  path(root: number, hashes: Uint8Array, offset: number): number[] {
    const { nodes } = this;
    const path = [root];
    for (let node = root; !nodes.isLeaf(node); path.push(node)) {
      node = nodes.child(node, bitAt(hashes, offset, nodes.bit(node)));
    }
    return path;
  }

  /** For a key hash that is not in the tree (which is not empty): the leaves before and after it, or NO_NODE. */
  neighbours(root: number, hash: Uint8Array): Neighbours {
    const { nodes, keys } = this;
    const path = this.path(root, hash, 0);
    const split = keys.divergence(nodes.key(path.at(-1) as number), hash, 0);
    assert(split !== LEAF_BIT, 'the key is absent');
    // All leaves below the first node at or beyond the split lie on one side of the hash.
    const depth = path.findIndex((node) => nodes.bit(node) > split);
    const below = path[depth] as number;
    if (bitAt(hash, 0, split) === 0) {
      return { left: this.beside(path, depth, 'left'), right: this.edge(below, 'left') };
    }
    return { left: this.edge(below, 'right'), right: this.beside(path, depth, 'right') };
  }

  /**
   * Root of the tree after `changes`; `root` itself stays as it is. Leaf hashes and found leaves must be filled in;
   * `order` holds the changes that change something, in the order of `changes.sorted()`. Calls `pause` about every
   * millisecond.
   */
  async update(
    root: number,
    changes: LeafChanges,
    order: Int32Array,
    pause: () => Promise<void> | undefined,
  ): Promise<number> {
    let working = this.nodes.retain(root);
    for (let from = 0; from < order.length; from += LINK_GROUP) {
      const group = new LinkedGroup(this, changes, order.subarray(from, from + LINK_GROUP), working);
      const next = group.link(working);
      this.nodes.release(working);
      working = next;
      this.nodes.collect(LINK_GROUP * FREED_PER_CHANGE);
      await pause();
    }
    await this.hashFresh(working, pause);
    return working;
  }

  /** Hashes what was made for this tree. Calls `pause` about every millisecond. */
  async hashFresh(root: number, pause: () => Promise<void> | undefined): Promise<void> {
    const pass = new HashPass(this.nodes, root);
    while (pass.step()) await pause();
  }

  /** Root over new leaves in any order; takes over the references to them. Not sliced: for start-up. */
  build(leaves: readonly number[] | Int32Array): number {
    const builder = new TreeBuilder(this);
    for (const index of this.hashOrder(leaves)) {
      assert(builder.add(leaves[index] as number), 'keys are distinct');
    }
    const root = builder.finish();
    const pass = new HashPass(this.nodes, root);
    while (pass.step());
    return root;
  }

  /** Indexes of leaves in the order of their key hashes. */
  private hashOrder(leaves: readonly number[] | Int32Array): Int32Array {
    const { nodes, keys } = this;
    const keyOf = (index: number) => nodes.key(leaves[index] as number);
    return orderByHash(
      leaves.length,
      (i) => keys.hashHead(keyOf(i)),
      (a, b) => {
        const split = keys.divergenceOf(keyOf(a), keyOf(b));
        return split === LEAF_BIT ? 0 : keys.hashBit(keyOf(a), split) - keys.hashBit(keyOf(b), split);
      },
    );
  }

  /** The nearest leaf on `side` of everything below `path[depth]`. */
  private beside(path: readonly number[], depth: number, side: 'left' | 'right'): number {
    const { nodes } = this;
    for (let i = depth - 1; i >= 0; i--) {
      const parent = path[i] as number;
      const sibling = side === 'left' ? nodes.left(parent) : nodes.right(parent);
      if (sibling !== path[i + 1]) return this.edge(sibling, side === 'left' ? 'right' : 'left');
    }
    return NO_NODE;
  }

  private edge(node: number, side: 'left' | 'right'): number {
    const { nodes } = this;
    let at = node;
    while (!nodes.isLeaf(at)) at = side === 'left' ? nodes.left(at) : nodes.right(at);
    return at;
  }
}
