import type { KeyValue, WriteBatch } from '#ports/key-value.ts';
import { type ConsensusParams, decodeConsensusParams, encodeConsensusParams } from '#types/params.ts';
import { ValidatorSet } from '#types/validator-set.ts';
import { equalBytes } from '#util/bytes.ts';
import { LruMap } from '#util/lru-map.ts';
import { heightOfRow, ROW, rowKey } from './block-rows.ts';
import { checkedValue, withChecksum } from './checksummed.ts';
import type { SlicedDeletes } from './sliced-deletes.ts';

/**
 * Validators are stored when they change and at least this often. In between they are found by turning the proposer
 * wheel from there, so a lookup never walks further.
 */
const VALIDATORS_EVERY = 256;
/** Decoded validator sets in memory: the evidence of one block is about few of them. */
const CACHED_SETS = 8;

/** Validator sets and parameters by height: a row holds until the next one. */
export class ValidatorRows {
  private readonly kv: KeyValue;
  /** What the newest stored rows of validators and parameters hold. */
  private lastValidators: { readonly height: number; readonly hash: Uint8Array } | undefined;
  private lastParams: Uint8Array | undefined;
  /** By the height of their row. */
  private readonly signerSets = new LruMap<number, ValidatorSet>(CACHED_SETS);

  private constructor(kv: KeyValue) {
    this.kv = kv;
  }

  /** `newest` is the last height that has validators. */
  static async open(kv: KeyValue, newest: number): Promise<ValidatorRows> {
    const rows = new ValidatorRows(kv);
    const validators = await rows.rowFor(ROW.validators, newest);
    if (validators !== undefined) {
      rows.lastValidators = { height: validators.height, hash: ValidatorSet.decode(validators.value).hash() };
    }
    rows.lastParams = (await rows.rowFor(ROW.params, newest))?.value;
    return rows;
  }

  put(batch: WriteBatch, height: number, validators: ValidatorSet, params: ConsensusParams): void {
    this.putValidators(batch, height, validators);
    const bytes = encodeConsensusParams(params);
    if (this.lastParams !== undefined && equalBytes(this.lastParams, bytes)) return;
    batch.put(rowKey(ROW.params, height), withChecksum(bytes));
    this.lastParams = bytes;
  }

  /** Validators of `height`, whose rows below come later: the row of the height above moves down while they are the same. */
  putBelow(batch: WriteBatch, height: number, validators: ValidatorSet, sameAbove: boolean): void {
    batch.put(rowKey(ROW.validators, height), withChecksum(validators.encode()));
    if (sameAbove && (height + 1) % VALIDATORS_EVERY !== 0) batch.delete(rowKey(ROW.validators, height + 1));
    this.signerSets.delete(height + 1);
  }

  /** Validators of `height` with the priorities of its round 0; undefined where no row reaches. */
  async validators(height: number): Promise<ValidatorSet | undefined> {
    const row = await this.rowFor(ROW.validators, height);
    if (row === undefined) return undefined;
    let validators = ValidatorSet.decode(row.value);
    // One step a height, as the chain did it: several at once round differently.
    for (let at = row.height; at < height; at++) validators = validators.incremented(1);
    return validators;
  }

  /** As `validators`, with priorities of some earlier height. */
  async signers(height: number): Promise<ValidatorSet | undefined> {
    const row = await this.rowFor(ROW.validators, height);
    if (row === undefined) return undefined;
    const known = this.signerSets.get(row.height) ?? ValidatorSet.decode(row.value);
    this.signerSets.set(row.height, known);
    return known;
  }

  async params(height: number): Promise<ConsensusParams | undefined> {
    const row = await this.rowFor(ROW.params, height);
    return row === undefined ? undefined : decodeConsensusParams(row.value);
  }

  /** Deletes the rows that no height from `base` on needs. */
  async deleteBelow(deletes: SlicedDeletes, base: number): Promise<void> {
    for (const kind of [ROW.validators, ROW.params]) {
      const needed = await this.rowFor(kind, base);
      if (needed === undefined) continue;
      for await (const [key] of this.kv.iterate({ gte: rowKey(kind, 0), lt: rowKey(kind, needed.height) })) {
        await deletes.delete(key);
      }
    }
  }

  private putValidators(batch: WriteBatch, height: number, validators: ValidatorSet): void {
    const hash = validators.hash();
    const last = this.lastValidators;
    if (last !== undefined && equalBytes(last.hash, hash) && height - last.height < VALIDATORS_EVERY) return;
    batch.put(rowKey(ROW.validators, height), withChecksum(validators.encode()));
    this.lastValidators = { height, hash };
  }

  /** The row of a kind that was stored last at or below `height`. */
  private async rowFor(kind: number, height: number): Promise<{ height: number; value: Uint8Array } | undefined> {
    const range = { gte: rowKey(kind, 0), lte: rowKey(kind, height), reverse: true, limit: 1 };
    for await (const [key, record] of this.kv.iterate(range)) {
      return { height: heightOfRow(key), value: checkedValue(record, key, 'validators or parameters').slice() };
    }
    return undefined;
  }
}
