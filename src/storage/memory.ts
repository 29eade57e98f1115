import type { KeyRange, KeyValue, KeyValueSnapshot, WriteBatch } from '#ports/key-value.ts';
import { assert } from '#util/assert.ts';
import { fromLatin1, toLatin1 } from '#util/bytes.ts';

/** Values of one key, oldest first; undefined is a deletion. Only the last one remains when no snapshot is open. */
interface Version {
  readonly sequence: number;
  readonly value: Uint8Array | undefined;
}

type Change = readonly [key: string, value: Uint8Array | undefined];

/**
 * An ordered byte store in memory that behaves as LevelDB does (compared with it by a property test). It also knows
 * what a power cut would leave: batches up to the last synced one.
 */
export class MemoryKeyValue implements KeyValue {
  private readonly entries = new Map<string, Version[]>();
  /** Keys in byte order, or undefined when a key came or went since the last walk. */
  private sorted: string[] | undefined = [];
  private sequence = 0;
  private readonly openSnapshots = new Set<number>();
  private nextSnapshot = 0;
  /** What undoes the batches since the last synced one, oldest first. */
  private unsynced: Change[] = [];
  private open = true;

  get(key: Uint8Array): Uint8Array | undefined {
    return this.read(key, this.sequence);
  }

  async getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    return keys.map((key) => this.get(key));
  }

  iterate(range: KeyRange): AsyncIterable<readonly [Uint8Array, Uint8Array]> {
    return this.walk(range, this.sequence);
  }

  snapshot(): KeyValueSnapshot {
    assert(this.open, 'the database is open');
    const id = this.nextSnapshot++;
    const sequence = this.sequence;
    this.openSnapshots.add(id);
    return {
      get: (key) => this.read(key, sequence),
      iterate: (range) => this.walk(range, sequence),
      release: async () => {
        if (this.openSnapshots.delete(id) && this.openSnapshots.size === 0) this.dropOldVersions();
      },
    };
  }

  batch(): WriteBatch {
    const changes: Change[] = [];
    let written = false;
    return {
      put: (key, value) => {
        assert(!written, 'a batch is not changed after it was written');
        changes.push([toLatin1(key), value.slice()]);
      },
      delete: (key) => {
        assert(!written, 'a batch is not changed after it was written');
        changes.push([toLatin1(key), undefined]);
      },
      get length() {
        return changes.length;
      },
      write: async ({ sync }) => {
        assert(!written && this.open, 'a batch is written once, to an open database');
        written = true;
        this.apply(changes);
        if (sync) this.unsynced = [];
      },
      discard: async () => {
        written = true;
      },
    };
  }

  async close(): Promise<void> {
    this.open = false;
  }

  /**
   * What a power cut at this moment leaves: a new database with everything up to the last synced batch. This one
   * takes no further calls.
   */
  crash(): MemoryKeyValue {
    const survivor = new MemoryKeyValue();
    const changes: Change[] = [...this.entries].map(([key, versions]) => [key, versions.at(-1)?.value]);
    survivor.apply(changes);
    survivor.apply(this.unsynced.toReversed());
    survivor.unsynced = [];
    this.open = false;
    return survivor;
  }

  private apply(changes: readonly Change[]): void {
    if (changes.length === 0) return;
    this.sequence++;
    for (const [key, value] of changes) this.applyOne(key, value);
  }

  private applyOne(key: string, value: Uint8Array | undefined): void {
    const versions = this.entries.get(key);
    const before = versions?.at(-1)?.value;
    this.unsynced.push([key, before]);
    const version: Version = { sequence: this.sequence, value };
    if (versions === undefined) {
      if (value === undefined) return;
      this.entries.set(key, [version]);
      this.sorted = undefined;
    } else if (this.openSnapshots.size > 0) {
      versions.push(version);
    } else if (value === undefined) {
      this.entries.delete(key);
      this.sorted = undefined;
    } else {
      this.entries.set(key, [version]);
    }
  }

  private dropOldVersions(): void {
    for (const [key, versions] of this.entries) {
      const last = versions.at(-1) as Version;
      if (last.value === undefined) {
        this.entries.delete(key);
        this.sorted = undefined;
      } else if (versions.length > 1) {
        this.entries.set(key, [last]);
      }
    }
  }

  private read(key: Uint8Array, sequence: number): Uint8Array | undefined {
    assert(this.open, 'the database is open');
    return this.readAt(toLatin1(key), sequence)?.slice();
  }

  private readAt(key: string, sequence: number): Uint8Array | undefined {
    return this.entries.get(key)?.findLast((version) => version.sequence <= sequence)?.value;
  }

  private async *walk(range: KeyRange, sequence: number): AsyncGenerator<readonly [Uint8Array, Uint8Array]> {
    // An iterator sees the database as it was when the walk began, as LevelDB's does.
    const id = this.nextSnapshot++;
    this.openSnapshots.add(id);
    try {
      let left = range.limit ?? Number.POSITIVE_INFINITY;
      for (const key of this.keysIn(range)) {
        assert(this.open, 'the database is open');
        const value = this.readAt(key, sequence);
        if (value === undefined) continue;
        if (left-- <= 0) return;
        yield [fromLatin1(key), value.slice()];
      }
    } finally {
      if (this.openSnapshots.delete(id) && this.openSnapshots.size === 0) this.dropOldVersions();
    }
  }

  /** Latin-1 strings compare as their bytes do. */
  private keysIn(range: KeyRange): string[] {
    this.sorted ??= [...this.entries.keys()].sort((a, b) => (a < b ? -1 : 1));
    const keys = this.sorted;
    let from = 0;
    let to = keys.length;
    if (range.gte !== undefined) from = lowerBound(keys, toLatin1(range.gte));
    if (range.gt !== undefined) from = Math.max(from, lowerBound(keys, `${toLatin1(range.gt)}\0`));
    if (range.lt !== undefined) to = lowerBound(keys, toLatin1(range.lt));
    if (range.lte !== undefined) to = Math.min(to, lowerBound(keys, `${toLatin1(range.lte)}\0`));
    const slice = keys.slice(from, Math.max(from, to));
    return range.reverse === true ? slice.reverse() : slice;
  }
}

/** Index of the first key that is not below `bound`. */
function lowerBound(keys: readonly string[], bound: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((keys[middle] as string) < bound) low = middle + 1;
    else high = middle;
  }
  return low;
}
