import { assert } from '#util/assert.ts';
import { bitAt } from './key-arena.ts';
import type { LeafChanges } from './leaf-changes.ts';
import { LEAF_BIT, NO_NODE } from './node-pool.ts';
import type { Trie } from './trie.ts';

const HASH_BYTES = 32;

/** Links one group of changes into a tree. Nodes are borrowed, results are owned by the caller. */
export class LinkedGroup {
  private readonly trie: Trie;
  private readonly changes: LeafChanges;
  /** Indexes of the group's changes, in hash order. */
  private readonly live: Int32Array;
  /** For change i of the group: the bit at which its key leaves the tree; LEAF_BIT when it is in it. */
  private readonly split: Int16Array;

  constructor(trie: Trie, changes: LeafChanges, order: Int32Array, root: number) {
    this.trie = trie;
    this.changes = changes;
    this.live = order;
    this.split = new Int16Array(order.length);
    for (const [slot, index] of order.entries()) this.split[slot] = this.locate(root, index);
  }

  link(root: number): number {
    return this.apply(root, 0, this.live.length);
  }

  private locate(root: number, index: number): number {
    const { changes, trie } = this;
    // A leaf that was found stays where it is until its own change; new keys depend on the groups before.
    if (changes.found[index] !== NO_NODE) return LEAF_BIT;
    const leaf = trie.closest(root, changes.keyHashes, index * HASH_BYTES);
    if (leaf === NO_NODE) return 0;
    return trie.keys.divergence(trie.nodes.key(leaf), changes.keyHashes, index * HASH_BYTES);
  }

  private apply(node: number, from: number, to: number): number {
    const { nodes } = this.trie;
    if (from === to) return nodes.retain(node);
    if (node === NO_NODE) return this.build(from, to);
    const bit = nodes.bit(node);
    const first = this.firstSplit(from, to);
    if (first < bit) return this.applyBeside(node, from, to, first);
    if (bit === LEAF_BIT) return this.applyToLeaf(node, from);
    const middle = this.firstWithBit(from, to, bit);
    const left = this.apply(nodes.left(node), from, middle);
    const right = this.apply(nodes.right(node), middle, to);
    return this.inner(node, bit, left, right);
  }

  /** Some changes leave the tree at `bit`, above `node`: a new parent for `node` and for them. */
  private applyBeside(node: number, from: number, to: number, bit: number): number {
    const middle = this.firstWithBit(from, to, bit);
    // They share one value of `bit`, the tree has the other; with 0 they come first.
    if (middle > from && this.split[from] === bit) {
      const left = this.build(from, middle);
      return this.inner(NO_NODE, bit, left, this.apply(node, middle, to));
    }
    const left = this.apply(node, from, middle);
    return this.inner(NO_NODE, bit, left, this.build(middle, to));
  }

  private applyToLeaf(leaf: number, slot: number): number {
    const index = this.live[slot] as number;
    if (this.changes.values[index] === undefined) return NO_NODE;
    const { nodes, keys } = this.trie;
    return nodes.newLeaf(keys.retain(nodes.key(leaf)), this.changes.leafHashes, index * HASH_BYTES);
  }

  /** A subtree of new leaves only. */
  private build(from: number, to: number): number {
    const { nodes, keys } = this.trie;
    const { keyHashes } = this.changes;
    const first = this.live[from] as number;
    if (to - from === 1) {
      const key = keys.add(this.changes.keys[first] as Uint8Array, keyHashes, first * HASH_BYTES);
      return nodes.newLeaf(key, this.changes.leafHashes, first * HASH_BYTES);
    }
    const last = this.live[to - 1] as number;
    const bit = firstDifference(keyHashes, first * HASH_BYTES, last * HASH_BYTES);
    const middle = this.firstWithBit(from, to, bit);
    const left = this.build(from, middle);
    return nodes.newInner(bit, left, this.build(middle, to));
  }

  /** The node with these children: `old` changed in place, reused or replaced; one child alone if the other is gone. */
  private inner(old: number, bit: number, left: number, right: number): number {
    const { nodes } = this.trie;
    if (left === NO_NODE) return right;
    if (right === NO_NODE) return left;
    if (old === NO_NODE) return nodes.newInner(bit, left, right);
    const oldLeft = nodes.left(old);
    const oldRight = nodes.right(old);
    const same = oldLeft === left && oldRight === right;
    if (!same && !nodes.isFresh(old)) return nodes.newInner(bit, left, right);
    nodes.setLeft(old, left);
    nodes.setRight(old, right);
    nodes.release(oldLeft);
    nodes.release(oldRight);
    return nodes.retain(old);
  }

  private firstSplit(from: number, to: number): number {
    let least = LEAF_BIT;
    for (let slot = from; slot < to; slot++) least = Math.min(least, this.split[slot] as number);
    return least;
  }

  /** First slot whose key hash has `bit` set; all share the bits before it. */
  private firstWithBit(from: number, to: number, bit: number): number {
    let low = from;
    let high = to;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (bitAt(this.changes.keyHashes, (this.live[middle] as number) * HASH_BYTES, bit) === 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** First bit in which two of the hashes differ, which they do. */
export function firstDifference(hashes: Uint8Array, a: number, b: number): number {
  for (let i = 0; i < HASH_BYTES; i++) {
    const difference = (hashes[a + i] as number) ^ (hashes[b + i] as number);
    if (difference !== 0) return i * 8 + Math.clz32(difference) - 24;
  }
  assert(false, 'keys of a change set are distinct');
}
