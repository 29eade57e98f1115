import { sha256Into } from '#crypto/hash.ts';
import { sha256Lanes } from '#crypto/sha256-lanes.ts';

/** Messages that are hashed in one go. */
export const SHORT_SLOTS = 256;

const HASH_BYTES = 32;
const BLOCK_BYTES = 64;
/** 0x80 behind the message, and its length in bits. */
const PADDING_BYTES_MIN = 9;
const PADDING_START = 0x80;
/** Longer messages go to the library: most of what a ledger holds, accounts included, fits two blocks. */
const BLOCKS_MAX = 3;

/** SHA-256 of many messages, most of them short, as keys and values are: these are hashed side by side. */
export class ShortHasher {
  /** Hash of slot i at 32 i. */
  readonly hashes = new Uint8Array(SHORT_SLOTS * HASH_BYTES);
  /** By length: those that fit one block, two, and so on. */
  private readonly groups = Array.from({ length: BLOCKS_MAX }, (_, i) => new EqualBlocks(i + 1));

  /** The message `bytes[start, end)`. */
  set(slot: number, bytes: Uint8Array, start: number, end: number): void {
    const blocks = Math.ceil((end - start + PADDING_BYTES_MIN) / BLOCK_BYTES);
    const group = this.groups[blocks - 1];
    if (group !== undefined) group.add(slot, bytes, start, end);
    else sha256Into(this.hashes.subarray(slot * HASH_BYTES, (slot + 1) * HASH_BYTES), bytes.subarray(start, end));
  }

  /** Hashes what was set since the last call; what is in other slots means nothing. */
  run(): void {
    for (const group of this.groups) group.run(this.hashes);
  }
}

/** Messages of so many blocks each. */
class EqualBlocks {
  private readonly blocks: number;
  private readonly slots = new Int32Array(SHORT_SLOTS);
  private count = 0;
  private readonly bytes: Uint8Array;
  private readonly hashes = new Uint8Array(SHORT_SLOTS * HASH_BYTES);

  constructor(blocks: number) {
    this.blocks = blocks;
    this.bytes = new Uint8Array(SHORT_SLOTS * blocks * BLOCK_BYTES);
  }

  add(slot: number, from: Uint8Array, start: number, end: number): void {
    const { bytes } = this;
    const stride = this.blocks * BLOCK_BYTES;
    const at = this.count * stride;
    const length = end - start;
    for (let i = 0; i < length; i++) bytes[at + i] = from[start + i] as number;
    bytes[at + length] = PADDING_START;
    bytes.fill(0, at + length + 1, at + stride - 2);
    bytes[at + stride - 2] = length >>> 5;
    bytes[at + stride - 1] = length << 3;
    this.slots[this.count++] = slot;
  }

  run(out: Uint8Array): void {
    const { hashes, slots } = this;
    sha256Lanes(hashes, this.bytes, 0, this.count, this.blocks);
    for (let i = 0; i < this.count; i++) {
      const to = (slots[i] as number) * HASH_BYTES;
      for (let byte = 0; byte < HASH_BYTES; byte++) out[to + byte] = hashes[i * HASH_BYTES + byte] as number;
    }
    this.count = 0;
  }
}
