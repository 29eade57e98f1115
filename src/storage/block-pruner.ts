import type { KeyValue, ReadOptions } from '#ports/key-value.ts';
import type { Block } from '#types/block.ts';
import { encodeCommit } from '#types/commit.ts';
import type { TxResult } from '#types/results.ts';
import { MachineError } from '#util/errors.ts';
import type { Pause } from '#util/pause.ts';
import type { BlockRanges } from './block-ranges.ts';
import { readBlockResults, readResultRow } from './block-results.ts';
import {
  decodeMeta,
  encodeHeight,
  type HeightResults,
  hashKey,
  heightOfRow,
  RESULTS_PER_ROW,
  ROW,
  rowKey,
  singleKey,
} from './block-rows.ts';
import { checkedValue, damaged, withChecksum } from './checksummed.ts';
import type { SlicedDeletes } from './sliced-deletes.ts';
import type { ValidatorRows } from './validator-rows.ts';

/**
 * What is read to be deleted names its height, and decides nothing else: at worst some rows of a damaged height stay, which
 * nobody asks for. A look at the files for each row would take longer than all the rest.
 */
const TO_BE_DELETED: ReadOptions = { unverified: true };

/** A height below the base, as it was before its rows went. */
export interface PrunedHeight {
  readonly block: Block;
  readonly results: HeightResults;
}

/** Deletes what stands below the bases of a block store, the lowest height first. */
export class BlockPruner {
  private readonly kv: KeyValue;
  private readonly ranges: BlockRanges;
  private readonly validatorRows: ValidatorRows;
  private readonly blockAt: (height: number) => Block;
  /** Header rows below this height are deleted; undefined until it was looked up. */
  private sweptHeaders: number | undefined;

  constructor(kv: KeyValue, ranges: BlockRanges, validatorRows: ValidatorRows, blockAt: (height: number) => Block) {
    this.kv = kv;
    this.ranges = ranges;
    this.validatorRows = validatorRows;
    this.blockAt = blockAt;
  }

  /** The height whose block goes next; undefined when there is none. */
  get nextBlock(): number | undefined {
    const { head, base, sweptBlocks } = this.ranges;
    return head > 0 && sweptBlocks < base ? sweptBlocks : undefined;
  }

  /** What else is to be deleted with `nextBlock` can be found out from this. Throws MachineError 'damaged'. */
  async read(height: number, pause: Pause): Promise<PrunedHeight> {
    const block = this.blockAt(height);
    const txResults: TxResult[] = [];
    while (txResults.length < block.txs.length) {
      await pause();
      txResults.push(...readResultRow(this.kv, height, txResults.length, block.txs, TO_BE_DELETED));
    }
    return { block, results: { txResults, ...readBlockResults(this.kv, height, TO_BE_DELETED) } };
  }

  /**
   * Deletes the block and the results of `nextBlock`, and its hash; the header rows stay. `block` is undefined where it
   * is damaged. The mark goes with the last rows.
   */
  async deleteBlock(height: number, block: Block | undefined, deletes: SlicedDeletes): Promise<void> {
    const meta = this.meta(height);
    const txCount = block?.txs.length ?? meta?.txCount ?? 0;
    for (let part = 0; part * RESULTS_PER_ROW < txCount; part++) {
      await deletes.delete(rowKey(ROW.results, height, part));
    }
    // Rows that few heights have; deleting what is not there would leave a mark in the database.
    for (const kind of [ROW.events, ROW.updates]) {
      if (this.kv.get(rowKey(kind, height), TO_BE_DELETED) !== undefined) await deletes.delete(rowKey(kind, height));
    }
    if (meta !== undefined) await deletes.delete(hashKey(meta.blockId.hash));
    // These go in one batch, which only a delete ends. Rows of before a block's batch did so lack the commit that it carries.
    if (block !== undefined && height - 1 >= this.ranges.headerBase && block.lastCommit.signatures.length > 0)
      deletes.put(rowKey(ROW.commit, height - 1), withChecksum(encodeCommit(block.lastCommit)));
    deletes.put(singleKey(ROW.sweptBlocks), encodeHeight(height + 1));
    await deletes.delete(rowKey(ROW.block, height));
    await deletes.flush();
    this.ranges.sweptBlocks = height + 1;
  }

  /** Deletes the lowest header rows below `headerBase`. False when there are none. */
  async deleteHeader(deletes: SlicedDeletes): Promise<boolean> {
    this.sweptHeaders ??= await this.lowestHeader();
    const height = this.sweptHeaders;
    const { headerBase, sweptBlocks } = this.ranges;
    if (height >= Math.min(headerBase, sweptBlocks)) return false;
    await deletes.delete(rowKey(ROW.commit, height));
    deletes.put(singleKey(ROW.sweptHeaders), encodeHeight(height + 1));
    await deletes.delete(rowKey(ROW.meta, height));
    this.sweptHeaders = height + 1;
    if (this.sweptHeaders < headerBase) return true;
    await this.validatorRows.deleteBelow(deletes, headerBase);
    await deletes.flush();
    return false;
  }

  private async lowestHeader(): Promise<number> {
    const swept = this.ranges.read(ROW.sweptHeaders);
    if (swept > 0) return swept;
    const range = { gte: rowKey(ROW.meta, 0), lt: rowKey(ROW.meta, Number.MAX_SAFE_INTEGER), limit: 1 };
    for await (const [key] of this.kv.iterate(range)) return heightOfRow(key);
    return this.ranges.headerBase;
  }

  private meta(height: number): ReturnType<typeof decodeMeta> | undefined {
    const key = rowKey(ROW.meta, height);
    try {
      const record = this.kv.get(key, TO_BE_DELETED);
      if (record === undefined) throw damaged(key, 'block meta');
      const meta = decodeMeta(checkedValue(record, key, 'block meta'));
      // Its hash says which row goes with it.
      return meta.header.height === height ? meta : undefined;
    } catch (error) {
      if (error instanceof MachineError && error.code === 'damaged') return undefined;
      throw error;
    }
  }
}
