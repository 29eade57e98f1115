import type { KeyRange, KeyValue } from '#ports/key-value.ts';
import type { Condition, Query } from '#types/query.ts';
import type { Pause } from '#util/pause.ts';
import { meetsAll, type Plan, planOf, type Subject } from './conditions.ts';
import { indexerError } from './errors.ts';
import type { TxPosition } from './indexer.ts';
import type { ResultReader } from './result-reader.ts';
import {
  BLOCK_SLOT,
  countRowKey,
  heightOfKey,
  keyTag,
  readEntries,
  readNumbers,
  valueKey,
  valueRowKey,
} from './rows.ts';

/**
 * Units that one search may spend, of about 10 us each, so that the worst search takes some seconds of yielding work
 * and then says that it was too broad. Whatever is read is paid for before it is kept.
 */
export const DEFAULT_SEARCH_BUDGET = 225_000;
const ROW_COST = 1;
/** A busy address stands in several entries of each of its transactions. */
const ENTRY_COST = 1 / 64;
const MATCH_COST = 1;
/** For a height that is looked at, and for each transaction whose result is decoded for it. */
const RESULTS_COST = 10;
const RESULT_COST = 1;
/** For each transaction of its block, which is read as a whole. */
const BLOCK_TX_COST = 1 / 32;

/** Rows that are counted of each condition at first, to see which one is the rarest. */
const FIRST_PAGE = 64;
/** Events of one slot are far fewer: slot and event make one number. */
const EVENTS_OF_SLOT = 2 ** 24;

export interface SearchComponents {
  readonly kv: KeyValue;
  readonly reader: ResultReader;
  readonly txByHash: (hash: Uint8Array) => TxPosition | undefined;
  readonly pause: Pause;
}

/** Slots of a height, ascending. */
interface HeightSlots {
  readonly height: number;
  readonly slots: readonly number[];
}

/** An equality as the rows have it. */
interface Equality {
  readonly hash: Uint8Array;
  readonly tag: number;
}

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
    for await (const { height, slots } of this.matchingSlots(plan, 'tx')) {
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
    for await (const { height } of this.matchingSlots(plan, 'block')) found.push(height);
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
    const { reader, pause } = this.components;
    const results = await reader.results(position.height, { txs: [position.index], pause });
    const events = results?.txResults[position.index]?.events ?? [];
    return events.some((event) => meetsAll(attributes, event)) ? [position] : [];
  }

  private async allTxs({ lowest, highest }: Plan): Promise<TxPosition[]> {
    const found: TxPosition[] = [];
    for await (const [height, count] of this.countRows(lowest, highest)) {
      this.spend(count * MATCH_COST);
      await this.components.pause();
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
  private async *matchingSlots(plan: Plan, subject: Subject): AsyncGenerator<HeightSlots> {
    const heights = plan.equalities.length === 0 ? this.scannedSlots(plan, subject) : this.indexedSlots(plan, subject);
    for await (const { height, slots } of heights) {
      const matching = await this.matching(plan, height, slots);
      if (matching.length > 0) yield { height, slots: matching };
    }
  }

  private async matching(plan: Plan, height: number, slots: readonly number[]): Promise<number[]> {
    const { reader, pause } = this.components;
    this.spend(RESULTS_COST + slots.length * RESULT_COST);
    const txs = slots.filter((slot) => slot !== BLOCK_SLOT).map((slot) => slot - 1);
    const results = await reader.results(height, { txs, pause });
    if (results === undefined) return [];
    this.spend(results.txResults.length * BLOCK_TX_COST);
    const matching: number[] = [];
    for (const slot of slots) {
      const wait = pause();
      if (wait !== undefined) await wait;
      const events = slot === BLOCK_SLOT ? results.blockEvents : results.txResults[slot - 1]?.events;
      if (events?.some((event) => meetsAll(plan.attributes, event))) matching.push(slot);
    }
    return matching;
  }

  /** Without an equality to go by: all slots of every height that has some. */
  private async *scannedSlots(plan: Plan, subject: Subject): AsyncGenerator<HeightSlots> {
    if (subject === 'block') {
      for (let height = plan.lowest; height <= plan.highest; height++) yield { height, slots: [BLOCK_SLOT] };
      return;
    }
    for await (const [height, count] of this.countRows(plan.lowest, plan.highest)) {
      yield { height, slots: Array.from({ length: count }, (_, index) => index + 1) };
    }
  }

  /** Slots with an event that all equalities agree on, one height at a time: a common value stands in millions. */
  private async *indexedSlots(plan: Plan, subject: Subject): AsyncGenerator<HeightSlots> {
    const rarest = await this.rarest(plan);
    const others = plan.equalities.filter((condition) => condition !== rarest).map(equalityOf);
    const { hash, tag } = equalityOf(rarest);
    const range = { gte: valueRowKey(hash, plan.lowest), lte: valueRowKey(hash, plan.highest) };
    for await (const [key, row] of this.components.kv.iterate(range)) {
      this.spend(ROW_COST);
      const height = heightOfKey(key);
      let places = await this.places(key, row, tag, subject);
      for (const other of others) {
        if (places.size > 0) places = await this.join(places, height, other, subject);
      }
      if (places.size > 0) yield { height, slots: slotsOf(places) };
    }
  }

  /** The condition in the fewest heights: rows are counted in growing pages until those of one come to their end. */
  private async rarest({ equalities, lowest, highest }: Plan): Promise<Condition> {
    if (equalities.length === 1) return equalities[0] as Condition;
    for (let limit = FIRST_PAGE; ; limit *= 4) {
      for (const condition of equalities) {
        const { hash } = equalityOf(condition);
        const range = { gte: valueRowKey(hash, lowest), lte: valueRowKey(hash, highest), limit };
        if ((await this.countOf(range)) < limit) return condition;
      }
    }
  }

  private async countOf(range: KeyRange): Promise<number> {
    let count = 0;
    for await (const _ of this.components.kv.iterate(range)) {
      this.spend(ROW_COST);
      count += 1;
      await this.components.pause();
    }
    return count;
  }

  /** The places that also have another value. */
  private async join(
    places: ReadonlySet<number>,
    height: number,
    { hash, tag }: Equality,
    subject: Subject,
  ): Promise<Set<number>> {
    this.spend(ROW_COST);
    const key = valueRowKey(hash, height);
    const [row] = await this.components.kv.getMany([key]);
    if (row === undefined) return new Set();
    const joined = await this.places(key, row, tag, subject);
    for (const place of joined) if (!places.has(place)) joined.delete(place);
    return joined;
  }

  /** Slots and events, each as one number, that a row has for one key. */
  private async places(key: Uint8Array, row: Uint8Array, tag: number, subject: Subject): Promise<Set<number>> {
    const places = new Set<number>();
    for (const entry of readEntries(key, row)) {
      this.spend(ENTRY_COST);
      const wait = this.components.pause();
      if (wait !== undefined) await wait;
      const isWanted = (entry.slot === BLOCK_SLOT) === (subject === 'block');
      if (isWanted && entry.tag === tag) places.add(entry.slot * EVENTS_OF_SLOT + entry.event);
    }
    return places;
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

function equalityOf({ key, operand }: Condition): Equality {
  return { hash: valueKey(operand?.text ?? ''), tag: keyTag(key) };
}

/** Places ascend, and so do their slots. */
function slotsOf(places: ReadonlySet<number>): number[] {
  const slots = new Set<number>();
  for (const place of places) slots.add(Math.floor(place / EVENTS_OF_SLOT));
  return [...slots];
}
