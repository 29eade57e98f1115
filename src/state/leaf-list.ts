import { orderByHash } from './hash-order.ts';
import type { KeyArena } from './key-arena.ts';
import { LEAF_BIT } from './node-pool.ts';

const HASH_BYTES = 32;
/** Leaves of one part: some 9 MB. */
const PART_SHIFT = 18;
const PART_LEAVES = 1 << PART_SHIFT;
const PART_MASK = PART_LEAVES - 1;

interface Part {
  readonly keys: Int32Array;
  readonly hashes: Uint8Array;
}

/** Leaves that are not in a tree yet: ids of their keys, with a reference each, and leaf hashes. */
export class LeafList {
  private readonly parts: Part[] = [];
  private listed = 0;

  /** Takes over the caller's reference to `key`. */
  add(key: number, leafHashes: Uint8Array, offset: number): void {
    const at = this.listed & PART_MASK;
    if (at === 0) {
      this.parts.push({ keys: new Int32Array(PART_LEAVES), hashes: new Uint8Array(PART_LEAVES * HASH_BYTES) });
    }
    const { keys, hashes } = this.parts.at(-1) as Part;
    keys[at] = key;
    for (let i = 0; i < HASH_BYTES; i++) hashes[at * HASH_BYTES + i] = leafHashes[offset + i] as number;
    this.listed++;
  }

  key(index: number): number {
    return this.partOf(index).keys[index & PART_MASK] as number;
  }

  /** Where a leaf's hash stands. */
  hashAt(index: number): { readonly hashes: Uint8Array; readonly offset: number } {
    return { hashes: this.partOf(index).hashes, offset: (index & PART_MASK) * HASH_BYTES };
  }

  /** Indexes of all leaves in the order of their key hashes. */
  order(keys: KeyArena): Int32Array {
    return orderByHash(
      this.listed,
      (i) => keys.hashHead(this.key(i)),
      (a, b) => {
        const split = keys.divergenceOf(this.key(a), this.key(b));
        return split === LEAF_BIT ? 0 : keys.hashBit(this.key(a), split) - keys.hashBit(this.key(b), split);
      },
    );
  }

  private partOf(index: number): Part {
    return this.parts[index >>> PART_SHIFT] as Part;
  }
}
