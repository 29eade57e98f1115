import type { ChangeSet, StateReader, StoreName } from '#state/store.ts';
import { equalBytes, fromLatin1 } from '#util/bytes.ts';
import { StateReadFailure } from '../errors.ts';
import type { Codec, Collection } from './collection.ts';

/** One record, read or written. */
export interface Slot {
  /** Decoded, never changed in place; undefined when there is no record. */
  readonly value: unknown;
  /** Bytes of the encoded value; 0 when there is no record. */
  readonly size: number;
  /** What the committed state holds. */
  readonly committed: Uint8Array | undefined;
  /** Set for what was written. */
  readonly codec: Codec<unknown> | undefined;
}

/** A reader that can also be asked by the key's latin1 form, and so need not make it again. */
interface Latin1Reader extends StateReader {
  getLatin1(store: StoreName, latin1: string, key: Uint8Array): Uint8Array | undefined;
}

interface Undo {
  readonly records: Map<string, Slot>;
  readonly key: string;
  readonly before: Slot;
}

interface Loaded {
  readonly records: Map<string, Slot>;
  readonly key: string;
}

const ABSENT: Slot = { value: undefined, size: 0, committed: undefined, codec: undefined };

/**
 * State on top of a committed one. It reads through, keeps decoded values, and remembers what every write replaced, so
 * that the layers of a block (block, ante, messages, nested calls) roll back exactly. Encoding waits for `changes`: an
 * account that ten transactions touch is encoded once.
 */
export class WorkingState {
  private readonly base: StateReader;
  private readonly stores = new Map<StoreName, Map<string, Slot>>();
  private undo: Undo[] = [];
  /** What `aside` reads for the first time. */
  private loaded: Loaded[] | undefined;

  constructor(base: StateReader) {
    this.base = base;
  }

  /** The record under `key` (one character a byte). */
  read<Value>(collection: Collection<Value>, key: string): Slot {
    const records = this.records(collection.store);
    return records.get(key) ?? this.load(records, collection, key);
  }

  /** Writes a record, or deletes it with `undefined`. Returns the size of the encoded value. */
  write<Value>(collection: Collection<Value>, key: string, value: Value | undefined): number {
    const records = this.records(collection.store);
    const before = records.get(key) ?? this.load(records, collection, key);
    const size = value === undefined ? 0 : collection.codec.size(value);
    this.undo.push({ records, key, before });
    records.set(key, {
      // A record whose encoding is empty is absent (design 5).
      value: size === 0 ? undefined : value,
      size,
      committed: before.committed,
      codec: collection.codec as Codec<unknown>,
    });
    return size;
  }

  /** A point to roll back to. */
  mark(): number {
    return this.undo.length;
  }

  /** Takes back every write since `mark`. */
  rollback(mark: number): void {
    while (this.undo.length > mark) {
      const { records, key, before } = this.undo.pop() as Undo;
      records.set(key, before);
    }
  }

  /** Runs what leaves nothing: neither its writes nor the records that it was the first to read. */
  aside<Result>(run: () => Result): Result {
    const mark = this.mark();
    const loaded: Loaded[] = [];
    this.loaded = loaded;
    try {
      return run();
    } finally {
      this.loaded = undefined;
      this.rollback(mark);
      for (const { records, key } of loaded) records.delete(key);
    }
  }

  /** Makes all writes so far final: they cannot be rolled back any more. */
  seal(): void {
    this.undo = [];
  }

  /**
   * Follows the committed state after it moved: records whose key `forget` names are dropped, what was only read is
   * read again, and what was written is kept, or carried over where the committed record changed underneath.
   */
  rebase(forget: (key: string) => boolean): void {
    this.seal();
    for (const [store, records] of this.stores) {
      for (const [key, slot] of records) {
        if (slot.codec === undefined || forget(key)) records.delete(key);
        else this.carryOver(store, records, key, slot);
      }
    }
  }

  /** What differs from the committed state, sorted by store and key. */
  changes(): ChangeSet {
    const changes = new Map<StoreName, ReadonlyMap<string, Uint8Array | undefined>>();
    for (const store of [...this.stores.keys()].sort()) {
      const changed = changesOf(this.records(store));
      if (changed.size > 0) changes.set(store, changed);
    }
    return changes;
  }

  private carryOver(store: StoreName, records: Map<string, Slot>, key: string, slot: Slot): void {
    const codec = slot.codec as Codec<unknown>;
    const committed = this.readBase(store, key);
    if (sameValue(committed, slot.committed)) return;
    if (codec.rebase === undefined) {
      records.delete(key);
      return;
    }
    const before = slot.committed === undefined ? undefined : codec.decode(slot.committed);
    const now = committed === undefined ? undefined : codec.decode(committed);
    const value = codec.rebase(slot.value, before, now);
    records.set(key, { value, size: value === undefined ? 0 : codec.size(value), committed, codec });
  }

  private records(store: StoreName): Map<string, Slot> {
    let records = this.stores.get(store);
    if (records === undefined) {
      records = new Map();
      this.stores.set(store, records);
    }
    return records;
  }

  private load<Value>(records: Map<string, Slot>, collection: Collection<Value>, key: string): Slot {
    const slot = this.readSlot(collection, key);
    records.set(key, slot);
    this.loaded?.push({ records, key });
    return slot;
  }

  /** A record that cannot be read or decoded is a fault of the machine, whatever class of error says so. */
  private readSlot<Value>({ store, codec }: Collection<Value>, key: string): Slot {
    try {
      const bytes = this.readBase(store, key);
      if (bytes === undefined) return ABSENT;
      return { value: codec.decode(bytes), size: bytes.length, committed: bytes, codec: undefined };
    } catch (error) {
      throw new StateReadFailure(store, error);
    }
  }

  private readBase(store: StoreName, key: string): Uint8Array | undefined {
    const { base } = this;
    const bytes = fromLatin1(key);
    return 'getLatin1' in base ? (base as Latin1Reader).getLatin1(store, key, bytes) : base.get(store, bytes);
  }
}

/** Net changes only: a record that came back to its committed value, or came and went, is none. */
function changesOf(records: ReadonlyMap<string, Slot>): Map<string, Uint8Array | undefined> {
  const written: string[] = [];
  for (const [key, slot] of records) if (slot.codec !== undefined) written.push(key);
  const changed = new Map<string, Uint8Array | undefined>();
  // Without a comparing function, strings sort by code unit: for latin1 keys the order of their bytes.
  for (const key of written.sort()) {
    const slot = records.get(key) as Slot;
    const value = slot.value === undefined ? undefined : slot.codec?.encode(slot.value);
    if (!sameValue(value, slot.committed)) changed.set(key, value);
  }
  return changed;
}

function sameValue(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a === b || (a !== undefined && b !== undefined && equalBytes(a, b));
}
