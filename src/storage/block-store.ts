import type { KeyValue, WriteBatch } from '#ports/key-value.ts';
import { type Block, decodeBlock } from '#types/block.ts';
import { type Commit, decodeCommit, hashCommit } from '#types/commit.ts';
import type { ConsensusParams } from '#types/params.ts';
import type { TxResult } from '#types/results.ts';
import type { ValidatorSet } from '#types/validator-set.ts';
import { assert } from '#util/assert.ts';
import { equalBytes } from '#util/bytes.ts';
import { BizraError } from '#util/errors.ts';
import { NEVER_PAUSE, type Pause } from '#util/pause.ts';
import { BlockPruner } from './block-pruner.ts';
import { BlockRanges } from './block-ranges.ts';
import { type Places, putResultRows, readResults, readResultsAt, resultRow } from './block-results.ts';
import {
  type BlockMeta,
  decodeHeight,
  decodeMeta,
  decodeOneResult,
  type HeightResults,
  hashKey,
  heightOfBlock,
  RESULTS_PER_ROW,
  ROW,
  rowKey,
  type SomeResults,
} from './block-rows.ts';
import { checkedValue, damaged } from './checksummed.ts';
import type { StorageErrorCode } from './errors.ts';
import { RecentBlocks } from './recent-blocks.ts';
import {
  putBlockRows,
  putCommit,
  putHeaderRows,
  type StoredBlock,
  type StoredHeader,
  type StoredHeight,
  type StoredSeed,
} from './stored-height.ts';
import { ValidatorRows } from './validator-rows.ts';

export type { BlockMeta, HeightResults } from './block-rows.ts';
export type { StoredBlock, StoredHeader, StoredHeight, StoredSeed } from './stored-height.ts';

/**
 * Decided blocks and what came of them, by height, from `base` to `head` without a gap; below, from `headerBase` on,
 * header rows: meta, commit, validators, parameters. Everything is checksummed; damage throws BizraError 'damaged'.
 * `undefined` means that the height is outside of what is kept.
 */
export class BlockStore {
  private readonly kv: KeyValue;
  private readonly ranges: BlockRanges;
  private readonly validatorRows: ValidatorRows;
  /** Heights whose rows were damaged and put again. */
  private readonly mended = new Set<number>();
  private readonly blocks = new RecentBlocks();

  private constructor(kv: KeyValue, ranges: BlockRanges, validatorRows: ValidatorRows) {
    this.kv = kv;
    this.ranges = ranges;
    this.validatorRows = validatorRows;
  }

  /** Reads where the store stands. */
  static async open(kv: KeyValue): Promise<BlockStore> {
    const ranges = new BlockRanges(kv);
    // Before the first height there are the rows of genesis, of whatever height it begins with.
    const newest = ranges.head === 0 ? Number.MAX_SAFE_INTEGER : ranges.head + 1;
    return new BlockStore(kv, ranges, await ValidatorRows.open(kv, newest));
  }

  /** Last stored height; 0 before the first. */
  get head(): number {
    return this.ranges.head;
  }

  /** First height with its block, results and index rows; 0 before the first height, `head + 1` behind a seed. */
  get base(): number {
    return this.ranges.base;
  }

  /** First height with header rows, at most `base`; 0 before the first height. */
  get headerBase(): number {
    return this.ranges.headerBase;
  }

  /** Validators and parameters of the first height: part of the batch that initialises the database. */
  putGenesis(batch: WriteBatch, initialHeight: number, validators: ValidatorSet, params: ConsensusParams): void {
    this.validatorRows.put(batch, initialHeight, validators, params);
  }

  /** The first rows of a store that begins behind a snapshot at `height`; the next height put is `height + 1`. */
  seed(batch: WriteBatch, seed: StoredSeed): void {
    const { height } = seed;
    this.ranges.putSeed(batch, height);
    putHeaderRows(batch, seed);
    this.validatorRows.putBelow(batch, height, seed.signers, false);
    this.validatorRows.put(batch, height + 1, seed.validators, seed.params);
  }

