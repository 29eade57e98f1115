import type { KeyValue } from '#ports/key-value.ts';
import type { Condition, Query } from '#types/query.ts';
import { meetsAll, type Plan, planOf } from './conditions.ts';
import { indexerError } from './errors.ts';
import type { ResultReader, TxPosition } from './indexer.ts';
import {
  BLOCK_SLOT,
  countRowKey,
  type Entry,
  heightOfKey,
  keyTag,
  readEntries,
  readNumbers,
  valueKey,
  valueRowKey,
} from './rows.ts';

/**
 * Units that one search may spend: a row or a match costs one, reading a height's results ten (about 10 and 100 us),
 * so that the worst search takes some seconds of yielding work and then says that it was too broad.
 */
export const DEFAULT_SEARCH_BUDGET = 200_000;
const ROW_COST = 1;
const MATCH_COST = 1;
const RESULTS_COST = 10;

/** Rows that are read of each condition at first, to see which one is the rarest. */
const FIRST_PAGE = 64;
/** Heights whose rows are fetched at once when a further condition is joined. */
const JOIN_PAGE = 256;

export interface SearchComponents {
  readonly kv: KeyValue;
  readonly reader: ResultReader;
  readonly txByHash: (hash: Uint8Array) => TxPosition | undefined;
}

/** Entries by height, ascending. */
type Candidates = Map<number, readonly Entry[]>;

/** One search, with its budget. */
export class Search {
  private readonly components: SearchComponents;
  private readonly query: Query;
  private left: number;

  constructor(components: SearchComponents, query: Query, options: { readonly budget: number }) {
    this.components = components;
    this.query = query;
    this.left = options.budget;
  }

  async txs(): Promise<TxPosition[]> {
    const plan = this.withinKept(planOf(this.query, 'tx'));
    if (plan.hash !== undefined) return this.byHash(plan);
    if (plan.lowest > plan.highest) return [];
    if (plan.attributes.length === 0) return this.allTxs(plan);
    const found: TxPosition[] = [];
    for await (const { height, slots } of this.matchingSlots(plan, (slot) => slot !== BLOCK_SLOT)) {
      for (const slot of slots) found.push({ height, index: slot - 1 });
    }
    return found;
  }

  async blocks(): Promise<number[]> {
    const plan = this.withinKept(planOf(this.query, 'block'));
    if (plan.lowest > plan.highest) return [];
    if (plan.attributes.length === 0) {
      this.spend((plan.highest - plan.lowest + 1) * MATCH_COST);
      return Array.from({ length: plan.highest - plan.lowest + 1 }, (_, i) => plan.lowest + i);
    }
    const found: number[] = [];
    for await (const { height } of this.matchingSlots(plan, (slot) => slot === BLOCK_SLOT)) found.push(height);
    return found;
  }

  private withinKept(plan: Plan): Plan {
    const { reader } = this.components;
    return {
      ...plan,
      lowest: Math.max(plan.lowest, reader.base(), 1),
      highest: Math.min(plan.highest, reader.head()),
    };
  }

  private async byHash({ hash, lowest, highest, attributes }: Plan): Promise<TxPosition[]> {
    if (hash === undefined || hash === 'none') return [];
    const position = this.components.txByHash(hash);
    if (position === undefined || position.height < lowest || position.height > highest) return [];
    if (attributes.length === 0) return [position];
    const results = await this.components.reader.results(position.height);
    const events = results?.txResults[position.index]?.events ?? [];
    return events.some((event) => meetsAll(attributes, event)) ? [position] : [];
  }

  private async allTxs({ lowest, highest }: Plan): Promise<TxPosition[]> {
    const found: TxPosition[] = [];
    for await (const [height, count] of this.countRows(lowest, highest)) {
      this.spend(count * MATCH_COST);
      for (let index = 0; index < count; index++) found.push({ height, index });
    }
    return found;
  }

  private async *countRows(lowest: number, highest: number): AsyncGenerator<readonly [height: number, count: number]> {
    const range = { gte: countRowKey(lowest), lte: countRowKey(highest) };
    for await (const [key, row] of this.components.kv.iterate(range)) {
      this.spend(ROW_COST);
      yield [heightOfKey(key), readNumbers(key, row)[0] ?? 0];
    }
  }

