import { refuse } from './errors.ts';
import type { BlockResults, NodeApi, StoredBlock } from './node-api.ts';
import type { ParamValue } from './params.ts';

/** Decoded blocks kept for clients that ask for several transactions of one block. */
const CACHED_HEIGHTS = 4;
/**
 * Transactions in all of them, where it is more than one block: a decoded result takes some 5 KB. The last block
 * is kept whatever it holds, or a page of its transactions would decode it for each.
 */
const CACHED_TXS = 500;

type Chain = Pick<NodeApi, 'head' | 'base' | 'block' | 'results'>;

interface Kept<T> {
  readonly value: T;
  readonly txs: number;
}

/** Reads by height with CometBFT's refusals, so that "not there" is always said in the words that clients match. */
export class ChainReader {
  private readonly node: Chain;
  private readonly blocks = new Map<number, Kept<StoredBlock>>();
  private readonly results = new Map<number, Kept<BlockResults>>();

  constructor(node: Chain) {
    this.node = node;
  }

  /** The asked height, or the newest; within what is kept. `ahead` is 1 where the next height can be asked, too. */
  height(asked: ParamValue, ahead: 0 | 1 = 0): number {
    const latest = this.node.head() + ahead;
    if (asked === undefined) {
      if (latest === 0) throw refuse('no block has been committed yet');
      return latest;
    }
    const height = asked as number;
    if (height <= 0) throw refuse(`height must be greater than 0, but got ${height}`);
    if (height > latest) {
      throw refuse(`height ${height} must be less than or equal to the current blockchain height ${latest}`);
    }
    const base = this.node.base();
    if (height < base) throw unavailable(height, base);
    return height;
  }

  block(height: number): Promise<StoredBlock> {
    const count = ({ block }: StoredBlock): number => block.txs.length;
    return this.cached(this.blocks, height, count, () => this.node.block(height));
  }

  blockResults(height: number): Promise<BlockResults> {
    const count = ({ txResults }: BlockResults): number => txResults.length;
    return this.cached(this.results, height, count, () => this.node.results(height));
  }

  /** Turns "not kept" into the refusal that names the lowest height. */
  present<T>(value: T | undefined, height: number): T {
    if (value === undefined) throw unavailable(height, this.node.base());
    return value;
  }

  private async cached<T>(
    cache: Map<number, Kept<T>>,
    height: number,
    count: (value: T) => number,
    load: () => Promise<T | undefined>,
  ): Promise<T> {
    const kept = cache.get(height);
    if (kept !== undefined) return kept.value;
    const value = this.present(await load(), height);
    cache.delete(height);
    cache.set(height, { value, txs: count(value) });
    dropOldest(cache);
    return value;
  }
}

function dropOldest(cache: Map<number, Kept<unknown>>): void {
  let txs = 0;
  for (const kept of cache.values()) txs += kept.txs;
  for (const [height, kept] of cache) {
    if (cache.size === 1 || (cache.size <= CACHED_HEIGHTS && txs <= CACHED_TXS)) return;
    cache.delete(height);
    txs -= kept.txs;
  }
}

function unavailable(height: number, base: number): Error {
  return refuse(`height ${height} is not available, lowest height is ${base}`);
}
