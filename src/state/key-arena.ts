import { assert } from '#util/assert.ts';
import { MachineError } from '#util/errors.ts';
import type { StateErrorCode } from './errors.ts';

/** Longest raw key. The SDK's longest (two addresses and a denom) stay below 256 bytes. */
export const KEY_BYTES_MAX = 1024;

/** Records are measured in units of 8 bytes, so that their fields are aligned. */
const UNIT_BYTES = 8;
/** Units of one slab of 1 MiB. */
const SLAB_BITS = 17;
const SLAB_UNITS = 1 << SLAB_BITS;
const SLAB_MASK = SLAB_UNITS - 1;
/** The first slab begins with this many and grows: a small state opens without touching megabytes. */
const FIRST_UNITS = 2_048;
const GROWTH = 4;
const WORDS_PER_UNIT = 2;
const HASH_BYTES = 32;
/** Reference count and length (a word each), then the key hash, then the key. */
const HASH_AT = 8;
const KEY_AT = HASH_AT + HASH_BYTES;
/** Free records are kept by size, in units. */
const SIZES = Math.ceil((KEY_AT + KEY_BYTES_MAX) / UNIT_BYTES) + 1;
const NO_KEY = 0;
/** Ids are int32 units: 16 GiB of keys. */
const SLABS_MAX = 2 ** 31 / SLAB_UNITS;
/** Bits of a key hash. */
const HASH_BITS = 256;

/**
 * Raw keys and their hashes, shared by all versions of a leaf, in slabs like the nodes'. A key is an int32 id with a
 * reference count.
 */
export class KeyArena {
  private readonly slabs: Uint8Array[] = [];
  private readonly words: Int32Array[] = [];
  private readonly freeHeads = new Int32Array(SIZES);
  /** First unit of the last slab that was never used; a full slab forces a new one. */
  private nextUnused = SLAB_UNITS;
  private used = 0;
  private readonly slabsMax: number;

  constructor(slabsMax = SLABS_MAX) {
    this.slabsMax = slabsMax;
  }

  /** Keys in use. */
  get size(): number {
    return this.used;
  }

  /** Bytes of all slabs. */
  get bytes(): number {
    return this.slabs.reduce((sum, { length }) => sum + length, 0);
  }

  /** Stores a key (1 to KEY_BYTES_MAX bytes) with its hash; the one reference is the caller's. */
  add(key: Uint8Array, hashes: Uint8Array, hashOffset: number): number {
    return this.addPart(key, 0, key.length, hashes, hashOffset);
  }

  /** As `add`; the key is `from[start, end)`. */
  addPart(from: Uint8Array, start: number, end: number, hashes: Uint8Array, hashOffset: number): number {
    const length = end - start;
    assert(length > 0 && length <= KEY_BYTES_MAX, 'a key has 1 to 1,024 bytes');
    const id = this.allocate(Math.ceil((KEY_AT + length) / UNIT_BYTES));
    const words = this.words[id >>> SLAB_BITS] as Int32Array;
    const word = (id & SLAB_MASK) * WORDS_PER_UNIT;
    words[word] = 1;
    words[word + 1] = length;
    const bytes = this.slabs[id >>> SLAB_BITS] as Uint8Array;
    const at = (id & SLAB_MASK) * UNIT_BYTES;
    for (let i = 0; i < HASH_BYTES; i++) bytes[at + HASH_AT + i] = hashes[hashOffset + i] as number;
    for (let i = 0; i < length; i++) bytes[at + KEY_AT + i] = from[start + i] as number;
    this.used++;
    return id;
  }

  retain(id: number): number {
    const words = this.words[id >>> SLAB_BITS] as Int32Array;
    const word = (id & SLAB_MASK) * WORDS_PER_UNIT;
    words[word] = (words[word] as number) + 1;
    return id;
  }

  release(id: number): void {
    const words = this.words[id >>> SLAB_BITS] as Int32Array;
    const word = (id & SLAB_MASK) * WORDS_PER_UNIT;
    const left = (words[word] as number) - 1;
    assert(left >= 0, 'a key is released as often as it was retained');
    words[word] = left;
    if (left > 0) return;
    const size = Math.ceil((KEY_AT + (words[word + 1] as number)) / UNIT_BYTES);
    words[word + 1] = this.freeHeads[size] as number;
    this.freeHeads[size] = id;
    this.used--;
  }

  /** A copy of the raw key. */
  key(id: number): Uint8Array {
    const start = (id & SLAB_MASK) * UNIT_BYTES + KEY_AT;
    return (this.slabs[id >>> SLAB_BITS] as Uint8Array).slice(start, start + this.keyLength(id));
  }

