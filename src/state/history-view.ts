import { sha256 } from '#crypto/hash.ts';
import type { KeyRange, KeyValueSnapshot } from '#ports/key-value.ts';
import { damaged } from '#storage/checksummed.ts';
import { compareBytes, fromLatin1, toLatin1 } from '#util/bytes.ts';
import { BizraError } from '#util/errors.ts';
import type { StateErrorCode } from './errors.ts';
import type { LeafHasher } from './leaf-changes.ts';
import { NO_NODE } from './node-pool.ts';
import {
  changedKeysKey,
  decodeChangedKeys,
  decodeUndo,
  leafKey,
  leafPrefix,
  prefixEnd,
  undoKey,
  undoPrefix,
} from './rows.ts';
import type { StateView, StoreName, StoreRange } from './store.ts';
import type { Trie } from './trie.ts';
import { isSentinel, type Version } from './version.ts';

/** Keys that changed after the height of a walk and must be looked up one by one: about 50 us each. */
const CHANGED_KEYS_MAX = 100_000;

export interface ViewParts {
  readonly trie: Trie;
  readonly hasher: LeafHasher;
  readonly snapshot: KeyValueSnapshot;
  /** Version of the head within the snapshot, held for this view. */
  readonly head: Version;
  readonly height: number;
  /** Version at `height` where it is still kept, held for this view. */
  readonly version: Version | undefined;
  readonly onRelease: () => void;
}

/**
 * State at one height, read from a database snapshot: leaves for the head, and undo rows for the past. Every value is
 * checked: leaves against the tree, undo rows by their checksum and, where the tree is kept, against it as well.
 */
export class HistoryView implements StateView {
  readonly height: number;
  private readonly parts: ViewParts;
  private state: 'open' | 'expired' | 'released' = 'open';

  constructor(parts: ViewParts) {
    this.height = parts.height;
    this.parts = parts;
  }

  /** Head height when the view was opened. */
  get openedAt(): number {
    return this.parts.head.height;
  }

  /** The tree of `height`, when it is still kept. */
  get version(): Version | undefined {
    return this.parts.version;
  }

  async get(store: StoreName, key: Uint8Array): Promise<Uint8Array | undefined> {
    this.checkOpen();
    const index = this.storeIndex(store);
    if (key.length === 0 || isSentinel(key)) return undefined;
    return this.height === this.parts.head.height ? this.atHead(index, store, key) : this.inPast(index, store, key);
  }

  async *iterate(store: StoreName, range: StoreRange): AsyncGenerator<readonly [Uint8Array, Uint8Array]> {
    this.checkOpen();
    const index = this.storeIndex(store);
    let left = range.limit ?? Number.POSITIVE_INFINITY;
    if (left <= 0) return;
    const entries =
      this.height === this.parts.head.height
        ? this.walkHead(index, store, range, undefined)
        : this.walkPast(index, store, range);
    for await (const entry of entries) {
      yield entry;
      if (--left <= 0) return;
    }
  }

  async release(): Promise<void> {
    if (this.state === 'released') return;
    const expired = this.state === 'expired';
    this.state = 'released';
    if (!expired) await this.letGo();
  }

  /** Releases what the view pins; later reads throw BizraError 'view_expired'. */
  async expire(): Promise<void> {
    if (this.state !== 'open') return;
    this.state = 'expired';
    await this.letGo();
  }

  private async letGo(): Promise<void> {
    this.parts.head.release();
    this.parts.version?.release();
    this.parts.onRelease();
    await this.parts.snapshot.release();
  }

  private checkOpen(): void {
    if (this.state === 'open') return;
    throw new BizraError<StateErrorCode>(
      'view_expired',
      `the query at height ${this.height} took too long: ask for less at a time`,
    );
  }

  private storeIndex(store: StoreName): number {
    const index = this.parts.head.indexOf(store);
    if (index < 0) throw new BizraError<StateErrorCode>('unknown_store', `there is no store named ${store}`);
    return index;
  }

  private atHead(index: number, store: StoreName, key: Uint8Array): Uint8Array | undefined {
    const { trie, head, snapshot } = this.parts;
    const keyHash = sha256(key);
    const leaf = trie.find(head.rootAt(index), keyHash, 0);
    if (leaf === NO_NODE) return undefined;
    const row = leafKey(leafPrefix(store), key);
    return this.checked(leaf, keyHash, snapshot.get(row), row);
  }

  private async inPast(index: number, store: StoreName, key: Uint8Array): Promise<Uint8Array | undefined> {
    const prefix = undoPrefix(store);
    const rows = this.parts.snapshot.iterate({
      gte: undoKey(prefix, key, this.height + 1),
      lte: undoKey(prefix, key, this.parts.head.height),
      limit: 1,
    });
    for await (const [rowKey, record] of rows) {
      const value = decodeUndo(record, rowKey);
      this.checkPast(index, key, value, rowKey);
      return value;
    }
    return this.atHead(index, store, key);
  }

