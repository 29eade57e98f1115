import { sha256Lanes } from '#crypto/sha256-lanes.ts';

/** Pairs that are hashed in one go: little enough to stay in the processor's first cache. */
export const PAIR_SLOTS = 256;

const HASH_BYTES = 32;
const WORD_BYTES = 4;
/** A prefix byte and two hashes, padded: 0x80, zeros, and the length in bits. */
const MESSAGE_BYTES = 1 + 2 * HASH_BYTES;
const BLOCK_BYTES = 64;
const BLOCKS = 2;
const STRIDE_BYTES = BLOCKS * BLOCK_BYTES;
const PADDING_START = 0x80;
/** Messages begin three bytes behind a word boundary, so that the hashes in them stand on one. */
const OFFSET_BYTES = 3;

/** sha256(prefix | a | b) of many pairs of hashes: all that ICS-23's SMT spec asks for. */
export class PairHasher {
  /** Where the hashes are to be written, see `wordOf`. */
  readonly words: Int32Array;
  readonly bytes: Uint8Array;
  /** What came out: eight words for each slot. */
  readonly hashes: Int32Array;
  readonly hashBytes: Uint8Array;

  constructor(prefix: number) {
    // The offset moves the last message's padding out by as much.
    this.bytes = new Uint8Array(PAIR_SLOTS * STRIDE_BYTES + WORD_BYTES);
    this.words = new Int32Array(this.bytes.buffer);
    this.hashBytes = new Uint8Array(PAIR_SLOTS * HASH_BYTES);
    this.hashes = new Int32Array(this.hashBytes.buffer);
    const bits = MESSAGE_BYTES * 8;
    for (let slot = 0; slot < PAIR_SLOTS; slot++) {
      const start = slot * STRIDE_BYTES + OFFSET_BYTES;
      this.bytes[start] = prefix;
      this.bytes[start + MESSAGE_BYTES] = PADDING_START;
      this.bytes[start + STRIDE_BYTES - 2] = bits >>> 8;
      this.bytes[start + STRIDE_BYTES - 1] = bits & 0xff;
    }
  }

  /** First of a slot's sixteen words in `words`. */
  wordOf(slot: number): number {
    return (slot * STRIDE_BYTES + OFFSET_BYTES + 1) / WORD_BYTES;
  }

  /** First of a slot's 64 bytes in `bytes`. */
  byteOf(slot: number): number {
    return slot * STRIDE_BYTES + OFFSET_BYTES + 1;
  }

  run(count: number): void {
    sha256Lanes(this.hashBytes, this.bytes, OFFSET_BYTES, count, BLOCKS);
  }
}
