/** Nodes of one slab, as a power of two: 65,536 nodes are about 3 MB, small beside any state, large beside a call. */
export const SLAB_BITS = 16;
export const SLAB_NODES = 1 << SLAB_BITS;
export const SLAB_MASK = SLAB_NODES - 1;

export const HASH_WORDS = 8;
const HASH_BYTES = 32;

/** The hashes of a pool's nodes, apart from its other words: walking and counting need none, and one fills half a cache line. */
export class NodeHashes {
  private readonly slabs: Int32Array<ArrayBuffer>[] = [];
  /** The same as bytes. */
  private readonly slabBytes: Uint8Array[] = [];

  get bytes(): number {
    return this.slabBytes.reduce((sum, { length }) => sum + length, 0);
  }

  /** Makes room for so many nodes in a slab, and keeps what it has. */
  setSlab(slab: number, nodes: number): void {
    const words = grown(this.slabs[slab], nodes * HASH_WORDS);
    this.slabs[slab] = words;
    this.slabBytes[slab] = new Uint8Array(words.buffer);
  }

  firstWord(node: number): number {
    return (this.slabs[node >>> SLAB_BITS] as Int32Array)[(node & SLAB_MASK) * HASH_WORDS] as number;
  }

  setFirstWord(node: number, word: number): void {
    (this.slabs[node >>> SLAB_BITS] as Int32Array)[(node & SLAB_MASK) * HASH_WORDS] = word;
  }

  copyTo(words: Int32Array, at: number, node: number): void {
    copyWords(words, at, this.slabs[node >>> SLAB_BITS] as Int32Array, (node & SLAB_MASK) * HASH_WORDS);
  }

  copyFrom(words: Int32Array, at: number, node: number): void {
    copyWords(this.slabs[node >>> SLAB_BITS] as Int32Array, (node & SLAB_MASK) * HASH_WORDS, words, at);
  }

  set(node: number, hash: Uint8Array, offset: number): void {
    const bytes = this.slabBytes[node >>> SLAB_BITS] as Uint8Array;
    const start = byteOf(node);
    for (let i = 0; i < HASH_BYTES; i++) bytes[start + i] = hash[offset + i] as number;
  }

  /** A copy. */
  get(node: number): Uint8Array {
    const start = byteOf(node);
    return (this.slabBytes[node >>> SLAB_BITS] as Uint8Array).slice(start, start + HASH_BYTES);
  }

  into(node: number, out: Uint8Array, offset: number): void {
    const bytes = this.slabBytes[node >>> SLAB_BITS] as Uint8Array;
    const start = byteOf(node);
    for (let i = 0; i < HASH_BYTES; i++) out[offset + i] = bytes[start + i] as number;
  }

  equals(node: number, hash: Uint8Array, offset: number): boolean {
    const bytes = this.slabBytes[node >>> SLAB_BITS] as Uint8Array;
    const start = byteOf(node);
    for (let i = 0; i < HASH_BYTES; i++) if (bytes[start + i] !== hash[offset + i]) return false;
    return true;
  }
}

/** So many words, with those that there were. */
export function grown(words: Int32Array | undefined, length: number): Int32Array<ArrayBuffer> {
  const out = new Int32Array(length);
  if (words !== undefined) out.set(words);
  return out;
}

function byteOf(node: number): number {
  return (node & SLAB_MASK) * HASH_BYTES;
}

/** Written out: in a loop the same takes longer, and there are three of these for each node that is hashed. */
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
