import type { KeyValue, ReadOptions, WriteBatch } from '#ports/key-value.ts';
import type { Query } from '#types/query.ts';
import type { LedgerEvent, TxResult } from '#types/results.ts';
import { toLatin1 } from '#util/bytes.ts';
import { MachineError } from '#util/errors.ts';
import { NEVER_PAUSE, type Pause } from '#util/pause.ts';
import { BlockEntries } from './block-entries.ts';
import { indexerError } from './errors.ts';
import type { ResultReader } from './result-reader.ts';
import { RowWriter } from './row-writer.ts';
import {
  BLOCK_SLOT,
  canonicalKey,
  countRowKey,
  keyTag,
  numbersRow,
  readNumbers,
  txRowKey,
  valueKey,
  valueRowKey,
} from './rows.ts';
import { DEFAULT_SEARCH_BUDGET, Search } from './search.ts';
import { SearchTurns } from './search-turns.ts';

/** What is indexed of one height. */
export interface IndexedBlock {
  readonly height: number;
  /** sha256 of each transaction, in block order. */
  readonly txHashes: readonly Uint8Array[];
  /** One a transaction. */
  readonly txResults: readonly TxResult[];
  readonly blockEvents: readonly LedgerEvent[];
}

export interface TxPosition {
  readonly height: number;
  /** Place in the block, from 0. */
  readonly index: number;
}

/** A transaction's row: a success takes the place of an earlier failure of the same bytes, and remembers it. */
interface TxRow {
  readonly position: TxPosition;
  readonly replaced: TxPosition | undefined;
}

/** What deletes the rows of a height that is pruned, in batches of its own. */
export interface RowDeletes {
  /** A promise to wait for when a batch is full. */
  delete(key: Uint8Array): Promise<void> | undefined;
  /** Begins to write what was deleted so far before it returns; resolves when that is written. */
  flush(): Promise<void>;
  /** Resolves when no block's batch is on its way. */
  whenQuiet(): Promise<void>;
}

export interface IndexerOptions {
  /** False writes no rows; searches and look-ups then say so. */
  readonly isEnabled: boolean;
  /** What one search may cost; see `search.ts`. */
  readonly searchBudget: number;
}

const DEFAULT_OPTIONS: IndexerOptions = { isEnabled: true, searchBudget: DEFAULT_SEARCH_BUDGET };

/** Composite keys whose tag is remembered; the ledger has about a hundred. */
const MAX_KNOWN_KEYS = 4096;

/** Rows of failures that are looked at and deleted at once: about a millisecond. */
const FAILURES_AT_ONCE = 64;

const NO_PLACES: ReadonlySet<number> = new Set();

/** Finds transactions and blocks by hash and by event. Its rows are written in the height's own batch. */
export class Indexer {
  private readonly kv: KeyValue;
  private readonly reader: ResultReader;
  private readonly options: IndexerOptions;
  private readonly searches = new SearchTurns();
  private readonly tags = new Map<string, Map<string, number>>();
  private knownKeys = 0;

  constructor(
    components: { readonly kv: KeyValue; readonly reader: ResultReader },
    options: Partial<IndexerOptions> = {},
  ) {
    this.kv = components.kv;
    this.reader = components.reader;
    this.options = { ...DEFAULT_OPTIONS, ...options };
  }

  /** Adds the height's rows to its batch, pausing between them. Indexing a height again writes the same rows. */
  async index(batch: WriteBatch, block: IndexedBlock, pause: Pause = NEVER_PAUSE): Promise<void> {
    if (!this.options.isEnabled) return;
    const { height, txHashes } = block;
    const writer = new RowWriter();
    if (txHashes.length > 0) {
      batch.put(countRowKey(height, writer), numbersRow([txHashes.length], writer));
      await this.indexHashes(batch, block, writer);
      await pause();
    }
    const entries = await this.entriesOf(block, pause);
    for (const [value, row] of entries.byValue()) {
      batch.put(valueRowKey(canonicalKey(value), height, writer), entries.write(writer, row));
      const wait = pause();
      if (wait !== undefined) await wait;
    }
  }

