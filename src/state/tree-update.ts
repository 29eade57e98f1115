import { assert } from '#util/assert.ts';
import type { Pause } from '#util/pause.ts';
import { FreshNodes } from './fresh-nodes.ts';
import { bitAt } from './key-arena.ts';
import type { LeafChanges } from './leaf-changes.ts';
import { LEAF_BIT, NO_NODE } from './node-pool.ts';
import type { Trie } from './trie.ts';

const HASH_BYTES = 32;
/**
 * Changes that are looked up, linked and hashed in one go: about 1 ms, and few enough that all they touch stays in the
 * processor's cache from one to the next.
 */
const GROUP = 256;
/** Pairs that are freed for each change, so that freeing keeps up with making: more than stand on the way to one leaf. */
const FREED_PER_CHANGE = 24;

/** A tree after changes. */
export interface UpdatedTree {
  /** With a reference for the caller. */
  readonly root: number;
  /** Indexes of the changes that changed something, in the order of their key hashes. */
  readonly live: Int32Array;
}

/**
 * One tree made from another by changes: the path to each changed leaf is new, the rest is shared. It goes down tree and
 * changes at once, so each new node is made once, in its place.
 */
export class TreeUpdate {
  private readonly trie: Trie;
  private readonly changes: LeafChanges;
  /** Indexes of the changes in the order of their key hashes; in a group that was looked up, only of those that change something. */
  private readonly order: Int32Array;
  private readonly live: Int32Array;
  private liveCount = 0;
  private readonly fresh: FreshNodes;
  private readonly pause: Pause;

  constructor(trie: Trie, changes: LeafChanges, pause: Pause) {
    this.trie = trie;
    this.changes = changes;
    this.order = changes.sorted();
    this.live = new Int32Array(this.order.length);
    this.fresh = new FreshNodes(trie.nodes);
    this.pause = pause;
  }

  /** `root` itself stays as it is. */
  async run(root: number): Promise<UpdatedTree> {
    const { nodes } = this.trie;
    const pair = nodes.newPair();
    const isLeft = await this.inGroups(root, 0, this.order.length, pair << 1);
    this.fresh.hash();
    if (!isLeft) nodes.dropPair(pair);
    return { root: isLeft ? pair << 1 : NO_NODE, live: this.live.subarray(0, this.liveCount) };
  }

  /**
   * Sets `out` to what `node` is after changes [from, to). `node` may be NO_NODE, which is nothing. False, and `out` is not
   * set, when nothing is left. Pauses after each group.
   */
  private async inGroups(node: number, from: number, to: number, out: number): Promise<boolean> {
    if (to - from <= GROUP) {
      const isLeft = this.linked(node, from, this.lookUp(node, from, to), out);
      this.fresh.hash();
      this.trie.nodes.collect((to - from) * FREED_PER_CHANGE);
      await this.pause();
      return isLeft;
    }
    this.trie.findMany(node, this.changes.keyHashes, this.order.subarray(from, from + 1), this.changes);
    this.trie.findMany(node, this.changes.keyHashes, this.order.subarray(to - 1, to), this.changes);
    const bit = this.firstBit(node, from, to);
    const middle = this.firstWithBit(from, to, bit);
    const children = this.trie.nodes.newPair();
    const left = this.treeOn(0, node, bit, from, middle);
    const right = this.treeOn(1, node, bit, from, middle);
    const hasLeft = await this.inGroups(left, from, middle, children << 1);
    const last = this.fresh.count - 1;
    const hasRight = await this.inGroups(right, middle, to, (children << 1) | 1);
    return this.join(out, bit, children, hasLeft, hasRight, last);
  }

  /** Finds out which of changes [from, to) differ from the tree at `node`, and moves them to the front. Returns their end. */
  private lookUp(node: number, from: number, to: number): number {
    const { changes, order } = this;
    this.trie.findMany(node, changes.keyHashes, order.subarray(from, to), changes);
    let end = from;
    for (let i = from; i < to; i++) {
      const index = order[i] as number;
      if (!this.differs(index)) continue;
      order[end++] = index;
      this.live[this.liveCount++] = index;
    }
    return end;
  }

