import { FreshNodes } from './fresh-nodes.ts';
import { LEAF_BIT, NO_NODE } from './node-pool.ts';
import type { Trie } from './trie.ts';

const HASH_BYTES = 32;
/** Inner nodes that are hashed in one go: about 1 ms, and what was just made is still in the processor's cache. */
const HASH_GROUP = 4096;

/**
 * A tree from its leaves in the order of their hashes, in one go: what is complete gets its place when the next leaf
 * turns up beside it.
 */
export class TreeBuilder {
  private readonly trie: Trie;
  private readonly fresh: FreshNodes;
  /** Pairs whose right sides are not complete, from the root down, and the bits that their parents will have. */
  private readonly pairs: number[] = [];
  private readonly bits: number[] = [];
  /** The last leaf, which has no place yet. */
  private lastKey: number | undefined;
  private readonly lastHash = new Uint8Array(HASH_BYTES);

  constructor(trie: Trie) {
    this.trie = trie;
    this.fresh = new FreshNodes(trie.nodes);
  }

  /**
   * Takes over the reference to the key of a leaf. False, and nothing changed, when it does not come after the one before
   * it.
   */
  add(key: number, leafHashes: Uint8Array, offset: number): boolean {
    const { nodes, keys } = this.trie;
    if (this.lastKey !== undefined) {
      const bit = keys.divergenceOf(this.lastKey, key);
      if (bit === LEAF_BIT || keys.hashBit(key, bit) === 0) return false;
      const pair = nodes.newPair();
      this.place(bit, pair << 1);
      this.pairs.push(pair);
      this.bits.push(bit);
    }
    this.lastKey = key;
    for (let i = 0; i < HASH_BYTES; i++) this.lastHash[i] = leafHashes[offset + i] as number;
    if (this.fresh.count >= HASH_GROUP) this.fresh.hash();
    return true;
  }

  /** The root, hashed, with a reference for the caller; NO_NODE when there was no leaf. */
  finish(): number {
    if (this.lastKey === undefined) return NO_NODE;
    const root = this.trie.nodes.newPair() << 1;
    this.place(-1, root);
    this.lastKey = undefined;
    this.fresh.hash();
    return root;
  }

  /** Gives their places to the last leaf and to all that is complete with it below a node with this bit, whose child is `out`. */
  private place(bit: number, out: number): void {
    const { nodes } = this.trie;
    let node = this.nextPlace(bit, out);
    nodes.setLeaf(node, this.lastKey as number, this.lastHash, 0);
    while (node !== out) {
      const children = this.pairs.pop() as number;
      const childrenBit = this.bits.pop() as number;
      node = this.nextPlace(bit, out);
      nodes.setInner(node, childrenBit, children);
      this.fresh.add(node);
    }
  }

  private nextPlace(bit: number, out: number): number {
    const pair = this.pairs.at(-1);
    return pair !== undefined && (this.bits.at(-1) as number) > bit ? (pair << 1) | 1 : out;
  }
}
