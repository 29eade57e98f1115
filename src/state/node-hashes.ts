import { grown, SLAB_MASK, SLAB_SHIFT } from './slabs.ts';

export const HASH_WORDS = 8;
const HASH_BYTES = 32;
/** Slabs hold two nodes for each pair. */
const NODE_SHIFT = SLAB_SHIFT + 1;
const NODE_MASK = 2 * SLAB_MASK + 1;

/** The hashes of a pool's nodes, apart from its other words: walking and counting need none. Those of a pair stand together. */
export class NodeHashes {
  private readonly slabs: Int32Array<ArrayBuffer>[] = [];
  /** The same as bytes. */
  private readonly slabBytes: Uint8Array[] = [];

  get bytes(): number {
    return this.slabBytes.reduce((sum, { length }) => sum + length, 0);
  }

  /** Makes room for so many pairs in a slab, and keeps what it has. */
  setSlab(slab: number, pairs: number): void {
    const words = grown(this.slabs[slab], pairs * 2 * HASH_WORDS);
    this.slabs[slab] = words;
    this.slabBytes[slab] = new Uint8Array(words.buffer);
  }

  /** Writes both hashes of a pair to `words`. */
  pairTo(words: Int32Array, at: number, pair: number): void {
    const from = this.slabs[pair >>> SLAB_SHIFT] as Int32Array;
    const start = (pair & SLAB_MASK) * 2 * HASH_WORDS;
    copyWords(words, at, from, start);
    copyWords(words, at + HASH_WORDS, from, start + HASH_WORDS);
  }

  setWords(node: number, words: Int32Array, at: number): void {
    copyWords(this.slabs[node >>> NODE_SHIFT] as Int32Array, wordOf(node), words, at);
  }

  copy(from: number, to: number): void {
    this.setWords(to, this.slabs[from >>> NODE_SHIFT] as Int32Array, wordOf(from));
  }

  set(node: number, hash: Uint8Array, offset: number): void {
    const bytes = this.slabBytes[node >>> NODE_SHIFT] as Uint8Array;
    const start = byteOf(node);
    for (let i = 0; i < HASH_BYTES; i++) bytes[start + i] = hash[offset + i] as number;
  }

  /** A copy. */
  get(node: number): Uint8Array {
    const start = byteOf(node);
    return (this.slabBytes[node >>> NODE_SHIFT] as Uint8Array).slice(start, start + HASH_BYTES);
  }

  into(node: number, out: Uint8Array, offset: number): void {
    const bytes = this.slabBytes[node >>> NODE_SHIFT] as Uint8Array;
    const start = byteOf(node);
    for (let i = 0; i < HASH_BYTES; i++) out[offset + i] = bytes[start + i] as number;
  }

  equals(node: number, hash: Uint8Array, offset: number): boolean {
    const bytes = this.slabBytes[node >>> NODE_SHIFT] as Uint8Array;
    const start = byteOf(node);
    for (let i = 0; i < HASH_BYTES; i++) if (bytes[start + i] !== hash[offset + i]) return false;
    return true;
  }
}

function wordOf(node: number): number {
  return (node & NODE_MASK) * HASH_WORDS;
}

function byteOf(node: number): number {
  return (node & NODE_MASK) * HASH_BYTES;
}

/** Written out: in a loop the same takes longer, and there are four of these for each node that is hashed. */
function copyWords(to: Int32Array, at: number, from: Int32Array, start: number): void {
  to[at] = from[start] as number;
  to[at + 1] = from[start + 1] as number;
  to[at + 2] = from[start + 2] as number;
  to[at + 3] = from[start + 3] as number;
  to[at + 4] = from[start + 4] as number;
  to[at + 5] = from[start + 5] as number;
  to[at + 6] = from[start + 6] as number;
  to[at + 7] = from[start + 7] as number;
}
