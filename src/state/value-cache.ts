import type { StoreName } from './store.ts';

/** What an entry costs beside its bytes: two map slots, the headers of the string, the array and the entry. */
const ENTRY_OVERHEAD_BYTES = 200;

type Generation<Entry> = Map<StoreName, Map<string, Entry>>;

/**
 * Checked values of the head, bounded in bytes. Two generations: when the young one is half of the limit it becomes
 * the old one and the former old one is dropped, so an entry that was not read for a while goes without any lists.
 */
export class ValueCache<Entry extends { readonly value: Uint8Array }> {
  private young: Generation<Entry> = new Map();
  private old: Generation<Entry> = new Map();
  private youngBytes = 0;
  private readonly generationBytes: number;

  constructor(bytesMax: number) {
    this.generationBytes = bytesMax / 2;
  }

  get(store: StoreName, key: string): Entry | undefined {
    const entry = this.young.get(store)?.get(key);
    if (entry !== undefined) return entry;
    const older = this.old.get(store)?.get(key);
    if (older !== undefined) this.set(store, key, older);
    return older;
  }

  set(store: StoreName, key: string, entry: Entry): void {
    let entries = this.young.get(store);
    if (entries === undefined) {
      entries = new Map();
      this.young.set(store, entries);
    }
    const before = entries.get(key);
    if (before === undefined) this.youngBytes += key.length + ENTRY_OVERHEAD_BYTES;
    this.youngBytes += entry.value.length - (before?.value.length ?? 0);
    entries.set(key, entry);
    if (this.youngBytes > this.generationBytes) this.turn();
  }

  delete(store: StoreName, key: string): void {
    const entry = this.young.get(store)?.get(key);
    if (entry !== undefined) {
      this.young.get(store)?.delete(key);
      this.youngBytes -= key.length + entry.value.length + ENTRY_OVERHEAD_BYTES;
    }
    this.old.get(store)?.delete(key);
  }

  private turn(): void {
    this.old = this.young;
    this.young = new Map();
    this.youngBytes = 0;
  }
}