  private checkPast(index: number, key: Uint8Array, value: Uint8Array | undefined, row: Uint8Array): void {
    const { trie, version } = this.parts;
    if (version === undefined) return;
    const keyHash = sha256(key);
    const leaf = trie.find(version.rootAt(index), keyHash, 0);
    if (leaf !== NO_NODE) this.checked(leaf, keyHash, value, row);
    else if (value !== undefined) throw damaged(row, 'undo row');
  }

  private checked(leaf: number, keyHash: Uint8Array, value: Uint8Array | undefined, row: Uint8Array): Uint8Array {
    const hash = new Uint8Array(32);
    if (value !== undefined) this.parts.hasher.hash(hash, keyHash, 0, value);
    if (value === undefined || !this.parts.trie.nodes.hashEquals(leaf, hash, 0)) throw damaged(row, 'state value');
    return value;
  }

  private async *walkHead(
    index: number,
    store: StoreName,
    range: StoreRange,
    skip: ReadonlySet<string> | undefined,
  ): AsyncGenerator<readonly [Uint8Array, Uint8Array]> {
    const { trie, head, snapshot } = this.parts;
    const prefix = leafPrefix(store);
    for await (const [row, value] of snapshot.iterate(rowRange(prefix, range))) {
      this.checkOpen();
      const key = row.slice(prefix.length);
      if (skip?.has(toLatin1(key)) === true) continue;
      const keyHash = sha256(key);
      const leaf = trie.find(head.rootAt(index), keyHash, 0);
      if (leaf === NO_NODE) throw damaged(row, 'state value');
      yield [key, this.checked(leaf, keyHash, value, row)];
    }
  }

  /** The head's entries without those that changed since, merged with what these were. */
  private async *walkPast(
    index: number,
    store: StoreName,
    range: StoreRange,
  ): AsyncGenerator<readonly [Uint8Array, Uint8Array]> {
    const changed = await this.changedSince(store, range);
    const direction = range.reverse === true ? -1 : 1;
    const keys = [...changed].map(fromLatin1).sort((a, b) => direction * compareBytes(a, b));
    let next = 0;
    for await (const entry of this.walkHead(index, store, range, changed)) {
      for (; next < keys.length && direction * compareBytes(keys[next] as Uint8Array, entry[0]) < 0; next++) {
        yield* this.pastEntry(index, store, keys[next] as Uint8Array);
      }
      yield entry;
    }
    for (; next < keys.length; next++) yield* this.pastEntry(index, store, keys[next] as Uint8Array);
  }

  private async *pastEntry(
    index: number,
    store: StoreName,
    key: Uint8Array,
  ): AsyncGenerator<readonly [Uint8Array, Uint8Array]> {
    this.checkOpen();
    const value = await this.inPast(index, store, key);
    if (value !== undefined) yield [key, value];
  }

  /** Keys within the range that changed after `height`. */
  private async changedSince(store: StoreName, range: StoreRange): Promise<Set<string>> {
    const bounds = rowRange(new Uint8Array(0), range);
    const keys = new Set<string>();
    const rows = this.parts.snapshot.iterate({
      gte: changedKeysKey(this.height + 1),
      lte: changedKeysKey(this.parts.head.height),
    });
    for await (const [rowKey, record] of rows) {
      this.checkOpen();
      for (const key of decodeChangedKeys(record, rowKey).get(store) ?? []) {
        if (isWithin(key, bounds)) keys.add(toLatin1(key));
      }
      if (keys.size > CHANGED_KEYS_MAX) {
        throw new BizraError<StateErrorCode>(
          'query_too_large',
          `more than ${CHANGED_KEYS_MAX} entries changed since height ${this.height}: ask for a later height or a narrower prefix`,
        );
      }
    }
    return keys;
  }
}

/** Bounds of rows whose key is `rowPrefix` and then a raw key within the range. */
function rowRange(rowPrefix: Uint8Array, range: StoreRange): KeyRange {
  const low = leafKey(rowPrefix, range.prefix);
  const end = prefixEnd(low);
  const reverse = range.reverse === true;
  const start = range.start === undefined ? undefined : leafKey(rowPrefix, range.start);
  if (!reverse) {
    const gte = start !== undefined && compareBytes(start, low) > 0 ? start : low;
    return { gte, ...(end === undefined ? {} : { lt: end }) };
  }
  const startIsBound = start !== undefined && (end === undefined || compareBytes(start, end) < 0);
  const high = startIsBound ? { lte: start } : end === undefined ? {} : { lt: end };
  return { gte: low, ...high, reverse };
}

function isWithin(key: Uint8Array, bounds: KeyRange): boolean {
  if (bounds.gte !== undefined && compareBytes(key, bounds.gte) < 0) return false;
  if (bounds.lt !== undefined && compareBytes(key, bounds.lt) >= 0) return false;
  return bounds.lte === undefined || compareBytes(key, bounds.lte) <= 0;
}
