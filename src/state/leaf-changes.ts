import { sha256Into } from '#crypto/hash.ts';
import { orderByHash } from './hash-order.ts';

const HASH_BYTES = 32;
/** ICS-23's domain separation of leaves: sha256(0x00 | sha256(key) | sha256(value)). */
const LEAF_PREFIX = 0;
const LEAF_INPUT_BYTES = 1 + 2 * HASH_BYTES;

/** Computes leaf hashes without allocating. */
export class LeafHasher {
  private readonly input = new Uint8Array(LEAF_INPUT_BYTES);
  private readonly valueHash = this.input.subarray(1 + HASH_BYTES);

  constructor() {
    this.input[0] = LEAF_PREFIX;
  }

  /** Writes the leaf hash of the key hash at `hashes[offset]` and `value` to `out`, which has 32 bytes. */
  hash(out: Uint8Array, hashes: Uint8Array, offset: number, value: Uint8Array): void {
    for (let i = 0; i < HASH_BYTES; i++) this.input[1 + i] = hashes[offset + i] as number;
    sha256Into(this.valueHash, value);
    sha256Into(out, this.input);
  }
}

/** The changes of one store, with all hashes, in the order of their key hashes. */
export class LeafChanges {
  readonly count: number;
  readonly keys: readonly Uint8Array[];
  /** The new value; undefined deletes the leaf. */
  readonly values: readonly (Uint8Array | undefined)[];
  /** Hash of key i at offset 32 i, and the leaf hash it will have. */
  readonly keyHashes: Uint8Array;
  readonly leafHashes: Uint8Array;
  /** The leaf of key i in the tree that is changed, or 0: filled by the caller. */
  readonly found: Int32Array;
  private readonly hasher: LeafHasher;

  constructor(keys: readonly Uint8Array[], values: readonly (Uint8Array | undefined)[], hasher: LeafHasher) {
    this.count = keys.length;
    this.keys = keys;
    this.values = values;
    this.keyHashes = new Uint8Array(keys.length * HASH_BYTES);
    this.leafHashes = new Uint8Array(keys.length * HASH_BYTES);
    this.found = new Int32Array(keys.length);
    this.hasher = hasher;
  }

  /** Computes the hashes of changes [from, to). */
  hash(from: number, to: number): void {
    for (let i = from; i < to; i++) {
      const at = i * HASH_BYTES;
      sha256Into(this.keyHashes.subarray(at, at + HASH_BYTES), this.keys[i] as Uint8Array);
      const value = this.values[i];
      if (value !== undefined) {
        this.hasher.hash(this.leafHashes.subarray(at, at + HASH_BYTES), this.keyHashes, at, value);
      }
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
