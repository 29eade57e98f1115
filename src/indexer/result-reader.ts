import type { LedgerEvent } from '#types/results.ts';
import type { Pause } from '#util/pause.ts';

/** Where the indexer looks at what its rows point to. */
export interface ResultReader {
  /** Lowest and highest height whose results are kept; 0 before the first. */
  base(): number;
  head(): number;
  results(height: number, wanted: WantedResults): Promise<EventSource | undefined>;
}

/** What a search looks at in one height. */
export interface WantedResults {
  /** Places of transactions, ascending; undefined for all of them. The block's own events are always wanted. */
  readonly txs: readonly number[] | undefined;
  /** Called between the transactions: a full block has thousands. */
  readonly pause: Pause;
}

export interface EventSource {
  /** By place; what was not wanted may be missing. */
  readonly txResults: readonly ({ readonly events: readonly LedgerEvent[] } | undefined)[];
  readonly blockEvents: readonly LedgerEvent[];
}
