import type { StoreName } from './store.ts';

/** What an entry costs beside its bytes: two map slots, the string's and the array's headers. */
const ENTRY_OVERHEAD_BYTES = 160;

type Generation = Map<StoreName, Map<string, Uint8Array>>;

/**
 * Checked values of the head, bounded in bytes. Two generations: when the young one is half of the limit it becomes
 * the old one and the former old one is dropped, so an entry that was not read for a while goes without any lists.
 */
export class ValueCache {
  private young: Generation = new Map();
  private old: Generation = new Map();
  private youngBytes = 0;
  private readonly generationBytes: number;

  constructor(bytesMax: number) {
    this.generationBytes = bytesMax / 2;
  }

  get(store: StoreName, key: string): Uint8Array | undefined {
    const value = this.young.get(store)?.get(key);
    if (value !== undefined) return value;
    const older = this.old.get(store)?.get(key);
    if (older !== undefined) this.set(store, key, older);
    return older;
  }

  set(store: StoreName, key: string, value: Uint8Array): void {
    let entries = this.young.get(store);
    if (entries === undefined) {
      entries = new Map();
      this.young.set(store, entries);
    }
    const before = entries.get(key);
    if (before === undefined) this.youngBytes += key.length + ENTRY_OVERHEAD_BYTES;
    this.youngBytes += value.length - (before?.length ?? 0);
    entries.set(key, value);
    if (this.youngBytes > this.generationBytes) this.turn();
  }

  delete(store: StoreName, key: string): void {
    const value = this.young.get(store)?.get(key);
    if (value !== undefined) {
      this.young.get(store)?.delete(key);
      this.youngBytes -= key.length + value.length + ENTRY_OVERHEAD_BYTES;
    }
    this.old.get(store)?.delete(key);
  }

  private turn(): void {
    this.old = this.young;
    this.young = new Map();
    this.youngBytes = 0;
  }
}
