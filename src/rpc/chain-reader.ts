import { refuse } from './errors.ts';
import type { BlockResults, NodeApi, StoredBlock } from './node-api.ts';
import type { ParamValue } from './params.ts';

type Chain = Pick<NodeApi, 'head' | 'base' | 'block' | 'results'>;

/** Reads by height with CometBFT's refusals, so that "not there" is always said in the words that clients match. */
export class ChainReader {
  private readonly node: Chain;

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

  async block(height: number): Promise<StoredBlock> {
    return this.present(await this.node.block(height), height);
  }

  async blockResults(height: number): Promise<BlockResults> {
    return this.present(await this.node.results(height), height);
  }

  /** Turns "not kept" into the refusal that names the lowest height. */
  present<T>(value: T | undefined, height: number): T {
    if (value === undefined) throw unavailable(height, this.node.base());
    return value;
  }
}

function unavailable(height: number, base: number): Error {
  return refuse(`height ${height} is not available, lowest height is ${base}`);
}
