import { damaged } from '#storage/checksummed.ts';
import { equalBytes, toLatin1 } from '#util/bytes.ts';
import { BizraError } from '#util/errors.ts';
import { SerialQueue } from '#util/serial-queue.ts';
import type { StateErrorCode } from './errors.ts';
import type { HistoryView } from './history-view.ts';
import type { LeafHasher } from './leaf-changes.ts';
import type { StoreName } from './store.ts';
import type { Trie } from './trie.ts';
import { changedKeysHeight, changedKeysKey, decodeChangedKeys, decodeUndo, undoKey, undoPrefix } from './undo-rows.ts';
import { updateTree } from './update-tree.ts';
import { Version } from './version.ts';

/**
 * Leaves that differ between an old height and the nearest kept tree: some 20 us each on the way back, and at most 20
 * pairs of nodes of 80 bytes each while the tree is held.
 */
const LEAVES_MAX = 50_000;
/** Lists of changed keys that are read on the way, and their entries, repetitions included: some microseconds each. */
const LISTED_MAX = 1_000_000;
/** Leaves put back between two looks at whether the query is still wanted. */
const SLICE_LEAVES = 1_000;
/** Queries that wait for their turn. */
const WAITING_MAX = 16;
/** Pairs of nodes that are freed at once. */
const FREED = 10_000;

export interface ScratchOptions {
  readonly leavesMax?: number;
  readonly listedMax?: number;
  readonly pause: () => Promise<void>;
}

/** What is to be put back in one store, until it is a slice. */
type Slice = Map<StoreName, { readonly keys: Uint8Array[]; readonly rowKeys: Uint8Array[] }>;

/**
 * Trees of kept heights whose own trees are gone: made by putting values back into a later tree, one tree at a time and
 * within a budget. The last one is kept for the next query about its height.
 */
export class ScratchVersions {
  private readonly trie: Trie;
  private readonly hasher: LeafHasher;
  private readonly options: Required<ScratchOptions>;
  private readonly queue = new SerialQueue();
  private last: { readonly version: Version; readonly madePairs: number } | undefined;

  constructor({ trie, hasher }: { readonly trie: Trie; readonly hasher: LeafHasher }, options: ScratchOptions) {
    this.trie = trie;
    this.hasher = hasher;
    this.options = { leavesMax: LEAVES_MAX, listedMax: LISTED_MAX, ...options };
  }

  /**
   * The tree at the view's height, held for the caller, made from a later one that the view or the caller holds. Throws
   * BizraError 'query_too_large', 'query_busy' or 'view_expired', MachineError 'damaged' when what was stored does not
   * lead to the root of that height.
   */
  at(view: HistoryView, later: Version, madePairs: number): Promise<Version> {
    if (this.queue.size > WAITING_MAX) throw busy();
    return this.queue.run(async () => {
      const { last } = this;
      if (last?.version.height === view.height) return last.version.hold();
      view.checkOpen();
      const version = await this.make(view, later);
      this.forget();
      this.last = { version: version.hold(), madePairs };
      return version;
    });
  }

  /** Lets the kept tree go when it pins more than `pairsMax` pairs of nodes that are of no use otherwise. */
  age(madePairs: number, pairsMax: number): void {
    if (this.last !== undefined && madePairs - this.last.madePairs > pairsMax) this.forget();
  }

  private forget(): void {
    this.last?.version.release();
    this.last = undefined;
  }

  private async make(view: HistoryView, later: Version): Promise<Version> {
    const work = new Unwinding(this.trie, this.hasher, view, later, this.options);
    try {
      return await work.run();
    } finally {
      work.release();
      this.trie.nodes.collect(FREED);
    }
  }
}

/** One walk back from a tree to an earlier height. */
class Unwinding {
  private readonly trie: Trie;
  private readonly hasher: LeafHasher;
  private readonly view: HistoryView;
  private readonly later: Version;
  private readonly options: Required<ScratchOptions>;
  /** Owned, in the order of the stores; empty once they went to a version. */
  private roots: number[];
  /** Keys that were met, by store: of each the first change after the height counts. */
  private readonly seen = new Map<StoreName, Set<string>>();
  private slice: Slice = new Map();
  private sliceLeaves = 0;
  private leaves = 0;
  private listed = 0;