  /** Removes what `index` wrote for the same block, for a rollback and for pruning; what that had replaced comes back. */
  async remove(batch: WriteBatch, block: IndexedBlock): Promise<void> {
    const { height } = block;
    batch.delete(countRowKey(height));
    for (const hash of block.txHashes) {
      const row = this.txRow(hash);
      if (row?.position.height !== height) continue;
      const { replaced } = row;
      if (replaced === undefined || replaced.height < this.reader.base()) batch.delete(txRowKey(hash));
      else batch.put(txRowKey(hash), numbersRow([replaced.height, replaced.index]));
    }
    const entries = await this.entriesOf(block, NEVER_PAUSE);
    for (const value of entries.byValue().keys()) batch.delete(valueRowKey(canonicalKey(value), height));
  }

  /**
   * Deletes all rows that `index` wrote for a height that is pruned. It may be called when no height before it is kept
   * either.
   */
  async forget(block: IndexedBlock, deletes: RowDeletes, pause: Pause = NEVER_PAUSE): Promise<void> {
    const { height, txHashes, txResults, blockEvents } = block;
    const removeNext = (key: Uint8Array): Promise<void> | undefined => deletes.delete(key) ?? pause();
    if (txHashes.length > 0) await removeNext(countRowKey(height));
    const failed: Uint8Array[] = [];
    for (const [index, hash] of txHashes.entries()) {
      // A success is what is found from then on; the row of a failure may be that of another height.
      const wait = txResults[index]?.code === 0 ? removeNext(txRowKey(hash)) : void failed.push(hash);
      if (wait !== undefined) await wait;
    }
    await this.forgetFailures(height, failed, deletes);
    const values = new Set<string>();
    addIndexed(values, blockEvents);
    for (const { events } of txResults) {
      addIndexed(values, events);
      const wait = pause();
      if (wait !== undefined) await wait;
    }
    for (const value of values) {
      const wait = removeNext(valueRowKey(valueKey(value), height));
      if (wait !== undefined) await wait;
    }
  }

  /**
   * Where a transaction was executed. A transaction may be in several blocks (the later ones fail by its sequence): the
   * one that succeeded is found, else the first.
   */
  txByHash(hash: Uint8Array): TxPosition | undefined {
    this.requireEnabled();
    return this.position(hash);
  }

  /**
   * All transactions that match, in ascending order, pausing between what is read. Throws `search_over_budget` rather
   * than leave one out, `search_unsupported` for what the index cannot answer, and `search_busy`.
   */
  async searchTxs(query: Query, pause: Pause = NEVER_PAUSE): Promise<TxPosition[]> {
    return this.searches.run(() => this.search(query, pause).txs());
  }

  /** Heights of all blocks whose own events match, ascending. Throws as `searchTxs`. */
  async searchBlocks(query: Query, pause: Pause = NEVER_PAUSE): Promise<number[]> {
    return this.searches.run(() => this.search(query, pause).blocks());
  }

  private search(query: Query, pause: Pause): Search {
    this.requireEnabled();
    const components = { kv: this.kv, reader: this.reader, txByHash: (hash: Uint8Array) => this.position(hash), pause };
    return new Search(components, query, { budget: this.options.searchBudget });
  }

  /** What came of a failure's bytes later must not go with it: no block is written between the look at a row and its end. */
  private async forgetFailures(height: number, hashes: readonly Uint8Array[], deletes: RowDeletes): Promise<void> {
    for (let from = 0; from < hashes.length; from += FAILURES_AT_ONCE) {
      await deletes.flush();
      await deletes.whenQuiet();
      for (const hash of hashes.slice(from, from + FAILURES_AT_ONCE))
        if (this.isOfHeight(hash, height)) void deletes.delete(txRowKey(hash));
      await deletes.flush();
    }
  }

  /** A damaged row stays: it may be that of a later height. Many are looked at, and whatever is deleted is below the base. */
  private isOfHeight(hash: Uint8Array, height: number): boolean {
    try {
      return this.txRow(hash, { unverified: true })?.position.height === height;
    } catch (error) {
      if (error instanceof MachineError && error.code === 'damaged') return false;
      throw error;
    }
  }

  private position(hash: Uint8Array): TxPosition | undefined {
    return this.txRow(hash)?.position;
  }

