import { sha256Into } from '#crypto/hash.ts';
import { orderByHash } from './hash-order.ts';
import { PAIR_SLOTS, PairHasher } from './pair-hasher.ts';
import { ShortHasher } from './short-hasher.ts';

const HASH_BYTES = 32;
/** ICS-23's domain separation of leaves: sha256(0x00 | sha256(key) | sha256(value)). */
const LEAF_PREFIX = 0;
const LEAF_INPUT_BYTES = 1 + 2 * HASH_BYTES;

/** Computes leaf hashes without allocating. */
export class LeafHasher {
  private readonly input = new Uint8Array(LEAF_INPUT_BYTES);
  private readonly valueHash = this.input.subarray(1 + HASH_BYTES);
  private readonly pairs = new PairHasher(LEAF_PREFIX);
  private readonly short = new ShortHasher();

  constructor() {
    this.input[0] = LEAF_PREFIX;
  }

  /** Writes the leaf hash of the key hash at `hashes[offset]` and `value` to `out`, which has 32 bytes. */
  hash(out: Uint8Array, hashes: Uint8Array, offset: number, value: Uint8Array): void {
    for (let i = 0; i < HASH_BYTES; i++) this.input[1 + i] = hashes[offset + i] as number;
    sha256Into(this.valueHash, value);
    sha256Into(out, this.input);
  }

  /** Writes the hashes of keys [from, to), at most PAIR_SLOTS, to `out`: that of key i at offset 32 i. */
  hashKeys(out: Uint8Array, keys: readonly Uint8Array[], from: number, to: number): void {
    const { short } = this;
    for (let i = from; i < to; i++) {
      const key = keys[i] as Uint8Array;
      short.set(i - from, key, 0, key.length);
    }
    short.run();
    out.set(short.hashes.subarray(0, (to - from) * HASH_BYTES), from * HASH_BYTES);
  }

  /**
   * As `hash`, of leaves [from, to), at most PAIR_SLOTS: key hash i and leaf hash i stand at offset 32 i. What is
   * written where there is no value means nothing.
   */
  hashLeaves(
    out: Uint8Array,
    keyHashes: Uint8Array,
    values: readonly (Uint8Array | undefined)[],
    from: number,
    to: number,
  ): void {
    const { short, pairs } = this;
    for (let i = from; i < to; i++) {
      const value = values[i];
      if (value !== undefined) short.set(i - from, value, 0, value.length);
    }
    short.run();
    for (let slot = 0; slot < to - from; slot++) {
      const at = pairs.byteOf(slot);
      for (let i = 0; i < HASH_BYTES; i++) {
        pairs.bytes[at + i] = keyHashes[(from + slot) * HASH_BYTES + i] as number;
        pairs.bytes[at + HASH_BYTES + i] = short.hashes[slot * HASH_BYTES + i] as number;
      }
    }
    pairs.run(to - from);
    out.set(pairs.hashBytes.subarray(0, (to - from) * HASH_BYTES), from * HASH_BYTES);
  }
}

/** The changes of one store, with all hashes. */
export class LeafChanges {
  readonly count: number;
  readonly keys: readonly Uint8Array[];
  /** The new value; undefined deletes the leaf. */
  readonly values: readonly (Uint8Array | undefined)[];
  /** Hash of key i at offset 32 i, and the leaf hash it will have. */
  readonly keyHashes: Uint8Array;
  readonly leafHashes: Uint8Array;
  /** The leaf of key i in the tree that is changed, or 0: filled by what changes it. */
  readonly found: Int32Array;
  /** First bit in which the hash of key i differs from all in that tree; LEAF_BIT where it is found: filled as well. */
  readonly splits: Int16Array;
  private readonly hasher: LeafHasher;

  constructor(keys: readonly Uint8Array[], values: readonly (Uint8Array | undefined)[], hasher: LeafHasher) {
    this.count = keys.length;
    this.keys = keys;
    this.values = values;
    this.keyHashes = new Uint8Array(keys.length * HASH_BYTES);
    this.leafHashes = new Uint8Array(keys.length * HASH_BYTES);
    this.found = new Int32Array(keys.length);
    this.splits = new Int16Array(keys.length);
    this.hasher = hasher;
  }

  /** Computes all hashes. Calls `pause` about every millisecond. */
  async hash(pause: () => Promise<void> | undefined): Promise<void> {
    for (let from = 0; from < this.count; from += PAIR_SLOTS) {
      const to = Math.min(from + PAIR_SLOTS, this.count);
      this.hasher.hashKeys(this.keyHashes, this.keys, from, to);
      this.hasher.hashLeaves(this.leafHashes, this.keyHashes, this.values, from, to);
      await pause();
    }
  }

  /** Indexes of all changes in the order of their key hashes. */
  sorted(): Int32Array {
    const view = new DataView(this.keyHashes.buffer);
    return orderByHash(
      this.count,
      (i) => view.getUint32(i * HASH_BYTES) * 0x10000 + view.getUint16(i * HASH_BYTES + 4),
      (a, b) => this.compare(a, b),
    );
  }

  private compare(a: number, b: number): number {
    for (let i = 0; i < HASH_BYTES; i++) {
      const difference =
        (this.keyHashes[a * HASH_BYTES + i] as number) - (this.keyHashes[b * HASH_BYTES + i] as number);
      if (difference !== 0) return difference;
    }
    return 0;
  }
}