  /** Heights that match, ascending, with the matching slots, ascending. */
  private async *matchingSlots(
    plan: Plan,
    isWanted: (slot: number) => boolean,
  ): AsyncGenerator<{ readonly height: number; readonly slots: readonly number[] }> {
    const candidates = await this.candidates(plan, isWanted);
    const heights = candidates === undefined ? this.scannedHeights(plan, isWanted) : candidates.keys();
    for await (const height of heights) {
      this.spend(RESULTS_COST);
      const results = await this.components.reader.results(height);
      if (results === undefined) continue;
      const sources = [results.blockEvents, ...results.txResults.map((result) => result.events)];
      const slots = candidates === undefined ? sources.keys() : slotsOf(candidates.get(height) ?? []);
      const matching = [...slots].filter(
        (slot) => isWanted(slot) && sources[slot]?.some((event) => meetsAll(plan.attributes, event)),
      );
      if (matching.length === 0) continue;
      this.spend(matching.length * MATCH_COST);
      yield { height, slots: matching };
    }
  }

  /** Without an equality to go by: every height that has anything. */
  private async *scannedHeights(plan: Plan, isWanted: (slot: number) => boolean): AsyncGenerator<number> {
    if (isWanted(BLOCK_SLOT)) {
      for (let height = plan.lowest; height <= plan.highest; height++) yield height;
      return;
    }
    for await (const [height] of this.countRows(plan.lowest, plan.highest)) yield height;
  }

  /** Entries that all equalities agree on; undefined when there is none to go by. */
  private async candidates(plan: Plan, isWanted: (slot: number) => boolean): Promise<Candidates | undefined> {
    if (plan.equalities.length === 0) return undefined;
    const { rarest, rows } = await this.rarest(plan);
    let joined = new Map([...rows].map(([height, entries]) => [height, entries.filter(({ slot }) => isWanted(slot))]));
    for (const condition of plan.equalities) {
      if (condition !== rarest) joined = await this.join(joined, condition);
    }
    return joined;
  }

  /** Reads the rows of all equalities in growing pages until one is read to its end: that is the rarest. */
  private async rarest(plan: Plan): Promise<{ readonly rarest: Condition; readonly rows: Candidates }> {
    for (let limit = FIRST_PAGE; ; limit *= 4) {
      for (const condition of plan.equalities) {
        const rows = await this.firstRows(condition, plan, limit);
        if (rows !== undefined) return { rarest: condition, rows };
      }
    }
  }

  /** The condition's rows within the plan's heights; undefined when there are `limit` or more. */
  private async firstRows(condition: Condition, plan: Plan, limit: number): Promise<Candidates | undefined> {
    const hash = valueKey(condition.operand?.text ?? '');
    const range = { gte: valueRowKey(hash, plan.lowest), lte: valueRowKey(hash, plan.highest), limit };
    const tag = keyTag(condition.key);
    const rows: Candidates = new Map();
    let count = 0;
    for await (const [key, row] of this.components.kv.iterate(range)) {
      this.spend(ROW_COST);
      count += 1;
      const entries = readEntries(key, row).filter((entry) => entry.tag === tag);
      if (entries.length > 0) rows.set(heightOfKey(key), entries);
    }
    return count < limit ? rows : undefined;
  }

  /** Keeps the entries whose event also has the condition's value. */
  private async join(candidates: Map<number, Entry[]>, condition: Condition): Promise<Map<number, Entry[]>> {
    const hash = valueKey(condition.operand?.text ?? '');
    const tag = keyTag(condition.key);
    const joined = new Map<number, Entry[]>();
    const heights = [...candidates.keys()];
    for (let start = 0; start < heights.length; start += JOIN_PAGE) {
      const page = heights.slice(start, start + JOIN_PAGE);
      this.spend(page.length * ROW_COST);
      const keys = page.map((height) => valueRowKey(hash, height));
      const rows = await this.components.kv.getMany(keys);
      page.forEach((height, i) => {
        const row = rows[i];
        if (row === undefined) return;
        const others = readEntries(keys[i] as Uint8Array, row).filter((entry) => entry.tag === tag);
        const places = new Set(others.map(placeOf));
        const kept = (candidates.get(height) ?? []).filter((entry) => places.has(placeOf(entry)));
        if (kept.length > 0) joined.set(height, kept);
      });
    }
    return joined;
  }

  private spend(cost: number): void {
    this.left -= cost;
    if (this.left >= 0) return;
    throw indexerError(
      'search_over_budget',
      'this search is too broad: name a height range (tx.height>=A AND tx.height<=B) or a rarer value',
    );
  }
}

function slotsOf(entries: readonly Entry[]): Set<number> {
  return new Set(entries.map((entry) => entry.slot));
}

/** Slot and event as one number: events of a slot are far fewer than 2^24. */
function placeOf({ slot, event }: Entry): number {
  return slot * 2 ** 24 + event;
}
