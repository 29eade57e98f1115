/** Pairs of nodes in one slab, as a power of two: 262,144 pairs are 21 MB, of which what is not written takes no memory. */
export const SLAB_SHIFT = 18;
export const SLAB_PAIRS = 1 << SLAB_SHIFT;
export const SLAB_MASK = SLAB_PAIRS - 1;

/** So many words, with those that there were. */
export function grown(words: Int32Array | undefined, length: number): Int32Array<ArrayBuffer> {
  const out = new Int32Array(length);
  if (words !== undefined) out.set(words);
  return out;
}
