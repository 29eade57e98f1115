import { assert } from './assert.ts';

const HASH_BYTES = 32;
/** Room at first; doubled as hashes come. */
const FIRST_ROOM = 1_024;
const MIX_A = 0x85ebca6b;
const MIX_B = 0xc2b2ae35;

/**
 * The last `capacity` hashes of 32 bytes that were added, side by side in one buffer: as strings in a Set they take twice
 * the memory, and the garbage collector looks at each of them again and again.
 */
export class RecentHashes {
  private readonly capacity: number;
  /** Hash number `slot` begins at `HASH_BYTES * slot`. Once full, the oldest is overwritten. */
  private bytes = new Uint8Array(0);
  /** Open addressing, probed one by one: 1 + slot, or 0 where there is none. A power of two, at most half full. */
  private buckets = new Int32Array(0);
  private count = 0;
  /** Where the next hash goes: the place of the oldest one once there are `capacity`. */
  private next = 0;

  private readonly seed: number;

  /**
   * `seed` is four bytes that nobody else knows: with them the buckets are others in each process. Else whoever chooses
   * hashes (four tries for two bits) could have them all in one run of buckets, which each look would have to pass.
   */
  constructor(capacity: number, seed: Uint8Array) {
    assert(Number.isSafeInteger(capacity) && capacity >= 0, `capacity must be a whole number, got ${capacity}`);
    assert(seed.length === 4, `a seed has 4 bytes, not ${seed.length}`);
    this.capacity = capacity;
    this.seed = wordAt(seed, 0);
  }

  get size(): number {
    return this.count;
  }

  has(hash: Uint8Array): boolean {
    return this.count > 0 && this.buckets[this.bucketOf(hash)] !== 0;
  }

  /** Adding one that is here already changes nothing. */
  add(hash: Uint8Array): void {
    assert(hash.length === HASH_BYTES, `a hash has ${HASH_BYTES} bytes, not ${hash.length}`);
    if (this.capacity === 0 || this.has(hash)) return;
    if (this.count === this.capacity) this.remove(this.next);
    else if (this.count === this.room) this.grow();
    const slot = this.next;
    this.bytes.set(hash, slot * HASH_BYTES);
    this.buckets[this.bucketOf(hash)] = slot + 1;
    this.count++;
    this.next = (slot + 1) % this.capacity;
  }

  clear(): void {
    this.bytes = new Uint8Array(0);
    this.buckets = new Int32Array(0);
    this.count = 0;
    this.next = 0;
  }

  private get room(): number {
    return this.bytes.length / HASH_BYTES;
  }

  /** Only while nothing was overwritten yet, so slots stay in order. */
  private grow(): void {
    const { bytes, count } = this;
    const room = Math.min(this.capacity, Math.max(FIRST_ROOM, 2 * this.room));
    this.bytes = new Uint8Array(room * HASH_BYTES);
    this.bytes.set(bytes);
    this.buckets = new Int32Array(2 ** Math.ceil(Math.log2(2 * room)));
    for (let slot = 0; slot < count; slot++) this.buckets[this.bucketOf(this.hashAt(slot))] = slot + 1;
  }

  private hashAt(slot: number): Uint8Array {
    return this.bytes.subarray(slot * HASH_BYTES, (slot + 1) * HASH_BYTES);
  }

  /** Where this hash is, or the empty bucket where it would be. */
  private bucketOf(hash: Uint8Array): number {
    const mask = this.buckets.length - 1;
    let bucket = this.firstBucket(hash, 0) & mask;
    for (;;) {
      const slot = (this.buckets[bucket] as number) - 1;
      if (slot < 0 || this.isAt(slot, hash)) return bucket;
      bucket = (bucket + 1) & mask;
    }
  }

  private isAt(slot: number, hash: Uint8Array): boolean {
    const start = slot * HASH_BYTES;
    for (let i = 0; i < HASH_BYTES; i++) if (this.bytes[start + i] !== hash[i]) return false;
    return true;
  }

  /** Moves those behind it up, where that brings them nearer to their first bucket: no probe may meet a gap. */
  private remove(slot: number): void {
    const { buckets } = this;
    const mask = buckets.length - 1;
    let gap = this.bucketOf(this.hashAt(slot));
    for (let bucket = (gap + 1) & mask; buckets[bucket] !== 0; bucket = (bucket + 1) & mask) {
      const moving = buckets[bucket] as number;
      const first = this.firstBucket(this.bytes, (moving - 1) * HASH_BYTES) & mask;
      if (((bucket - first) & mask) < ((bucket - gap) & mask)) continue;
      buckets[gap] = moving;
      gap = bucket;
    }
    buckets[gap] = 0;
    this.count--;
  }

  /** The hash's first word and the seed, mixed as MurmurHash3 ends: each of their bits decides over each bit of it. */
  private firstBucket(bytes: Uint8Array, at: number): number {
    let mixed = wordAt(bytes, at) ^ this.seed;
    mixed = Math.imul(mixed ^ (mixed >>> 16), MIX_A);
    mixed = Math.imul(mixed ^ (mixed >>> 13), MIX_B);
    return mixed ^ (mixed >>> 16);
  }
}

function wordAt(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] as number) << 24) |
    ((bytes[at + 1] as number) << 16) |
    ((bytes[at + 2] as number) << 8) |
    (bytes[at + 3] as number)
  );
}
