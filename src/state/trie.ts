import { assert } from '#util/assert.ts';
import type { Pause } from '#util/pause.ts';
import { bitAt, KeyArena } from './key-arena.ts';
import type { LeafChanges } from './leaf-changes.ts';
import type { LeafList } from './leaf-list.ts';
import { LEAF_BIT, NO_NODE, NodePool } from './node-pool.ts';
import { TreeBuilder } from './tree-builder.ts';
import { firstDifference, TreeUpdate, type UpdatedTree } from './tree-update.ts';

const HASH_BYTES = 32;
/** Walks down a tree that go side by side. */
const WALKS = 16;

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
  readonly nodes = new NodePool({
    retainKey: (key) => this.keys.retain(key),
    releaseKey: (key) => this.keys.release(key),
  });

  /** The leaf whose hash shares the longest prefix with `hashes[offset, offset + 32)`; NO_NODE in an empty tree. */
  closest(root: number, hashes: Uint8Array, offset: number): number {
    const { nodes } = this;
    let node = root;
    if (node === NO_NODE) return NO_NODE;
    for (let bit = nodes.bit(node); bit < LEAF_BIT; bit = nodes.bit(node)) {
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
   * `find` of the key hashes that `order` names, in their order (that of index i is at 32 i of `hashes`), to `found[i]`. To
   * `splits[i]` goes the first bit in which the hash differs from all in the tree; LEAF_BIT for one that is found.
   * Some walks go side by side, a step each: while one waits for memory, the others do not.
   */
  findMany(
    root: number,
    hashes: Uint8Array,
    order: Int32Array,
    { found, splits }: { readonly found: Int32Array; readonly splits: Int16Array },
  ): void {
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
          if (bit >= LEAF_BIT) continue;
          found[index] = nodes.child(node, bitAt(hashes, index * HASH_BYTES, bit));
          isMoving = true;
        }
      }
      for (const index of walks) {
        const split = keys.divergence(nodes.key(found[index] as number), hashes, index * HASH_BYTES);
        splits[index] = split;
        if (split !== LEAF_BIT) found[index] = NO_NODE;
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
    for (let node = root; nodes.bit(node) < LEAF_BIT; path.push(node)) {
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
   * The tree after `changes`, whose hashes must be there; which leaves they replace is filled in. `root` itself stays as it
   * is. Calls `pause` about every millisecond.
   */
  update(root: number, changes: LeafChanges, pause: Pause): Promise<UpdatedTree> {
    return new TreeUpdate(this, changes, pause).run(root);
  }

  /** Root over new leaves in any order; takes over the references to their keys. Not sliced: for start-up. */
  build(leaves: LeafList): number {
    const builder = new TreeBuilder(this);
    for (const index of leaves.order(this.keys)) {
      const { hashes, offset } = leaves.hashAt(index);
      assert(builder.add(leaves.key(index), hashes, offset), 'keys are distinct');
    }
    return builder.finish();
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
