import type { KeyRange, KeyValueSnapshot } from '#ports/key-value.ts';
import { compareBytes, concatBytes, equalBytes } from '#util/bytes.ts';
import { BizraError } from '#util/errors.ts';
import type { StateErrorCode } from './errors.ts';
import { leafKey, leafPrefix, prefixEnd } from './rows.ts';
import type { StoreName, StoreRange } from './store.ts';
import {
  type Before,
  decodeDeletion,
  decodeUndo,
  deletionPrefix,
  orderedKey,
  parseUndoKey,
  undoPrefix,
} from './undo-rows.ts';

/** Undo rows and deletions that one walk may read: some 5 us each, so a second of yielding work. */
const PAST_ROWS_MAX = 200_000;

export type WalkedEntry = readonly [key: Uint8Array, value: Uint8Array];

/** What is found on the way, checked: each throws MachineError 'damaged' where it is not what it should be. */
export interface WalkChecks {
  leaf(key: Uint8Array, row: Uint8Array): Uint8Array;
  undo(key: Uint8Array, before: Before, rowKey: Uint8Array): Uint8Array | undefined;
  deletion(key: Uint8Array, height: number): void;
}

/** Entries of the head, in the order of their keys. */
export async function* walkHead(
  snapshot: KeyValueSnapshot,
  store: StoreName,
  range: StoreRange,
  checks: WalkChecks,
): AsyncGenerator<WalkedEntry> {
  for await (const { key, row } of leaves(snapshot, store, range)) yield [key, checks.leaf(key, row)];
}

/**
 * Entries at `height`: leaves, undo rows and deletions are read side by side in the order of their keys, so that a walk
 * holds one of each at a time, however much has changed since. Throws BizraError 'query_too_large' after `rowsMax` undo
 * rows and deletions: a range that is empty may have had millions of keys.
 */
export async function* walkPast(
  snapshot: KeyValueSnapshot,
  store: StoreName,
  range: StoreRange,
  height: number,
  checks: WalkChecks,
  rowsMax = PAST_ROWS_MAX,
): AsyncGenerator<WalkedEntry> {
  let rows = 0;
  const countRow = (): void => {
    if (++rows > rowsMax) throw tooLarge(rowsMax);
  };
  const direction = range.reverse === true ? -1 : 1;
  const sources = {
    leaf: new Pulled(leaves(snapshot, store, range)),
    undo: new Pulled(firstAfter(height, undoRows(snapshot, store, range, countRow))),
    deletion: new Pulled(deletions(snapshot, store, range, countRow)),
  };
  try {
    for (;;) {
      await Promise.all([sources.leaf.fill(), sources.undo.fill(), sources.deletion.fill()]);
      const keys = [sources.leaf, sources.undo, sources.deletion].flatMap((source) => source.next?.key ?? []);
      if (keys.length === 0) return;
      const key = keys.reduce((least, other) => (direction * compareBytes(other, least) < 0 ? other : least));
      const undo = sources.undo.take(key);
      const leaf = sources.leaf.take(key);
      const deletion = sources.deletion.take(key);
      if (undo !== undefined) {
        const value = checks.undo(key, undo.before, undo.rowKey);
        if (value !== undefined) yield [key, value];
      } else if (leaf !== undefined) {
        yield [key, checks.leaf(key, leaf.row)];
      } else if (deletion !== undefined) {
        checks.deletion(key, deletion.height);
      }
    }
  } finally {
    await Promise.all([sources.leaf.close(), sources.undo.close(), sources.deletion.close()]);
  }
}

interface Keyed {
  readonly key: Uint8Array;
}

/** An ordered source of which one entry is looked at before it is taken. */
class Pulled<Entry extends Keyed> {
  next: Entry | undefined;
  private readonly source: AsyncGenerator<Entry>;
  private ended = false;

  constructor(source: AsyncGenerator<Entry>) {
    this.source = source;
  }

  async fill(): Promise<void> {
    if (this.next !== undefined || this.ended) return;
    const { value, done } = await this.source.next();
    if (done === true) this.ended = true;
    else this.next = value;
  }

