import type { KeyValue, WriteBatch } from '#ports/key-value.ts';
import { type Block, decodeBlock } from '#types/block.ts';
import type { BlockId } from '#types/block-id.ts';
import { type Commit, decodeCommit, encodeCommit } from '#types/commit.ts';
import { type ConsensusParams, decodeConsensusParams, encodeConsensusParams } from '#types/params.ts';
import type { TxResult } from '#types/results.ts';
import { ValidatorSet } from '#types/validator-set.ts';
import { assert } from '#util/assert.ts';
import { equalBytes } from '#util/bytes.ts';
import { BizraError } from '#util/errors.ts';
import { LruMap } from '#util/lru-map.ts';
import { NEVER_PAUSE, type Pause } from '#util/pause.ts';
import {
  type BlockMeta,
  decodeHeight,
  decodeMeta,
  decodeOneResult,
  decodeResultRow,
  decodeUpdates,
  encodeHeight,
  encodeMeta,
  encodeResultRow,
  encodeUpdates,
  type HeightResults,
  hashKey,
  heightOfRow,
  RESULTS_PER_ROW,
  ROW,
  rowKey,
  singleKey,
} from './block-rows.ts';
import { checkedValue, damaged, withChecksum } from './checksummed.ts';
import type { StorageErrorCode } from './errors.ts';
import { decodeEvents, encodeEvents } from './result-codec.ts';

/**
 * Validators are stored when they change and at least this often. In between they are found by turning the proposer
 * wheel from there, so a lookup never walks further.
 */
const VALIDATORS_EVERY = 256;
/** Decoded blocks in memory: clients ask for the newest ones again and again. */
const CACHED_BLOCKS = 8;
/** Decoded validator sets in memory: the evidence of one block is about few of them. */
const CACHED_SETS = 8;

export type { BlockMeta, HeightResults } from './block-rows.ts';

/** A decided block, as its rows have it. */
export interface StoredBlock {
  readonly height: number;
  readonly blockId: BlockId;
  /** `encodeBlock(block)`. */
  readonly blockBytes: Uint8Array;
  readonly block: Block;
  /** The commit that decided it. */
  readonly commit: Commit;
  /** State after this height. */
  readonly appHash: Uint8Array;
}

/** One decided height, as it goes into its batch. */
export interface StoredHeight extends StoredBlock {
  /** Validators of `height + 1`, with the priorities of its round 0. */
  readonly validators: ValidatorSet;
  /** In force for `height + 1`. */
  readonly params: ConsensusParams;
}

/**
 * Decided blocks and what came of them, by height, from `base` to `head` without a gap. Everything is checksummed;
 * damage throws BizraError 'damaged'. `undefined` means that the height is outside of what is kept.
 */
export class BlockStore {
  private readonly kv: KeyValue;
  /** Last height that was seen in the database. */
  private visibleHead: number;
  /** Last height that was put into a batch, which may still be on its way. */
  private putHead: number;
  private baseHeight: number;
  /** What the newest stored rows of validators and parameters hold. */
  private lastValidators: { readonly height: number; readonly hash: Uint8Array } | undefined;
  private lastParams: Uint8Array | undefined;
  private readonly blocks = new LruMap<number, Block>(CACHED_BLOCKS);
  /** By the height of their row. */
  private readonly signerSets = new LruMap<number, ValidatorSet>(CACHED_SETS);

  private constructor(kv: KeyValue) {
    this.kv = kv;
    this.visibleHead = this.readHeight(ROW.head);
    this.putHead = this.visibleHead;
    this.baseHeight = this.readHeight(ROW.base);
  }

  /** Reads where the store stands. */
  static async open(kv: KeyValue): Promise<BlockStore> {
    const store = new BlockStore(kv);
    const validators = await store.newestRow(ROW.validators, Number.MAX_SAFE_INTEGER);
    if (validators !== undefined) {
      store.lastValidators = { height: validators.height, hash: ValidatorSet.decode(validators.value).hash() };
    }
    store.lastParams = (await store.newestRow(ROW.params, Number.MAX_SAFE_INTEGER))?.value;
    return store;
  }

  /** Last stored height; 0 before the first. */
  get head(): number {
    if (this.visibleHead < this.putHead && this.kv.get(rowKey(ROW.meta, this.putHead)) !== undefined) {
      this.visibleHead = this.putHead;
    }
    return this.visibleHead;
  }

  /** First kept height; 0 before the first. */
  get base(): number {
    return this.head === 0 ? 0 : this.baseHeight;
  }