  private differs(index: number): boolean {
    const { values, leafHashes, found } = this.changes;
    const leaf = found[index] as number;
    const isKept = values[index] !== undefined;
    if (leaf === NO_NODE || !isKept) return isKept !== (leaf !== NO_NODE);
    return !this.trie.nodes.hashEquals(leaf, leafHashes, index * HASH_BYTES);
  }

  /** As `inGroups`, of changes that were looked up; what is new is still to be hashed. */
  private linked(node: number, from: number, to: number, out: number): boolean {
    const { nodes } = this.trie;
    if (from === to) {
      if (node !== NO_NODE) nodes.copy(node, out);
      return node !== NO_NODE;
    }
    const bit = this.firstBit(node, from, to);
    if (bit === LEAF_BIT) return this.setLeaf(node, this.order[from] as number, out);
    const middle = this.firstWithBit(from, to, bit);
    const children = nodes.newPair();
    const hasLeft = this.linked(this.treeOn(0, node, bit, from, middle), from, middle, children << 1);
    const last = this.fresh.count - 1;
    const hasRight = this.linked(this.treeOn(1, node, bit, from, middle), middle, to, (children << 1) | 1);
    return this.join(out, bit, children, hasLeft, hasRight, last);
  }

  /** Makes `out` the parent of `children`, or their only one. `last` is the last entry of what is fresh on the left side. */
  private join(out: number, bit: number, children: number, hasLeft: boolean, hasRight: boolean, last: number): boolean {
    const { nodes } = this.trie;
    if (hasLeft && hasRight) {
      nodes.setInner(out, bit, children);
      this.fresh.add(out);
      return true;
    }
    if (hasLeft || hasRight) {
      const child = hasLeft ? children << 1 : (children << 1) | 1;
      nodes.move(child, out);
      this.fresh.moved(hasLeft ? last : this.fresh.count - 1, child, out);
    }
    nodes.dropPair(children);
    return hasLeft || hasRight;
  }

  /** A new leaf, or one in place of the old one, or none. */
  private setLeaf(old: number, index: number, out: number): boolean {
    const { nodes, keys } = this.trie;
    const { values, keyHashes, leafHashes } = this.changes;
    if (values[index] === undefined) return false;
    const key =
      old === NO_NODE
        ? keys.add(this.changes.keys[index] as Uint8Array, keyHashes, index * HASH_BYTES)
        : keys.retain(nodes.key(old));
    nodes.setLeaf(out, key, leafHashes, index * HASH_BYTES);
    return true;
  }

  /** The first bit at which the changes and the tree at `node` part; LEAF_BIT for one change at its leaf. */
  private firstBit(node: number, from: number, to: number): number {
    const { keyHashes, splits } = this.changes;
    const first = this.order[from] as number;
    const last = this.order[to - 1] as number;
    if (node === NO_NODE) {
      return first === last ? LEAF_BIT : firstDifference(keyHashes, first * HASH_BYTES, last * HASH_BYTES);
    }
    // Whatever the first and the last key share with the tree, those between them share as well.
    return Math.min(this.trie.nodes.bit(node), splits[first] as number, splits[last] as number);
  }

  /** What stands in the tree at `node` on one side of `bit`, its first bit together with the changes. */
  private treeOn(side: 0 | 1, node: number, bit: number, from: number, middle: number): number {
    const { nodes } = this.trie;
    if (node === NO_NODE) return NO_NODE;
    if (nodes.bit(node) === bit) return nodes.child(node, side);
    // The tree has one value of the bit, and the keys that leave it there have the other.
    const isLeftNew = middle > from && this.changes.splits[this.order[from] as number] === bit;
    return isLeftNew === (side === 1) ? node : NO_NODE;
  }

  /** First of the changes whose key hash has `bit` set; all share the bits before it. */
  private firstWithBit(from: number, to: number, bit: number): number {
    const { keyHashes } = this.changes;
    let low = from;
    let high = to;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (bitAt(keyHashes, (this.order[middle] as number) * HASH_BYTES, bit) === 0) low = middle + 1;
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