  /** Bytes of the raw key. */
  keyLength(id: number): number {
    return (this.words[id >>> SLAB_BITS] as Int32Array)[(id & SLAB_MASK) * WORDS_PER_UNIT + 1] as number;
  }

  /** Writes the raw key to `out`. */
  keyInto(id: number, out: Uint8Array, offset: number): void {
    const bytes = this.slabs[id >>> SLAB_BITS] as Uint8Array;
    const start = (id & SLAB_MASK) * UNIT_BYTES + KEY_AT;
    const length = this.keyLength(id);
    for (let i = 0; i < length; i++) out[offset + i] = bytes[start + i] as number;
  }

  /** A copy of the key's hash. */
  hash(id: number): Uint8Array {
    const start = (id & SLAB_MASK) * UNIT_BYTES + HASH_AT;
    return (this.slabs[id >>> SLAB_BITS] as Uint8Array).slice(start, start + HASH_BYTES);
  }

  /** 48 bits of the key's hash, from bit 0 on, as a number: for sorting. */
  hashHead(id: number): number {
    const bytes = this.slabs[id >>> SLAB_BITS] as Uint8Array;
    const start = (id & SLAB_MASK) * UNIT_BYTES + HASH_AT;
    let head = 0;
    for (let i = 0; i < 6; i++) head = head * 256 + (bytes[start + i] as number);
    return head;
  }

  /** First bit in which the key's hash differs from `hashes[offset, offset + 32)`; 256 when they are equal. */
  divergence(id: number, hashes: Uint8Array, offset: number): number {
    const bytes = this.slabs[id >>> SLAB_BITS] as Uint8Array;
    const start = (id & SLAB_MASK) * UNIT_BYTES + HASH_AT;
    for (let i = 0; i < HASH_BYTES; i++) {
      const difference = (bytes[start + i] as number) ^ (hashes[offset + i] as number);
      if (difference !== 0) return i * 8 + Math.clz32(difference) - 24;
    }
    return HASH_BITS;
  }

  /** As `divergence`, between two stored keys. */
  divergenceOf(a: number, b: number): number {
    const bytes = this.slabs[b >>> SLAB_BITS] as Uint8Array;
    return this.divergence(a, bytes, (b & SLAB_MASK) * UNIT_BYTES + HASH_AT);
  }

  /** Bit `bit` of the key's hash, the most significant bit of the first byte being bit 0. */
  hashBit(id: number, bit: number): number {
    const bytes = this.slabs[id >>> SLAB_BITS] as Uint8Array;
    return bitAt(bytes, (id & SLAB_MASK) * UNIT_BYTES + HASH_AT, bit);
  }

  private allocate(size: number): number {
    const free = this.freeHeads[size] as number;
    if (free !== NO_KEY) {
      const words = this.words[free >>> SLAB_BITS] as Int32Array;
      this.freeHeads[size] = words[(free & SLAB_MASK) * WORDS_PER_UNIT + 1] as number;
      return free;
    }
    if (this.nextUnused + size > SLAB_UNITS) this.addSlab();
    while ((this.nextUnused + size) * UNIT_BYTES > (this.slabs.at(-1) as Uint8Array).length) this.growSlab();
    const id = (this.slabs.length - 1) * SLAB_UNITS + this.nextUnused;
    this.nextUnused += size;
    return id;
  }

  private addSlab(): void {
    if (this.slabs.length === this.slabsMax) throw arenaFull(this.slabsMax);
    this.setSlab(this.slabs.length, (this.slabs.length === 0 ? FIRST_UNITS : SLAB_UNITS) * UNIT_BYTES);
    // Id 0 is no key.
    this.nextUnused = this.slabs.length === 1 ? 1 : 0;
  }

  private growSlab(): void {
    const last = this.slabs.length - 1;
    const { length } = this.slabs[last] as Uint8Array;
    this.setSlab(last, Math.min(length * GROWTH, SLAB_UNITS * UNIT_BYTES));
  }

  private setSlab(slab: number, length: number): void {
    const bytes = new Uint8Array(length);
    const before = this.slabs[slab];
    if (before !== undefined) bytes.set(before);
    this.slabs[slab] = bytes;
    this.words[slab] = new Int32Array(bytes.buffer);
  }
}

function arenaFull(slabsMax: number): MachineError<StateErrorCode> {
  return new MachineError('state_full', `the state has ${slabsMax} MiB of keys: this program cannot number more`);
}

/** Bit `bit` of the hash at `offset`, counted from the most significant bit of its first byte. */
export function bitAt(hashes: Uint8Array, offset: number, bit: number): number {
  return ((hashes[offset + (bit >>> 3)] as number) >>> (7 - (bit & 7))) & 1;
}
