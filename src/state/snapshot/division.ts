import { type Leaf, leafWeight } from './chunk.ts';
import { CHUNK_WEIGHT_MAX } from './limits.ts';
import type { TopNode } from './manifest.ts';
import { innerHash, SubtreeFold } from './subtree-fold.ts';

/** Leaves of one chunk and the root of their subtree. */
export interface LeafGroup {
  readonly hash: Uint8Array;
  readonly leaves: readonly Leaf[];
}

/** A complete subtree: still waiting, or cut into chunks already. */
interface Part {
  readonly hash: Uint8Array;
  /** Infinite once it is cut. */
  readonly weight: number;
  readonly leaves: number;
  /** Its nodes down to its chunks; absent while it waits. */
  readonly top?: readonly TopNode[];
}

/**
 * Cuts one store's leaves, which come in the order of their key hashes, into chunks: the largest subtrees that are not
 * too heavy, or a single leaf. This depends on the state alone, never on who cuts or when. No more than one
 * chunk's leaves wait at a time.
 */
export class Division {
  private readonly fold = new SubtreeFold<Part>((left, right) => this.join(left, right));
  /** Leaves of all waiting parts: those before them are in chunks. */
  private waiting: Leaf[] = [];
  private waitingWeight = 0;
  private ready: LeafGroup[] = [];
  private readonly weightMax: number;

  constructor(weightMax = CHUNK_WEIGHT_MAX) {
    this.weightMax = weightMax;
  }

  add(leaf: Leaf, keyHash: Uint8Array, leafHash: Uint8Array): void {
    this.waiting.push(leaf);
    const weight = leafWeight(leaf);
    this.waitingWeight += weight;
    this.fold.add({ hash: leafHash, weight, leaves: 1 }, keyHash);
    if (this.waitingWeight > this.weightMax) this.cutAhead();
  }

  /** Chunks that are complete since the last call, in order. */
  take(): LeafGroup[] {
    const { ready } = this;
    this.ready = [];
    return ready;
  }

  /** After the last leaf: the root and the nodes down to the chunks. */
  finish(): { readonly root: Uint8Array; readonly top: readonly TopNode[] } {
    const root = this.fold.finish();
    return { root: root.hash, top: this.cut(root).top as readonly TopNode[] };
  }

  private join(left: Part, right: Part): Part {
    const hash = innerHash(left.hash, right.hash);
    const weight = left.weight + right.weight;
    if (weight <= this.weightMax) return { hash, weight, leaves: left.leaves + right.leaves };
    const top = [undefined, ...(this.cut(left).top as TopNode[]), ...(this.cut(right).top as TopNode[])];
    return { hash, weight: Number.POSITIVE_INFINITY, leaves: 0, top };
  }

  /**
   * All that waits lies below the parent of the first waiting part. Once that is too heavy the part is a chunk, whatever
   * still comes.
   */
  private cutAhead(): void {
    const { parts } = this.fold;
    for (let i = parts.findIndex(({ top }) => top === undefined); i < parts.length - 1; i++) {
      if (this.waitingWeight <= this.weightMax) return;
      parts[i] = this.cut(parts[i] as Part);
    }
  }

  private cut(part: Part): Part {
    if (part.top !== undefined) return part;
    this.ready.push({ hash: part.hash, leaves: this.waiting.slice(0, part.leaves) });
    this.waiting = this.waiting.slice(part.leaves);
    this.waitingWeight -= part.weight;
    return { ...part, weight: Number.POSITIVE_INFINITY, top: [part.hash] };
  }
}