  private txRow(hash: Uint8Array, options?: ReadOptions): TxRow | undefined {
    if (hash.length !== 32) return undefined;
    const key = txRowKey(hash);
    const row = this.kv.get(key, options);
    return row === undefined ? undefined : readTxRow(key, row);
  }

  private async indexHashes(batch: WriteBatch, block: IndexedBlock, writer: RowWriter): Promise<void> {
    const { height, txHashes, txResults } = block;
    const keys = txHashes.map((hash) => txRowKey(hash, writer));
    // On the way of each block. Where a damaged table hides a row, what is asked later is refused, whatever is written now.
    const rows = await this.kv.getMany(keys, { unverified: true });
    const repeated = txResults.every(({ code }) => code === 0) ? NO_PLACES : repeatedPlaces(txHashes);
    for (let index = 0; index < keys.length; index++) {
      const key = keys[index] as Uint8Array;
      const row = rows[index];
      const earlier = row === undefined ? undefined : earlierPosition(readTxRow(key, row), height);
      // The same bytes can only fail when they come again, and must not hide what they did before.
      if (txResults[index]?.code !== 0 && (earlier !== undefined || repeated.has(index))) continue;
      const replaced = earlier === undefined ? [] : [earlier.height, earlier.index];
      batch.put(key, numbersRow([height, index, ...replaced], writer));
    }
  }

  /** Entries of all attributes to index, by canonical value. */
  private async entriesOf({ blockEvents, txResults }: IndexedBlock, pause: Pause): Promise<BlockEntries> {
    const entries = new BlockEntries();
    this.addEvents(entries, BLOCK_SLOT, blockEvents);
    for (let index = 0; index < txResults.length; index++) {
      this.addEvents(entries, index + 1, (txResults[index] as TxResult).events);
      const wait = pause();
      if (wait !== undefined) await wait;
    }
    return entries;
  }

  private addEvents(entries: BlockEntries, slot: number, events: readonly LedgerEvent[]): void {
    for (let event = 0; event < events.length; event++) {
      const { type, attributes } = events[event] as LedgerEvent;
      const tags = this.tagsOf(type);
      for (const { key, value, index } of attributes) {
        if (index) entries.add(value, slot, event, tags.get(key) ?? this.addTag(tags, type, key));
      }
    }
  }

  /** Known tags of the type's keys. */
  private tagsOf(type: string): Map<string, number> {
    let tags = this.tags.get(type);
    if (tags === undefined) {
      if (this.knownKeys >= MAX_KNOWN_KEYS) {
        this.tags.clear();
        this.knownKeys = 0;
      }
      tags = new Map();
      this.tags.set(type, tags);
      this.knownKeys += 1;
    }
    return tags;
  }

  private addTag(tags: Map<string, number>, type: string, key: string): number {
    const tag = keyTag(`${type}.${key}`);
    // One event may have more keys than are remembered.
    if (this.knownKeys >= MAX_KNOWN_KEYS) return tag;
    tags.set(key, tag);
    this.knownKeys += 1;
    return tag;
  }

  private requireEnabled(): void {
    if (!this.options.isEnabled) throw indexerError('index_off', 'transaction indexing is disabled on this node');
  }
}

function readTxRow(key: Uint8Array, row: Uint8Array): TxRow {
  const [height = 0, index = 0, replacedHeight, replacedIndex = 0] = readNumbers(key, row);
  const replaced = replacedHeight === undefined ? undefined : { height: replacedHeight, index: replacedIndex };
  return { position: { height, index }, replaced };
}

/** Where the row's bytes were found before `height`, whether or not `height` is indexed already. */
function earlierPosition({ position, replaced }: TxRow, height: number): TxPosition | undefined {
  return position.height < height ? position : replaced;
}

/** Where bytes stand that are in the block before. */
function repeatedPlaces(hashes: readonly Uint8Array[]): Set<number> {
  const seen = new Set<string>();
  const places = new Set<number>();
  for (const [place, hash] of hashes.entries()) {
    const name = toLatin1(hash);
    if (seen.has(name)) places.add(place);
    else seen.add(name);
  }
  return places;
}

/** The values that `index` makes rows of. */
function addIndexed(values: Set<string>, events: readonly LedgerEvent[]): void {
  for (const { attributes } of events) {
    for (const { value, index } of attributes) if (index) values.add(value);
  }
}