  constructor(trie: Trie, hasher: LeafHasher, view: HistoryView, later: Version, options: Required<ScratchOptions>) {
    this.trie = trie;
    this.hasher = hasher;
    this.view = view;
    this.later = later;
    this.options = options;
    this.roots = later.stores.map((_, index) => trie.nodes.retain(later.rootAt(index)));
  }

  async run(): Promise<Version> {
    const { view, later, trie } = this;
    let expected = view.height + 1;
    let appHash: Uint8Array | undefined;
    const range = { gte: changedKeysKey(view.height + 1), lte: changedKeysKey(later.height) };
    for await (const [rowKey, record] of view.snapshot.iterate(range)) {
      if (changedKeysHeight(rowKey) !== expected) break;
      const list = decodeChangedKeys(record, rowKey);
      appHash ??= list.appHashBefore;
      this.count(1);
      for (const [store, keys] of list.stores) await this.take(store, keys, expected);
      expected++;
      await this.options.pause();
      view.checkOpen();
    }
    // Every height has a list.
    if (expected !== later.height + 1) throw damaged(changedKeysKey(expected), 'list of changed keys');
    await this.putBack();
    const version = new Version(trie, view.height, later.stores, this.roots, 0);
    this.roots = [];
    if (appHash !== undefined && equalBytes(version.appHash, appHash)) return version;
    version.release();
    throw damaged(changedKeysKey(view.height + 1), 'list of changed keys, or an undo row that it leads to,');
  }

  /** Gives back what did not become a version. */
  release(): void {
    for (const root of this.roots) this.trie.nodes.release(root);
    this.roots = [];
  }

  private count(listed: number): void {
    this.listed += listed;
    if (this.listed > this.options.listedMax) throw tooLarge(this.view.height);
  }

  private async take(store: StoreName, keys: readonly Uint8Array[], height: number): Promise<void> {
    const { leavesMax } = this.options;
    this.count(keys.length);
    const prefix = undoPrefix(store);
    let seen = this.seen.get(store);
    if (seen === undefined) {
      seen = new Set();
      this.seen.set(store, seen);
    }
    for (const key of keys) {
      const latin1 = toLatin1(key);
      if (seen.has(latin1)) continue;
      seen.add(latin1);
      if (++this.leaves > leavesMax) throw tooLarge(this.view.height);
      const group = this.slice.get(store) ?? { keys: [], rowKeys: [] };
      group.keys.push(key);
      group.rowKeys.push(undoKey(prefix, key, height));
      this.slice.set(store, group);
      if (++this.sliceLeaves >= SLICE_LEAVES) await this.putBack();
    }
  }

  /** Puts the values of the slice into the trees. */
  private async putBack(): Promise<void> {
    const { trie, hasher, view } = this;
    const { pause } = this.options;
    const { slice } = this;
    this.slice = new Map();
    this.sliceLeaves = 0;
    for (const [store, { keys, rowKeys }] of slice) {
      view.checkOpen();
      const rows = await view.snapshot.getMany(rowKeys);
      const values = rows.map((row, i) => {
        const rowKey = rowKeys[i] as Uint8Array;
        if (row === undefined) throw damaged(rowKey, 'undo row');
        return decodeUndo(row, rowKey).value;
      });
      const index = this.later.indexOf(store);
      if (index < 0) throw damaged(rowKeys[0] as Uint8Array, 'undo row');
      const old = this.roots[index] as number;
      this.roots[index] = (await updateTree({ trie, hasher, pause }, old, { keys, values })).root;
      trie.nodes.release(old);
    }
  }
}

function tooLarge(height: number): BizraError<StateErrorCode> {
  return new BizraError(
    'query_too_large',
    `too much has changed since height ${height} for a proof of it: ask for a later height, or a node that keeps its tree`,
  );
}

function busy(): BizraError<StateErrorCode> {
  return new BizraError('query_busy', 'too many queries about old heights at once: ask again in some seconds');
}
