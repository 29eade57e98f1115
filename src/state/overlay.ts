import { assert } from '#util/assert.ts';
import { fromLatin1, toLatin1 } from '#util/bytes.ts';
import type { ChangeSet, StateReader, StateWriter, StoreName } from './store.ts';

/** A reader that can be asked by the latin1 form of a key, so that a stack of overlays makes it once. */
interface Latin1Reader extends StateReader {
  getLatin1(store: StoreName, latin1: string, key: Uint8Array): Uint8Array | undefined;
}

/** Pending writes over a base that stays as it is until `flush`. Overlays stack: block, ante, messages, nested. */
export class Overlay implements StateWriter {
  private readonly base: StateReader;
  private readonly baseByLatin1: Latin1Reader | undefined;
  private pending = new Map<StoreName, Map<string, Uint8Array | undefined>>();

  constructor(base: StateReader) {
    this.base = base;
    this.baseByLatin1 = 'getLatin1' in base ? (base as Latin1Reader) : undefined;
  }

  get(store: StoreName, key: Uint8Array): Uint8Array | undefined {
    return this.getLatin1(store, toLatin1(key), key);
  }

  /** As `get`; `latin1` is `toLatin1(key)`. */
  getLatin1(store: StoreName, latin1: string, key: Uint8Array): Uint8Array | undefined {
    const changes = this.pending.get(store);
    const value = changes?.get(latin1);
    // Undefined may be a deletion, which hides the base's value.
    if (value !== undefined || changes?.has(latin1) === true) return value;
    return this.baseByLatin1 === undefined
      ? this.base.get(store, key)
      : this.baseByLatin1.getLatin1(store, latin1, key);
  }

  /** Keeps a copy of `value`: the caller's array may be a view of something large, or be reused. */
  set(store: StoreName, key: Uint8Array, value: Uint8Array): void {
    assert(value.length > 0, 'a stored value is not empty');
    this.write(store, latin1Key(key), value.slice());
  }

  delete(store: StoreName, key: Uint8Array): void {
    this.write(store, latin1Key(key), undefined);
  }

  /** What was set and deleted since the last `reset` or `flush`; the caller may keep it. */
  changes(): ChangeSet {
    return new Map([...this.pending].map(([store, changes]) => [store, new Map(changes)]));
  }

  /** Moves all writes to the base, which must be a StateWriter. */
  flush(): void {
    const { base } = this;
    if (base instanceof Overlay) {
      for (const [store, changes] of this.pending) {
        for (const [latin1, value] of changes) base.write(store, latin1, value);
      }
    } else {
      assert('set' in base, 'an overlay is flushed into a writer');
      this.flushInto(base as StateWriter);
    }
    this.reset();
  }

  /** Forgets all writes. */
  reset(): void {
    this.pending = new Map();
  }

  private flushInto(writer: StateWriter): void {
    for (const [store, changes] of this.pending) {
      for (const [latin1, value] of changes) {
        const key = fromLatin1(latin1);
        if (value === undefined) writer.delete(store, key);
        else writer.set(store, key, value);
      }
    }
  }

  private write(store: StoreName, latin1: string, value: Uint8Array | undefined): void {
    const changes = this.pending.get(store);
    if (changes === undefined) this.pending.set(store, new Map([[latin1, value]]));
    else changes.set(latin1, value);
  }
}

function latin1Key(key: Uint8Array): string {
  assert(key.length > 0, 'a stored key is not empty');
  return toLatin1(key);
}
