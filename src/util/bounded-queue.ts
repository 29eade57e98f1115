import { assert } from './assert.ts';

/**
 * A first-in first-out queue with a limit on its items and on their summed size, so that a stuck reader costs bounded
 * memory. `push` refuses what does not fit: dropping, waiting or disconnecting is the owner's decision.
 */
export class BoundedQueue<Item> {
  private readonly maxItems: number;
  private readonly maxSize: number;
  private readonly sizeOf: (item: Item) => number;
  private items: (Item | undefined)[] = [];
  private head = 0;
  private summedSize = 0;

  /** `maxSize` is in the unit of `sizeOf` (bytes, as a rule); without them only the count is bounded. */
  constructor(options: { maxItems: number; maxSize?: number; sizeOf?: (item: Item) => number }) {
    assert(options.maxItems > 0, `queue limit must be positive, got ${options.maxItems}`);
    this.maxItems = options.maxItems;
    this.maxSize = options.maxSize ?? Number.POSITIVE_INFINITY;
    this.sizeOf = options.sizeOf ?? (() => 0);
  }

  get length(): number {
    return this.items.length - this.head;
  }

  get size(): number {
    return this.summedSize;
  }

  /** False: full, and the item was not taken. */
  push(item: Item): boolean {
    const size = this.sizeOf(item);
    if (this.length >= this.maxItems || this.summedSize + size > this.maxSize) return false;
    this.items.push(item);
    this.summedSize += size;
    return true;
  }

  peek(): Item | undefined {
    return this.items[this.head];
  }

  shift(): Item | undefined {
    if (this.length === 0) return undefined;
    const item = this.items[this.head] as Item;
    this.items[this.head++] = undefined;
    this.summedSize -= this.sizeOf(item);
    // Amortized: an array's own shift() moves everything each time.
    if (this.head * 2 >= this.items.length) {
      this.items = this.items.slice(this.head);
      this.head = 0;
    }
    return item;
  }

  clear(): void {
    this.items = [];
    this.head = 0;
    this.summedSize = 0;
  }
}