  /**
   * Header rows of the height below `headerBase`: one height a batch. Like `putHeight`, the store counts on the batch.
   */
  putHeader(batch: WriteBatch, stored: StoredHeader): void {
    const { height, header } = stored;
    const above = this.meta(height + 1);
    this.ranges.putLowerHeader(batch, height);
    putHeaderRows(batch, stored);
    const same = above !== undefined && equalBytes(above.header.validatorsHash, header.validatorsHash);
    this.validatorRows.putBelow(batch, height, stored.signers, same);
  }

  /** Adds what a height's execution left to its batch: before or after `putHeight`, pausing between rows. */
  putResults(
    batch: WriteBatch,
    height: number,
    results: HeightResults,
    txs: readonly Uint8Array[],
    pause: Pause = NEVER_PAUSE,
  ): Promise<void> {
    return putResultRows(batch, height, results, txs, pause);
  }

  /**
   * Adds a height to its batch, its results apart. The store counts on the batch: when it cannot be written, the process
   * must stop. The commit of the height before becomes the one that this block carries.
   */
  putHeight(batch: WriteBatch, stored: StoredHeight): void {
    const { height, block } = stored;
    this.ranges.putNextHead(batch, height);
    putBlockRows(batch, stored);
    // The first block carries none.
    if (block.lastCommit.signatures.length > 0) putCommit(batch, block.lastCommit);
    this.validatorRows.put(batch, height + 1, stored.validators, stored.params);
    this.blocks.set(height, block);
  }

  /** The same block once more, where its rows were damaged. Its results are not touched. */
  putAgain(batch: WriteBatch, stored: StoredBlock): void {
    assert(stored.height >= this.base && stored.height <= this.head, 'the block is kept');
    putBlockRows(batch, stored);
    this.mended.add(stored.height);
  }

  meta(height: number): BlockMeta | undefined {
    const row = this.row(ROW.meta, height, this.headerBase, 'block meta');
    if (row === undefined) return undefined;
    const meta = decodeMeta(row);
    checkHeight(ROW.meta, height, meta.header.height, 'block meta');
    return meta;
  }

  /** `encodeBlock` of the block. */
  blockBytes(height: number): Uint8Array | undefined {
    const bytes = this.row(ROW.block, height, this.base, 'block');
    if (bytes !== undefined) checkHeight(ROW.block, height, heightOfBlock(bytes), 'block');
    return bytes;
  }

  block(height: number): Block | undefined {
    if (height < this.base || height > this.head) return undefined;
    const cached = this.blocks.get(height);
    if (cached !== undefined) return cached;
    const bytes = this.row(ROW.block, height, this.base, 'block');
    if (bytes === undefined) return undefined;
    const block = decodeBlock(bytes, bytes.length);
    checkHeight(ROW.block, height, block.header.height, 'block');
    this.blocks.set(height, block);
    return block;
  }

  /** Height of the block with this header hash, which may be pruned already. */
  heightOf(blockHash: Uint8Array): number | undefined {
    const key = hashKey(blockHash);
    const record = this.kv.get(key);
    return record === undefined ? undefined : decodeHeight(checkedValue(record, key, 'height of a block hash'));
  }

  /** A commit that decided `height`: for the head the one that came together here, which may hold more signatures or less. */
  commit(height: number): Commit | undefined {
    const row = this.row(ROW.commit, height, this.headerBase, 'commit');
    if (row === undefined) return undefined;
    const commit = decodeCommit(row);
    checkHeight(ROW.commit, height, commit.height, 'commit');
    return commit;
  }

  /**
   * The commit of a height that all nodes agree on: the one in the next block, whether or not that is pruned. Undefined
   * for heights without header rows and for the head. Throws MachineError 'damaged'.
   */
  canonicalCommit(height: number): Commit | undefined {
    if (height < this.headerBase || height >= this.head) return undefined;
    const committed = this.meta(height + 1)?.header.lastCommitHash;
    const isCanonical = (one: Commit | undefined): boolean =>
      one !== undefined && committed !== undefined && equalBytes(hashCommit(one), committed);
    const commit = this.commit(height);
    if (isCanonical(commit)) return commit;
    // Rows of before this was so. A whole block is much to read for a commit.
    const carried = this.block(height + 1)?.lastCommit;
    if (isCanonical(carried)) return carried;
    throw damaged(rowKey(ROW.commit, height), 'commit');
  }

