/** A priority queue: `before(a, b)` says that a leaves before b, and must be a strict weak order. */
export class BinaryHeap<Item> {
  private readonly before: (a: Item, b: Item) => boolean;
  private items: Item[];

  /** Takes over `items`, in time linear in their number. */
  constructor(before: (a: Item, b: Item) => boolean, items: Item[] = []) {
    this.before = before;
    this.items = items;
    for (let i = (items.length >> 1) - 1; i >= 0; i--) this.sink(i);
  }

  get size(): number {
    return this.items.length;
  }

  peek(): Item | undefined {
    return this.items[0];
  }

  push(item: Item): void {
    this.items.push(item);
    this.rise(this.items.length - 1);
  }

  pop(): Item | undefined {
    const first = this.items[0];
    const last = this.items.pop();
    if (this.items.length > 0) {
      this.items[0] = last as Item;
      this.sink(0);
    }
    return first;
  }

  /** Keeps only the items that pass, in time linear in their number. */
  retain(keep: (item: Item) => boolean): void {
    this.items = this.items.filter(keep);
    for (let i = (this.items.length >> 1) - 1; i >= 0; i--) this.sink(i);
  }

  private rise(from: number): void {
    const { items, before } = this;
    const item = items[from] as Item;
    let index = from;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!before(item, items[parent] as Item)) break;
      items[index] = items[parent] as Item;
      index = parent;
    }
    items[index] = item;
  }

  private sink(from: number): void {
    const { items, before } = this;
    const item = items[from] as Item;
    let index = from;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= items.length) break;
      if (child + 1 < items.length && before(items[child + 1] as Item, items[child] as Item)) child++;
      if (!before(items[child] as Item, item)) break;
      items[index] = items[child] as Item;
      index = child;
    }
    items[index] = item;
  }
}