  /** Validators and parameters of the first height: part of the batch that initialises the database. */
  putGenesis(batch: WriteBatch, initialHeight: number, validators: ValidatorSet, params: ConsensusParams): void {
    this.putValidators(batch, initialHeight, validators);
    this.putParams(batch, initialHeight, params);
  }

  /** Adds what a height's execution left to its batch: before or after `putHeight`, pausing between rows. */
  async putResults(
    batch: WriteBatch,
    height: number,
    { txResults, blockEvents, validatorUpdates }: HeightResults,
    txs: readonly Uint8Array[],
    pause: Pause = NEVER_PAUSE,
  ): Promise<void> {
    for (let from = 0, part = 0; from < txResults.length; from += RESULTS_PER_ROW, part++) {
      batch.put(rowKey(ROW.results, height, part), encodeResultRow(from, txResults, txs));
      await pause();
    }
    if (blockEvents.length > 0) batch.put(rowKey(ROW.events, height), withChecksum(encodeEvents(blockEvents)));
    if (validatorUpdates.length > 0) batch.put(rowKey(ROW.updates, height), encodeUpdates(validatorUpdates));
  }

  /** Adds a height to its batch, its results apart. The store counts on the batch: when it cannot be written, the process must stop. */
  putHeight(batch: WriteBatch, stored: StoredHeight): void {
    const { height, block } = stored;
    assert(this.putHead === 0 || height === this.putHead + 1, 'heights are stored in order');
    putBlock(batch, stored);
    this.putValidators(batch, height + 1, stored.validators);
    this.putParams(batch, height + 1, stored.params);
    batch.put(singleKey(ROW.head), encodeHeight(height));
    if (this.baseHeight === 0) {
      batch.put(singleKey(ROW.base), encodeHeight(height));
      this.baseHeight = height;
    }
    // The height before was written: its batch comes first.
    this.visibleHead = this.putHead;
    this.putHead = height;
    this.blocks.set(height, block);
  }

  /** The same block once more, where its rows were damaged. Its results are not touched. */
  putAgain(batch: WriteBatch, stored: StoredBlock): void {
    assert(stored.height <= this.head, 'the height was stored before');
    putBlock(batch, stored);
  }

  meta(height: number): BlockMeta | undefined {
    const row = this.row(ROW.meta, height, 'block meta');
    return row === undefined ? undefined : decodeMeta(row);
  }

  /** `encodeBlock` of the block. */
  blockBytes(height: number): Uint8Array | undefined {
    return this.row(ROW.block, height, 'block');
  }

  block(height: number): Block | undefined {
    const cached = this.blocks.get(height);
    if (cached !== undefined && height <= this.head) return cached;
    const bytes = this.blockBytes(height);
    if (bytes === undefined) return undefined;
    const block = decodeBlock(bytes, bytes.length);
    this.blocks.set(height, block);
    return block;
  }

  /** Height of the block with this header hash. */
  heightOf(blockHash: Uint8Array): number | undefined {
    const key = hashKey(blockHash);
    const record = this.kv.get(key);
    return record === undefined ? undefined : decodeHeight(checkedValue(record, key, 'height of a block hash'));
  }

  /** The commit that decided `height` here; the one in the next block may hold more signatures. */
  commit(height: number): Commit | undefined {
    const row = this.row(ROW.commit, height, 'commit');
    return row === undefined ? undefined : decodeCommit(row);
  }

  /** All results of a height. */
  results(height: number): HeightResults | undefined {
    const block = this.block(height);
    if (block === undefined) return undefined;
    const txResults: TxResult[] = [];
    while (txResults.length < block.txs.length) {
      txResults.push(...decodeResultRow(this.resultRow(height, txResults.length), txResults.length, block.txs));
    }
    const eventsKey = rowKey(ROW.events, height);
    const events = this.kv.get(eventsKey);
    const blockEvents = events === undefined ? [] : decodeEvents(checkedValue(events, eventsKey, 'block events'));
    const updatesKey = rowKey(ROW.updates, height);
    const updates = this.kv.get(updatesKey);
    const validatorUpdates =
      updates === undefined ? [] : decodeUpdates(checkedValue(updates, updatesKey, 'validator updates'));
    return { txResults, blockEvents, validatorUpdates };
  }

  /** A transaction with its result. */
  tx(height: number, index: number): { readonly tx: Uint8Array; readonly result: TxResult } | undefined {
    const tx = this.block(height)?.txs[index];
    if (tx === undefined) return undefined;
    return { tx, result: decodeOneResult(this.resultRow(height, index), index % RESULTS_PER_ROW, tx) };
  }

