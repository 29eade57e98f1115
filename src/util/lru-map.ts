import { assert } from './assert.ts';

/** A map of at most `capacity` entries: adding one more drops the entry that was used least recently. */
export class LruMap<Key, Value> {
  readonly capacity: number;
  /** A Map iterates in insertion order, so re-inserting on use keeps the least recently used entry first. */
  private readonly entries = new Map<Key, Value>();

  constructor(capacity: number) {
    assert(Number.isSafeInteger(capacity) && capacity > 0, `LRU capacity must be a positive integer, got ${capacity}`);
    this.capacity = capacity;
  }

  get size(): number {
    return this.entries.size;
  }

  /** Looks without counting as a use. */
  has(key: Key): boolean {
    return this.entries.has(key);
  }

  get(key: Key): Value | undefined {
    const value = this.entries.get(key);
    if (value === undefined && !this.entries.has(key)) return undefined;
    this.entries.delete(key);
    this.entries.set(key, value as Value);
    return value;
  }

  /** Returns the key that had to go, if any. */
  set(key: Key, value: Value): Key | undefined {
    this.entries.delete(key);
    this.entries.set(key, value);
    if (this.entries.size <= this.capacity) return undefined;
    const [oldest] = this.entries.keys() as Iterator<Key> & Iterable<Key>;
    this.entries.delete(oldest as Key);
    return oldest;
  }

  delete(key: Key): boolean {
    return this.entries.delete(key);
  }

  clear(): void {
    this.entries.clear();
  }

  /** From the least to the most recently used. */
  keys(): IterableIterator<Key> {
    return this.entries.keys();
  }
}
