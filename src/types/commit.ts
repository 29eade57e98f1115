import { merkleRoot } from '#crypto/merkle.ts';
import { assert } from '#util/assert.ts';
import { EMPTY_BYTES, equalBytes, toHex } from '#util/bytes.ts';
import { type BlockId, isNilBlockId, NIL_BLOCK_ID, readBlockId, writeBlockId } from './block-id.ts';
import { canonicalVote } from './canonical.ts';
import { check } from './errors.ts';
import { MAX_VALIDATORS } from './limits.ts';
import { readTimestamp, type Time, writeTimestamp, ZERO_TIME } from './time.ts';
import type { ValidatorSet } from './validator-set.ts';
import { PRECOMMIT } from './vote.ts';
import { ADDRESS_BYTES, decodeWhole, type Reader, readMessage, required, SIGNATURE_BYTES } from './wire.ts';
import { encodeEach, encodeWith, type Writer } from './wire-writer.ts';

export const FLAG_ABSENT = 1;
export const FLAG_COMMIT = 2;
export const FLAG_NIL = 3;
export type BlockIdFlag = typeof FLAG_ABSENT | typeof FLAG_COMMIT | typeof FLAG_NIL;

/** Absent ones have an empty address and signature, and the zero time. */
export interface CommitSig {
  readonly flag: BlockIdFlag;
  readonly validatorAddress: Uint8Array;
  readonly timestamp: Time;
  readonly signature: Uint8Array;
}

/** Precommits of one height, one entry a validator, in the order of the validator set. */
export interface Commit {
  readonly height: number;
  readonly round: number;
  readonly blockId: BlockId;
  readonly signatures: readonly CommitSig[];
}

/** CometBFT: at most 109 bytes a signature, and 94 for the rest. */
export const MAX_COMMIT_OVERHEAD_BYTES = 94;
export const MAX_COMMIT_SIG_BYTES = 109;

export const MAX_COMMIT_BYTES = MAX_COMMIT_OVERHEAD_BYTES + MAX_VALIDATORS * (MAX_COMMIT_SIG_BYTES + 2);

/** The last commit of the first block. */
export const EMPTY_COMMIT: Commit = Object.freeze({
  height: 0,
  round: 0,
  blockId: NIL_BLOCK_ID,
  signatures: Object.freeze([]),
});

/** The entry of a validator whose precommit was not seen. */
export const ABSENT_COMMIT_SIG: CommitSig = Object.freeze({
  flag: FLAG_ABSENT,
  validatorAddress: EMPTY_BYTES,
  timestamp: ZERO_TIME,
  signature: EMPTY_BYTES,
});

/** last_commit_hash: Merkle root of the signatures alone. */
export function hashCommit(commit: Commit): Uint8Array {
  return merkleRoot(encodeEach(commit.signatures, writeCommitSig));
}

/** What validator `index` signed: a precommit for the commit's block, or for nil. It must not be absent. */
export function commitSignBytes(chainId: string, commit: Commit, index: number): Uint8Array {
  const sig = commit.signatures[index];
  assert(sig !== undefined && sig.flag !== FLAG_ABSENT, 'an absent validator signed nothing');
  return canonicalVote(chainId, {
    type: PRECOMMIT,
    height: commit.height,
    round: commit.round,
    blockId: sig.flag === FLAG_COMMIT ? commit.blockId : NIL_BLOCK_ID,
    timestamp: sig.timestamp,
  });
}

/**
 * The next block's time before the one-millisecond rule: over the commit-flag votes alone, sorted by timestamp, the
 * first at which the cumulative power reaches half of theirs, rounded up. (CometBFT 0.38 also weighs nil votes, which
 * lets those who do not follow the chain move its clock; from 0.40 on it does as we do.) `validators` are those that
 * signed. Throws `bad_commit` when entries and validators differ or nobody voted for the block.
 */