  /** Nobody reads below these heights any more: at once here, for good when it resolves. */
  raise(base: number, headerBase: number): Promise<void> {
    return this.ranges.raise(base, headerBase);
  }

  /** What is below the bases and still there, with what deletes it. */
  pruner(): BlockPruner {
    return new BlockPruner(this.kv, this.ranges, this.validatorRows, (height) => this.prunedBlock(height));
  }

  /** A block below the base that the pruner has not deleted yet. */
  private prunedBlock(height: number): Block {
    const key = rowKey(ROW.block, height);
    const record = this.kv.get(key, { unverified: true });
    if (record === undefined) throw damaged(key, 'block');
    const bytes = checkedValue(record, key, 'block');
    const block = decodeBlock(bytes, bytes.length);
    checkHeight(ROW.block, height, block.header.height, 'block');
    return block;
  }

  /** All results of a height. */
  results(height: number): HeightResults | undefined {
    const block = this.block(height);
    if (block === undefined) return undefined;
    return readResults(this.kv, height, block.txs);
  }

  /**
   * The same in slices, for a height whose block may be full: the results at these places, ascending, or at all when
   * undefined. Undefined, too, when the height is pruned meanwhile.
   */
  async resultsAt(height: number, places: Places, pause: Pause): Promise<SomeResults | undefined> {
    const isKept = (): boolean => height >= this.base && height <= this.head;
    if (!isKept()) return undefined;
    // Without transactions there is no need of the block.
    const txs = places?.length === 0 ? [] : (this.block(height)?.txs ?? []);
    return readResultsAt(this.kv, height, txs, places, { pause, isKept });
  }

  /** A transaction with its result. */
  tx(height: number, index: number): { readonly tx: Uint8Array; readonly result: TxResult } | undefined {
    const tx = this.block(height)?.txs[index];
    if (tx === undefined) return undefined;
    return { tx, result: decodeOneResult(resultRow(this.kv, height, index), index % RESULTS_PER_ROW, tx) };
  }

  /**
   * Validators that sign `height`, from `headerBase` to the height after the head, with the priorities of round 0 (those
   * of a height that came without its block are whatever came with it). Throws BizraError 'not_stored' for any other
   * height.
   */
  async validators(height: number): Promise<ValidatorSet> {
    const found = this.covers(height) ? await this.validatorRows.validators(height) : undefined;
    if (found === undefined) throw notStored('validators', height);
    return found;
  }

  /** As `validators`, with priorities of some earlier height: found without turning the wheel. */
  async signers(height: number): Promise<ValidatorSet> {
    const found = this.covers(height) ? await this.validatorRows.signers(height) : undefined;
    if (found === undefined) throw notStored('validators', height);
    return found;
  }

  /** Parameters in force for `height`; as `validators`. Unknown where the height came without its block. */
  async params(height: number): Promise<ConsensusParams> {
    const found = this.covers(height) ? await this.validatorRows.params(height) : undefined;
    if (found === undefined) throw notStored('consensus parameters', height);
    return found;
  }

  private covers(height: number): boolean {
    return height >= Math.max(this.headerBase, 1) && (this.head === 0 || height <= this.head + 1);
  }

  /**
   * A row that every height from `lowest` on has: its absence is damage, and it names its height. One that was mended
   * is found before the old one, whatever the file is like in which that lies.
   */
  private row(kind: number, height: number, lowest: number, what: string): Uint8Array | undefined {
    if (height < 1 || height < lowest || height > this.head) return undefined;
    const key = rowKey(kind, height);
    const record = this.kv.get(key, this.mended.has(height) ? { unverified: true } : { selfChecked: true });
    if (record === undefined) throw damaged(key, what);
    return checkedValue(record, key, what);
  }
}

/** A row that turned up under another key is whole and yet not the one that was asked for. */
function checkHeight(kind: number, height: number, found: number, what: string): void {
  if (found !== height) throw damaged(rowKey(kind, height), what);
}

function notStored(what: string, height: number): BizraError<StorageErrorCode> {
  return new BizraError('not_stored', `the ${what} of height ${height} are not stored: ask for a height that is kept`);
}
