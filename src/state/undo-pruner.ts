import type { KeyValue } from '#ports/key-value.ts';
import { damaged } from '#storage/checksummed.ts';
import { KEY_SPACE } from '#storage/key-space.ts';
import type { SlicedDeletes } from '#storage/sliced-deletes.ts';
import { assert } from '#util/assert.ts';
import { MachineError } from '#util/errors.ts';
import { NEVER_PAUSE, type Pause } from '#util/pause.ts';
import { BASE_KEY, decodeBase, decodeSwept, encodeBase, encodeSwept, SWEPT_KEY } from './rows.ts';
import {
  type ChangedKeys,
  changedKeysHeight,
  changedKeysKey,
  decodeChangedKeys,
  decodeDeletion,
  readUndoBytes,
  undoKey,
  undoPrefix,
} from './undo-rows.ts';

/** After so many heights rows of deletions are looked through: all of them, so not often. */
const DELETIONS_EVERY = 1_000;

/** Told of what was not as it should be; the pruner goes on behind it. */
export type OnOdd = (height: number, error: MachineError) => void;

/**
 * Forgets the past below a height: first nobody may read it any more, then its rows go, the lowest height first. A list is
 * written once and there for each height, so it is told from a damaged one without a look at the files.
 */
export class UndoPruner {
  private readonly kv: KeyValue;
  private baseHeight: number;
  /** Bytes of undo rows up to the base, in the count of the lists. */
  private baseBytes: number;
  /** The lists below this height are deleted; undefined until it was looked up. */
  private swept: number | undefined;
  private deletionsSweptAt: number;

  constructor(kv: KeyValue, head: number) {
    this.kv = kv;
    const record = kv.get(BASE_KEY);
    const base = record === undefined ? { height: head, undoBytes: 0 } : decodeBase(record);
    this.baseHeight = base.height;
    this.baseBytes = base.undoBytes;
    this.deletionsSweptAt = base.height;
    const swept = kv.get(SWEPT_KEY);
    this.swept = swept === undefined ? undefined : decodeSwept(swept);
  }

  /** Least readable height. */
  get base(): number {
    return this.baseHeight;
  }

  /** Heights up to the base of which there are undo rows still. */
  get left(): number {
    return this.swept === undefined ? 0 : Math.max(0, this.baseHeight + 1 - this.swept);
  }

  /** Bytes of the undo rows of all heights up to this one, from the base on, pruned ones included. */
  bytesUpTo(height: number): number {
    if (height <= this.baseHeight) return this.baseBytes;
    const key = changedKeysKey(height);
    const record = this.kv.get(key, { unverified: true });
    if (record === undefined) throw damaged(key, 'list of changed keys');
    return readUndoBytes(record, key);
  }

  /** Makes `base` the least readable height: at once here, for good when it resolves. */
  async raise(base: number): Promise<void> {
    assert(base >= this.baseHeight, 'what is forgotten stays so');
    this.baseBytes = this.bytesUpTo(base);
    this.baseHeight = base;
    const batch = this.kv.batch();
    batch.put(BASE_KEY, encodeBase(base, this.baseBytes));
    await batch.write({ sync: true });
  }

  /**
   * Deletes the undo rows of the lowest height that still has some, if it is the base or below: each row holds a value
   * from before its height. False when there is nothing left to do. A run that was cut off is completed by the next. What
   * it deletes is written with the batch, which may come later.
   */
  async sweep(deletes: SlicedDeletes, onOdd: OnOdd, pause: Pause = NEVER_PAUSE): Promise<boolean> {
    this.swept ??= await this.lowestList();
    const height = this.swept;
    if (height > this.baseHeight) return this.sweepDeletions(deletes);
    const list = this.list(height, onOdd);
    for (const [store, keys] of list?.stores ?? []) {
      const prefix = undoPrefix(store);
      for (const key of keys) {
        const wait = deletes.delete(undoKey(prefix, key, height)) ?? pause();
        if (wait !== undefined) await wait;
      }
    }
    // The list goes last: as long as it exists, its undo rows may.
    deletes.put(SWEPT_KEY, encodeSwept(height + 1));
    await deletes.delete(changedKeysKey(height));
    this.swept = height + 1;
    return true;
  }

  /** The rows stay of a height whose list is lost or damaged: nobody reads them, because they are below the base. */
  private list(height: number, onOdd: OnOdd): ChangedKeys | undefined {
    const key = changedKeysKey(height);
    try {
      const record = this.kv.get(key, { unverified: true });
      if (record === undefined) throw damaged(key, 'list of changed keys');
      return decodeChangedKeys(record, key);
    } catch (error) {
      if (!(error instanceof MachineError) || error.code !== 'damaged') throw error;
      onOdd(height, error);
      return undefined;
    }
  }

  /** Deletions that no readable height can tell from "never there" any more. Always false: it is the end of a run. */
  private async sweepDeletions(deletes: SlicedDeletes): Promise<false> {
    if (this.baseHeight - this.deletionsSweptAt < DELETIONS_EVERY) return false;
    const base = this.baseHeight;
    this.deletionsSweptAt = base;
    const range = { gte: Uint8Array.of(KEY_SPACE.deletions), lt: Uint8Array.of(KEY_SPACE.deletions + 1) };
    for await (const [key, record] of this.kv.iterate(range)) {
      if (isBelow(key, record, base) && isBelow(key, this.kv.get(key, { unverified: true }), base))
        await deletes.delete(key);
    }
    await deletes.flush();
    return false;
  }

  private async lowestList(): Promise<number> {
    const range = { gte: changedKeysKey(0), lte: changedKeysKey(this.baseHeight), limit: 1 };
    for await (const [key] of this.kv.iterate(range)) return changedKeysHeight(key);
    return this.baseHeight + 1;
  }
}

/** What is damaged is deleted, too. */
function isBelow(key: Uint8Array, record: Uint8Array | undefined, base: number): boolean {
  if (record === undefined) return false;
  try {
    return decodeDeletion(record, key) <= base;
  } catch {
    return true;
  }
}
