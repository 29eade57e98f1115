import type { WriteBatch } from '#ports/key-value.ts';

/** Counts what would be written. */
export class CountingBatch implements WriteBatch {
  length = 0;
  /** Of keys and values. */
  bytes = 0;

  put(key: Uint8Array, value: Uint8Array): void {
    this.length++;
    this.bytes += key.length + value.length;
  }

  delete(key: Uint8Array): void {
    this.length++;
    this.bytes += key.length;
  }

  async write(): Promise<void> {
    throw new Error('a counting batch is not written');
  }

  async discard(): Promise<void> {
    this.length = 0;
    this.bytes = 0;
  }
}