  /**
   * Validators that sign `height`, from the first height to the one after the head, with the priorities of round 0.
   * Throws BizraError 'not_stored' for any other height.
   */
  async validators(height: number): Promise<ValidatorSet> {
    const row = this.covers(height) ? await this.newestRow(ROW.validators, height) : undefined;
    if (row === undefined) throw notStored('validators', height);
    let validators = ValidatorSet.decode(row.value);
    // One step a height, as the chain did it: several at once round differently.
    for (let at = row.height; at < height; at++) validators = validators.incremented(1);
    return validators;
  }

  /** As `validators`, with priorities of some earlier height: found without turning the wheel. */
  async signers(height: number): Promise<ValidatorSet> {
    const row = this.covers(height) ? await this.newestRow(ROW.validators, height) : undefined;
    if (row === undefined) throw notStored('validators', height);
    const known = this.signerSets.get(row.height) ?? ValidatorSet.decode(row.value);
    this.signerSets.set(row.height, known);
    return known;
  }

  /** Parameters in force for `height`; as `validators`. */
  async params(height: number): Promise<ConsensusParams> {
    const row = this.covers(height) ? await this.newestRow(ROW.params, height) : undefined;
    if (row === undefined) throw notStored('consensus parameters', height);
    return decodeConsensusParams(row.value);
  }

  private covers(height: number): boolean {
    return height >= Math.max(this.base, 1) && (this.head === 0 || height <= this.head + 1);
  }

  private putValidators(batch: WriteBatch, height: number, validators: ValidatorSet): void {
    const hash = validators.hash();
    const last = this.lastValidators;
    if (last !== undefined && equalBytes(last.hash, hash) && height - last.height < VALIDATORS_EVERY) return;
    batch.put(rowKey(ROW.validators, height), withChecksum(validators.encode()));
    this.lastValidators = { height, hash };
  }

  private putParams(batch: WriteBatch, height: number, params: ConsensusParams): void {
    const bytes = encodeConsensusParams(params);
    if (this.lastParams !== undefined && equalBytes(this.lastParams, bytes)) return;
    batch.put(rowKey(ROW.params, height), withChecksum(bytes));
    this.lastParams = bytes;
  }

  /** A row that every kept height has: its absence is damage. */
  private row(kind: number, height: number, what: string): Uint8Array | undefined {
    if (height < 1 || height < this.baseHeight || height > this.head) return undefined;
    const key = rowKey(kind, height);
    const record = this.kv.get(key);
    if (record === undefined) throw damaged(key, what);
    return checkedValue(record, key, what);
  }

  private resultRow(height: number, index: number): Uint8Array {
    const key = rowKey(ROW.results, height, Math.floor(index / RESULTS_PER_ROW));
    const record = this.kv.get(key);
    if (record === undefined) throw damaged(key, 'results');
    return checkedValue(record, key, 'results');
  }

  /** The row of a kind that was stored last at or below `height`. */
  private async newestRow(kind: number, height: number): Promise<{ height: number; value: Uint8Array } | undefined> {
    const range = { gte: rowKey(kind, 0), lte: rowKey(kind, height), reverse: true, limit: 1 };
    for await (const [key, record] of this.kv.iterate(range)) {
      return { height: heightOfRow(key), value: checkedValue(record, key, 'validators or parameters').slice() };
    }
    return undefined;
  }

  private readHeight(kind: number): number {
    const key = singleKey(kind);
    const record = this.kv.get(key);
    return record === undefined ? 0 : decodeHeight(checkedValue(record, key, 'height of the block store'));
  }
}

function putBlock(batch: WriteBatch, { height, blockId, block, blockBytes, commit, appHash }: StoredBlock): void {
  const { header, txs } = block;
  const meta: BlockMeta = { blockId, header, txCount: txs.length, size: blockBytes.length, appHash };
  batch.put(rowKey(ROW.meta, height), encodeMeta(meta));
  batch.put(rowKey(ROW.block, height), withChecksum(blockBytes));
  batch.put(rowKey(ROW.commit, height), withChecksum(encodeCommit(commit)));
  batch.put(hashKey(blockId.hash), encodeHeight(height));
}

function notStored(what: string, height: number): BizraError<StorageErrorCode> {
  return new BizraError('not_stored', `the ${what} of height ${height} are not stored: ask for a height that is kept`);
}
