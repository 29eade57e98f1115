import { LEAF_BIT, NO_NODE } from './node-pool.ts';
import type { Trie } from './trie.ts';

/**
 * A tree from its leaves in the order of their hashes, in one go: what is complete becomes a node when the next leaf
 * turns up beside it. The nodes are fresh, to be hashed.
 */
export class TreeBuilder {
  private readonly trie: Trie;
  /** Subtrees whose right sides are not complete, from the root down, and the bits at which these begin. */
  private readonly lefts: number[] = [];
  private readonly bits: number[] = [];
  private last = NO_NODE;

  constructor(trie: Trie) {
    this.trie = trie;
  }

  /** Takes over the reference to a leaf. False, and nothing changed, when it does not come after the one before it. */
  add(leaf: number): boolean {
    if (this.last === NO_NODE) {
      this.last = leaf;
      return true;
    }
    const { nodes, keys } = this.trie;
    const key = nodes.key(leaf);
    const bit = keys.divergenceOf(nodes.key(this.last), key);
    if (bit === LEAF_BIT || keys.hashBit(key, bit) === 0) return false;
    this.lefts.push(this.completed(bit));
    this.bits.push(bit);
    this.last = leaf;
    return true;
  }

  /** The root, with a reference for the caller. */
  finish(): number {
    const root = this.completed(-1);
    this.last = NO_NODE;
    return root;
  }

  /** All that stands below a node with this bit. */
  private completed(bit: number): number {
    let node = this.last;
    while (this.bits.length > 0 && (this.bits.at(-1) as number) > bit) {
      node = this.trie.nodes.newInner(this.bits.pop() as number, this.lefts.pop() as number, node);
    }
    return node;
  }
}
