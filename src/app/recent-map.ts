/**
 * Remembers at least the last `capacity / 2` and at most `capacity` entries that were used. Two generations instead of
 * an order of use: a hit costs one Map lookup, and every transaction looks up several addresses.
 */
export class RecentMap<Value> {
  private readonly half: number;
  private young = new Map<string, Value>();
  private old = new Map<string, Value>();

  constructor(capacity: number) {
    this.half = Math.max(1, Math.floor(capacity / 2));
  }

  get(key: string): Value | undefined {
    const found = this.young.get(key);
    if (found !== undefined) return found;
    const older = this.old.get(key);
    if (older !== undefined) this.set(key, older);
    return older;
  }

  set(key: string, value: Value): void {
    if (this.young.size >= this.half) {
      this.old = this.young;
      this.young = new Map();
    }
    this.young.set(key, value);
  }
}
