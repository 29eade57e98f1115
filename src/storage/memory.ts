import type { KeyRange, KeyValue, KeyValueSnapshot, WriteBatch } from '#ports/key-value.ts';
import { assert } from '#util/assert.ts';
import { fromLatin1, toLatin1 } from '#util/bytes.ts';
import { SortedKeys } from './sorted-keys.ts';

/** Values of one key, oldest first; undefined is a deletion. Only the last one remains when no snapshot is open. */
interface Version {
  readonly sequence: number;
  readonly value: Uint8Array | undefined;
}

type Change = readonly [key: string, value: Uint8Array | undefined];

/**
 * An ordered byte store in memory that behaves as LevelDB does (compared with it by a property test). It also knows
 * what a power cut would leave: batches up to the last synced one, and perhaps some of those after it, in order and whole,
 * as LevelDB's log has them.
 */
export class MemoryKeyValue implements KeyValue {
  private readonly entries = new Map<string, Version[]>();
  /** The keys of all entries in byte order: Latin-1 strings compare as their bytes do. */
  private readonly sorted = new SortedKeys();
  /** Keys with versions that only open snapshots need. */
  private readonly outdated = new Set<string>();
  private sequence = 0;
  private readonly openSnapshots = new Set<number>();
  private nextSnapshot = 0;
  /** What undoes each batch since the last synced one, oldest first. */
  private unsynced: Change[][] = [];
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
      getMany: async (keys) => keys.map((key) => this.read(key, sequence)),
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

  /** What is deleted takes no space here. */
  async compact(): Promise<void> {
    assert(this.open, 'the database is open');
  }

  async close(): Promise<void> {
    this.open = false;
  }

  /** Batches that a power cut may take. */
  get unsyncedBatches(): number {
    return this.unsynced.length;
  }

  /**
   * What a power cut at this moment leaves: a new database with everything up to the last synced batch and `kept` more.
   * This one takes no further calls.
   */
  crash(kept = 0): MemoryKeyValue {
    const survivor = new MemoryKeyValue();
    const changes: Change[] = [...this.entries].map(([key, versions]) => [key, versions.at(-1)?.value]);
    survivor.apply(changes);
    for (const undo of this.unsynced.slice(kept).reverse()) survivor.apply(undo.toReversed());
    survivor.unsynced = [];
    this.open = false;
    return survivor;
  }

  /** All keys, in order. */
  keys(): Uint8Array[] {
    return this.keysIn({}).map(fromLatin1);
  }

  /** Changes a value behind everybody's back, or loses it: a flipped bit, a log record that LevelDB skipped. */
  corrupt(key: Uint8Array, change: (value: Uint8Array) => Uint8Array | undefined): void {
    const versions = this.entries.get(toLatin1(key));
    const last = versions?.at(-1);
    assert(versions !== undefined && last?.value !== undefined, 'the key has a value');
    const value = change(last.value.slice());
    if (value === undefined) this.remove(toLatin1(key));
    else versions[versions.length - 1] = { ...last, value };
  }

  private apply(changes: readonly Change[]): void {
    if (changes.length === 0) return;
    this.sequence++;
    const undo: Change[] = [];
    for (const [key, value] of changes) this.applyOne(key, value, undo);
    this.unsynced.push(undo);
  }

  private applyOne(key: string, value: Uint8Array | undefined, undo: Change[]): void {
    const versions = this.entries.get(key);
    const before = versions?.at(-1)?.value;
    undo.push([key, before]);
    const version: Version = { sequence: this.sequence, value };
    if (versions === undefined) {
      if (value === undefined) return;
      this.entries.set(key, [version]);
      this.sorted.add(key);
    } else if (this.openSnapshots.size > 0) {
      versions.push(version);
      this.outdated.add(key);
    } else if (value === undefined) {
      this.remove(key);
    } else {
      this.entries.set(key, [version]);
    }
  }

  private dropOldVersions(): void {
    for (const key of this.outdated) {
      const last = this.entries.get(key)?.at(-1);
      if (last?.value === undefined) this.remove(key);
      else this.entries.set(key, [last]);
    }
    this.outdated.clear();
  }

  private remove(key: string): void {
    this.entries.delete(key);
    this.sorted.delete(key);
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

  private keysIn({ gte, gt, lt, lte, reverse }: KeyRange): string[] {
    const from = largest(gte && toLatin1(gte), gt && after(toLatin1(gt))) ?? '';
    const below = smallest(lt && toLatin1(lt), lte && after(toLatin1(lte)));
    const keys = this.sorted.between(from, below);
    return reverse === true ? keys.reverse() : keys;
  }
}

/** The least key that is larger. */
function after(key: string): string {
  return `${key}\0`;
}

function largest(a: string | undefined, b: string | undefined): string | undefined {
  return a === undefined || (b !== undefined && b > a) ? b : a;
}

function smallest(a: string | undefined, b: string | undefined): string | undefined {
  return a === undefined || (b !== undefined && b < a) ? b : a;
}