export function medianTime(commit: Commit, validators: ValidatorSet): Time {
  const { signatures } = commit;
  check(
    signatures.length === validators.size,
    'bad_commit',
    () => `commit has ${signatures.length} entries for ${validators.size} validators`,
  );
  const votes: { time: Time; power: bigint }[] = [];
  let total = 0n;
  for (const [index, sig] of signatures.entries()) {
    if (sig.flag !== FLAG_COMMIT) continue;
    const validator = validators.get(index);
    const matches = validator !== undefined && equalBytes(validator.address, sig.validatorAddress);
    check(matches, 'bad_commit', () => `address ${toHex(sig.validatorAddress)} does not belong to entry ${index}`);
    votes.push({ time: sig.timestamp, power: validator.votingPower });
    total += validator.votingPower;
  }
  votes.sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0));
  const half = (total + 1n) / 2n;
  let cumulative = 0n;
  const median = votes.find(({ power }) => {
    cumulative += power;
    return cumulative >= half;
  });
  check(median !== undefined, 'bad_commit', () => `commit of height ${commit.height} has no vote for its block`);
  return median.time;
}

export function encodeCommit(commit: Commit): Uint8Array {
  return encodeWith((writer) => writeCommit(writer, commit));
}

/**
 * Reads a commit: either the empty one, or a height, a complete block id and 1 to MAX_VALIDATORS signatures whose
 * fields fit their flags. Throws `bad_encoding` or `bad_time`.
 */
export function decodeCommit(bytes: Uint8Array): Commit {
  return decodeWhole(bytes, 'Commit', MAX_COMMIT_BYTES, readCommit);
}

/** The fields of a Commit message. */
export function writeCommit(writer: Writer, commit: Commit): void {
  writer.number(1, commit.height);
  writer.number(2, commit.round);
  writer.message(3, (inner) => writeBlockId(inner, commit.blockId));
  for (const sig of commit.signatures) writer.message(4, (inner) => writeCommitSig(inner, sig));
}

function writeCommitSig(writer: Writer, sig: CommitSig): void {
  writer.number(1, sig.flag);
  writer.bytes(2, sig.validatorAddress);
  writer.message(3, (inner) => writeTimestamp(inner, sig.timestamp));
  writer.bytes(4, sig.signature);
}

export function readCommit(reader: Reader): Commit {
  let height = 0;
  let round = 0;
  let id: BlockId | undefined;
  const signatures: CommitSig[] = [];
  readMessage(
    reader,
    (field) => {
      if (field === 1) height = reader.positiveInt53();
      else if (field === 2) round = reader.positiveInt32();
      else if (field === 3) id = reader.message(readBlockId);
      else if (field === 4) {
        if (signatures.length === MAX_VALIDATORS) throw reader.fault('too many signatures');
        signatures.push(reader.message(readCommitSig));
      } else return false;
      return true;
    },
    4,
  );
  const blockId = required(id, reader, 'block id');
  const isEmpty = height === 0 && round === 0 && isNilBlockId(blockId) && signatures.length === 0;
  if (isEmpty) return EMPTY_COMMIT;
  const isWhole = height > 0 && !isNilBlockId(blockId) && signatures.length > 0;
  if (!isWhole) throw reader.fault('commit without height, block id or signatures');
  return { height, round, blockId, signatures };
}

function readCommitSig(reader: Reader): CommitSig {
  let flag = 0;
  let validatorAddress = EMPTY_BYTES;
  let timestamp: Time | undefined;
  let signature = EMPTY_BYTES;
  readMessage(reader, (field) => {
    if (field === 1) flag = reader.uint32();
    else if (field === 2) validatorAddress = reader.bytes(ADDRESS_BYTES);
    else if (field === 3) timestamp = reader.message(readTimestamp);
    else if (field === 4) signature = reader.bytes(SIGNATURE_BYTES);
    else return false;
    return true;
  });
  const time = required(timestamp, reader, 'timestamp');
  if (flag === FLAG_ABSENT) {
    const isBlank = validatorAddress.length === 0 && time === ZERO_TIME && signature.length === 0;
    if (!isBlank) throw reader.fault('absent signature with content');
    return ABSENT_COMMIT_SIG;
  }
  if (flag !== FLAG_COMMIT && flag !== FLAG_NIL) throw reader.fault(`unknown block id flag ${flag}`);
  if (validatorAddress.length === 0 || signature.length === 0) throw reader.fault('address or signature is missing');
  return { flag, validatorAddress, timestamp: time, signature };
}
