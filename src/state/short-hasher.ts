import { sha256Into } from '#crypto/hash.ts';
import { sha256Lanes } from '#crypto/sha256-lanes.ts';

/** Messages that are hashed in one go. */
export const SHORT_SLOTS = 256;

const HASH_BYTES = 32;
const BLOCK_BYTES = 64;
const BLOCK_WORDS = BLOCK_BYTES / 4;
const PADDING_START = 0x80;
/** Longest message that fits one block with its padding. */
const SHORT_BYTES_MAX = BLOCK_BYTES - 9;

interface LongMessage {
  readonly slot: number;
  readonly bytes: Uint8Array;
}

/** SHA-256 of many messages, most of them short, as keys are: these are hashed side by side. */
export class ShortHasher {
  /** Hash of slot i at 32 i. */
  readonly hashes = new Uint8Array(SHORT_SLOTS * HASH_BYTES);
  private readonly bytes = new Uint8Array(SHORT_SLOTS * BLOCK_BYTES);
  private readonly words = new Int32Array(this.bytes.buffer);
  private long: LongMessage[] = [];

  /** The message `bytes[start, end)`. */
  set(slot: number, bytes: Uint8Array, start: number, end: number): void {
    const length = end - start;
    if (length > SHORT_BYTES_MAX) {
      this.long.push({ slot, bytes: bytes.subarray(start, end) });
      return;
    }
    const firstWord = slot * BLOCK_WORDS;
    for (let word = 0; word < BLOCK_WORDS; word++) this.words[firstWord + word] = 0;
    const at = slot * BLOCK_BYTES;
    for (let i = 0; i < length; i++) this.bytes[at + i] = bytes[start + i] as number;
    this.bytes[at + length] = PADDING_START;
    this.bytes[at + BLOCK_BYTES - 2] = length >>> 5;
    this.bytes[at + BLOCK_BYTES - 1] = length << 3;
  }

  /** Hashes slots [0, count). */
  run(count: number): void {
    sha256Lanes(this.hashes, this.bytes, 0, count, 1);
    for (const { slot, bytes } of this.long) {
      sha256Into(this.hashes.subarray(slot * HASH_BYTES, (slot + 1) * HASH_BYTES), bytes);
    }
    this.long = [];
  }
}
