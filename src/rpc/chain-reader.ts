import { refuse } from './errors.ts';
import type { BlockResults, NodeApi, StoredBlock } from './node-api.ts';
import type { ParamValue } from './params.ts';

/** Decoded blocks kept for clients that ask for several transactions of one block: a few, as one may hold megabytes. */
const CACHED_HEIGHTS = 4;

/** Reads by height with CometBFT's refusals, so that "not there" is always said in the words that clients match. */
export class ChainReader {
  private readonly node: NodeApi;
  private readonly blocks = new Map<number, StoredBlock>();
  private readonly results = new Map<number, BlockResults>();

  constructor(node: NodeApi) {
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
    return this.cached(this.blocks, height, () => this.node.block(height));
  }

  blockResults(height: number): Promise<BlockResults> {
    return this.cached(this.results, height, () => this.node.results(height));
  }

  /** Turns "not kept" into the refusal that names the lowest height. */
  present<T>(value: T | undefined, height: number): T {
    if (value === undefined) throw unavailable(height, this.node.base());
    return value;
  }

  private async cached<T>(cache: Map<number, T>, height: number, load: () => Promise<T | undefined>): Promise<T> {
    const kept = cache.get(height);
    if (kept !== undefined) return kept;
    const loaded = this.present(await load(), height);
    cache.delete(height);
    cache.set(height, loaded);
    if (cache.size > CACHED_HEIGHTS) cache.delete(cache.keys().next().value as number);
    return loaded;
  }
}

function unavailable(height: number, base: number): Error {
  return refuse(`height ${height} is not available, lowest height is ${base}`);
}
