import { LEAF_BIT, NO_NODE, type NodePool } from './node-pool.ts';
import { PAIR_SLOTS } from './pair-hasher.ts';

/** Nodes that are looked at or hashed in one go: about 1 ms. */
const STEP_NODES = 4096;
const FIRST_CAPACITY = 1024;

/**
 * Hashes all fresh nodes of a tree. Nodes of one rank (so many fresh ones stand one below the other from them on) do not
 * depend on each other: they are hashed side by side, rank after rank.
 */
export class HashPass {
  private readonly nodes: NodePool;
  /** Where the walk stands; `~node` is a second visit, after the node's children. */
  private readonly stack: number[] = [];
  /** Fresh nodes in the order in which the walk left them, then by rank. */
  private found = new Int32Array(FIRST_CAPACITY);
  private count = 0;
  /** Fresh nodes of each rank. */
  private readonly ranks = new Int32Array(LEAF_BIT + 1);
  private isSorted = false;
  private rank = 1;
  /** Hashed so far, of all and of the rank. */
  private hashed = 0;
  private hashedOfRank = 0;

  constructor(nodes: NodePool, root: number) {
    this.nodes = nodes;
    // Fresh nodes are reached through fresh parents only.
    if (root !== NO_NODE && nodes.isFresh(root)) this.stack.push(root);
  }

  /** Does the next part; false when there is nothing left to do. */
  step(): boolean {
    if (this.stack.length > 0) this.walk();
    else if (!this.isSorted) this.sort();
    else if (this.hashed < this.count) this.hash();
    return this.hashed < this.count || this.stack.length > 0;
  }

  private walk(): void {
    const { nodes, stack } = this;
    for (let visits = 0; visits < STEP_NODES && stack.length > 0; visits++) {
      const top = stack.pop() as number;
      if (top < 0) {
        this.add(~top);
        continue;
      }
      stack.push(~top);
      const left = nodes.left(top);
      const right = nodes.right(top);
      if (nodes.isFresh(right)) stack.push(right);
      if (nodes.isFresh(left)) stack.push(left);
    }
  }

  private add(node: number): void {
    const { nodes } = this;
    const rank = 1 + Math.max(nodes.rank(nodes.left(node)), nodes.rank(nodes.right(node)));
    nodes.setRank(node, rank);
    this.ranks[rank] = (this.ranks[rank] as number) + 1;
    if (this.count === this.found.length) {
      const grown = new Int32Array(2 * this.count);
      grown.set(this.found);
      this.found = grown;
    }
    this.found[this.count++] = node;
  }

  private sort(): void {
    const next = new Int32Array(this.ranks.length + 1);
    for (let rank = 0; rank < this.ranks.length; rank++) {
      next[rank + 1] = (next[rank] as number) + (this.ranks[rank] as number);
    }
    const sorted = new Int32Array(this.count);
    for (let i = 0; i < this.count; i++) {
      const node = this.found[i] as number;
      const rank = this.nodes.rank(node);
      sorted[next[rank] as number] = node;
      next[rank] = (next[rank] as number) + 1;
    }
    this.found = sorted;
    this.isSorted = true;
  }

  private hash(): void {
    for (let done = 0; done < STEP_NODES && this.hashed < this.count; ) {
      const ofRank = this.ranks[this.rank] as number;
      if (this.hashedOfRank === ofRank) {
        this.rank++;
        this.hashedOfRank = 0;
        continue;
      }
      const size = Math.min(PAIR_SLOTS, ofRank - this.hashedOfRank);
      this.nodes.hashInners(this.found.subarray(this.hashed, this.hashed + size));
      this.hashed += size;
      this.hashedOfRank += size;
      done += size;
    }
  }
}
