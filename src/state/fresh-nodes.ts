import { LEAF_BIT, type NodePool } from './node-pool.ts';
import { PAIR_SLOTS } from './pair-hasher.ts';
import { grown } from './slabs.ts';

const FIRST_CAPACITY = 1024;

/**
 * Inner nodes that still have to be hashed, listed behind all that is below them. A node's critical bit comes after its
 * parent's, so those with the same bit do not depend on each other: they are hashed side by side, the last bit first.
 */
export class FreshNodes {
  private readonly nodes: NodePool;
  private list = new Int32Array(FIRST_CAPACITY);
  private sorted = new Int32Array(FIRST_CAPACITY);
  private listed = 0;

  constructor(nodes: NodePool) {
    this.nodes = nodes;
  }

  get count(): number {
    return this.listed;
  }

  add(node: number): void {
    if (this.listed === this.list.length) this.list = grown(this.list, 2 * this.listed);
    this.list[this.listed++] = node;
  }

  /** Entry `index` stands for `to` from now on, if it stood for `from`. */
  moved(index: number, from: number, to: number): void {
    if (index >= 0 && this.list[index] === from) this.list[index] = to;
  }

  /** Hashes all that are listed; the list is empty then. */
  hash(): void {
    const starts = this.sort();
    for (let bit = LEAF_BIT - 1; bit >= 0; bit--) {
      const end = starts[bit] as number;
      for (let from = starts[bit + 1] as number; from < end; from += PAIR_SLOTS) {
        this.nodes.hashInners(this.sorted, from, Math.min(from + PAIR_SLOTS, end));
      }
    }
    this.listed = 0;
  }

  /** Fills `sorted`, the last bit first. Returns where the nodes of each bit end; those of the bit behind it end where they begin. */
  private sort(): Int32Array {
    const { nodes, list, listed } = this;
    if (this.sorted.length < listed) this.sorted = new Int32Array(list.length);
    const ends = new Int32Array(LEAF_BIT + 1);
    for (let i = 0; i < listed; i++) {
      const bit = nodes.bit(list[i] as number);
      ends[bit] = (ends[bit] as number) + 1;
    }
    for (let bit = LEAF_BIT - 1; bit >= 0; bit--) ends[bit] = (ends[bit] as number) + (ends[bit + 1] as number);
    const next = ends.slice(1);
    for (let i = 0; i < listed; i++) {
      const node = list[i] as number;
      const bit = nodes.bit(node);
      const at = next[bit] as number;
      this.sorted[at] = node;
      next[bit] = at + 1;
    }
    return ends;
  }
}
