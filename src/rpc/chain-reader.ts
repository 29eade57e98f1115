import type { Block } from '#types/block.ts';
import type { TxResult } from '#types/results.ts';
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

/** A block with what came of its transactions. */
export interface ExecutedBlock {
  readonly block: Block;
  readonly txResults: readonly TxResult[];
}

/** Reads by height with CometBFT's refusals, so that "not there" is always said in the words that clients match. */
export class ChainReader {
  private readonly node: Chain;
  private readonly executed = new Map<number, ExecutedBlock>();

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

  /** Not kept here: who asks for a whole block has all of it then. */
  async block(height: number): Promise<StoredBlock> {
    return this.present(await this.node.block(height), height);
  }

  /** Not kept here, either. */
  async blockResults(height: number): Promise<BlockResults> {
    return this.present(await this.node.results(height), height);
  }

  /** For single transactions: who asks for one is likely to ask for more of the block. */
  async executedBlock(height: number): Promise<ExecutedBlock> {
    const kept = this.executed.get(height);
    if (kept !== undefined) return kept;
    const { block } = await this.block(height);
    const { txResults } = await this.blockResults(height);
    const executed = { block, txResults };
    this.executed.delete(height);
    this.executed.set(height, executed);
    this.dropOldest();
    return executed;
  }

  /** Turns "not kept" into the refusal that names the lowest height. */
  present<T>(value: T | undefined, height: number): T {
    if (value === undefined) throw unavailable(height, this.node.base());
    return value;
  }

  private dropOldest(): void {
    let txs = 0;
    for (const { txResults } of this.executed.values()) txs += txResults.length;
    for (const [height, { txResults }] of this.executed) {
      const { size } = this.executed;
      if (size === 1 || (size <= CACHED_HEIGHTS && txs <= CACHED_TXS)) return;
      this.executed.delete(height);
      txs -= txResults.length;
    }
  }
}

function unavailable(height: number, base: number): Error {
  return refuse(`height ${height} is not available, lowest height is ${base}`);
}