  /** The next entry, if it is of this key. */
  take(key: Uint8Array): Entry | undefined {
    const { next } = this;
    if (next === undefined || !equalBytes(next.key, key)) return undefined;
    this.next = undefined;
    return next;
  }

  async close(): Promise<void> {
    await this.source.return(undefined);
  }
}

interface LeafRow extends Keyed {
  readonly row: Uint8Array;
}

interface UndoRow extends Keyed {
  readonly height: number;
  readonly rowKey: Uint8Array;
  readonly before: Before;
}

interface DeletionRow extends Keyed {
  readonly height: number;
}

async function* leaves(snapshot: KeyValueSnapshot, store: StoreName, range: StoreRange): AsyncGenerator<LeafRow> {
  const prefix = leafPrefix(store);
  for await (const [rowKey, row] of snapshot.iterate(rawRange(prefix, range))) {
    yield { key: rowKey.slice(prefix.length), row };
  }
}

async function* deletions(
  snapshot: KeyValueSnapshot,
  store: StoreName,
  range: StoreRange,
  countRow: () => void,
): AsyncGenerator<DeletionRow> {
  const prefix = deletionPrefix(store);
  for await (const [rowKey, record] of snapshot.iterate(rawRange(prefix, range))) {
    countRow();
    yield { key: rowKey.slice(prefix.length), height: decodeDeletion(record, rowKey) };
  }
}

async function* undoRows(
  snapshot: KeyValueSnapshot,
  store: StoreName,
  range: StoreRange,
  countRow: () => void,
): AsyncGenerator<UndoRow> {
  const prefix = undoPrefix(store);
  for await (const [rowKey, record] of snapshot.iterate(undoRange(prefix, range))) {
    countRow();
    yield { ...parseUndoKey(rowKey, prefix.length), rowKey, before: decodeUndo(record, rowKey) };
  }
}

/** Of each key the first row above `height`, whichever way the rows come. */
async function* firstAfter(height: number, rows: AsyncGenerator<UndoRow>): AsyncGenerator<UndoRow> {
  let first: UndoRow | undefined;
  for await (const row of rows) {
    if (row.height <= height) continue;
    if (first !== undefined && !equalBytes(first.key, row.key)) {
      yield first;
      first = undefined;
    }
    if (first === undefined || row.height < first.height) first = row;
  }
  if (first !== undefined) yield first;
}

/** Bounds of rows whose key is `rowPrefix` and then a raw key within the range. */
function rawRange(rowPrefix: Uint8Array, range: StoreRange): KeyRange {
  const start = range.start === undefined ? undefined : leafKey(rowPrefix, range.start);
  return bounds(leafKey(rowPrefix, range.prefix), start, start, range.reverse === true);
}

/** Bounds of undo rows, all heights, whose key is within the range. */
function undoRange(rowPrefix: Uint8Array, range: StoreRange): KeyRange {
  const start = range.start === undefined ? undefined : concatBytes(rowPrefix, orderedKey(range.start));
  // The heights of `start` itself follow it, so a walk that goes down begins behind them.
  const last = start === undefined ? undefined : prefixEnd(start);
  return bounds(concatBytes(rowPrefix, orderedKey(range.prefix, true)), start, last, range.reverse === true);
}

function bounds(
  low: Uint8Array,
  start: Uint8Array | undefined,
  last: Uint8Array | undefined,
  reverse: boolean,
): KeyRange {
  const end = prefixEnd(low);
  if (!reverse) {
    const gte = start !== undefined && compareBytes(start, low) > 0 ? start : low;
    return { gte, ...(end === undefined ? {} : { lt: end }) };
  }
  const lastIsBound = last !== undefined && (end === undefined || compareBytes(last, end) < 0);
  return { gte: low, ...(lastIsBound ? { lte: last } : end === undefined ? {} : { lt: end }), reverse };
}

function tooLarge(rowsMax: number): BizraError<StateErrorCode> {
  return new BizraError(
    'query_too_large',
    `more than ${rowsMax} changes are in the way: ask for a later height or a narrower prefix`,
  );
}
