import { merkleRoot } from '#crypto/merkle.ts';
import { compareBytes, concatBytes, equalBytes, toHex } from '#util/bytes.ts';
import { type BlockId, equalBlockIds, writePartSetHeader } from './block-id.ts';
import { check } from './errors.ts';
import { type ConflictingBlock, readConflictingBlock, writeConflictingBlock } from './light-block.ts';
import { MAX_VALIDATORS } from './limits.ts';
import { readTimestamp, type Time, writeTimestamp } from './time.ts';
import { readValidator, type Validator, writeValidator } from './validator.ts';
import type { ValidatorSet } from './validator-set.ts';
import { readVote, type Vote, writeVote } from './vote.ts';
import { decodeWhole, type Reader, readMessage, required } from './wire.ts';
import { encodeEach, encodeWith, type Writer } from './wire-writer.ts';

/** Two votes of one validator for different values at one height, round and type; voteA has the smaller block id. */
export interface DuplicateVoteEvidence {
  readonly kind: 'duplicate-vote';
  readonly voteA: Vote;
  readonly voteB: Vote;
  readonly totalVotingPower: bigint;
  readonly validatorPower: bigint;
  /** Block time of the votes' height. */
  readonly timestamp: Time;
}

export interface LightClientAttackEvidence {
  readonly kind: 'light-client-attack';
  readonly conflictingBlock: ConflictingBlock;
  readonly commonHeight: number;
  readonly byzantineValidators: readonly Validator[];
  readonly totalVotingPower: bigint;
  readonly timestamp: Time;
}

export type Evidence = DuplicateVoteEvidence | LightClientAttackEvidence;

/** Pieces of evidence in one block: one for each of the largest set's validators. */
export const MAX_EVIDENCE_COUNT = MAX_VALIDATORS;

/** A light-client attack holds a header, a commit and two validator sets of up to 10,000 entries. */
const MAX_EVIDENCE_BYTES = 4 * 1024 * 1024;

/**
 * Orders the votes, takes powers from the set of their height and time from the block of their height, so that every
 * node makes the same bytes. Throws `bad_evidence` when the two votes are no offence or their signer is not in the set.
 */
export function makeDuplicateVoteEvidence(
  first: Vote,
  second: Vote,
  validators: ValidatorSet,
  blockTime: Time,
): DuplicateVoteEvidence {
  const validator = validators.get(validators.indexOf(first.validatorAddress));
  check(validator !== undefined, 'bad_evidence', () => `validator ${toHex(first.validatorAddress)} is not in the set`);
  const ordered = compareBytes(sortKey(first.blockId), sortKey(second.blockId)) < 0;
  const evidence: DuplicateVoteEvidence = {
    kind: 'duplicate-vote',
    voteA: ordered ? first : second,
    voteB: ordered ? second : first,
    totalVotingPower: validators.totalPower,
    validatorPower: validator.votingPower,
    timestamp: blockTime,
  };
  checkDuplicateVotes(evidence);
  return evidence;
}

/** Same signer, height, round and type, different values, in order. Signatures and powers are the caller's to check. */
export function checkDuplicateVotes({ voteA, voteB }: DuplicateVoteEvidence): void {
  const sameSlot =
    voteA.height === voteB.height &&
    voteA.round === voteB.round &&
    voteA.type === voteB.type &&
    voteA.validatorIndex === voteB.validatorIndex &&
    equalBytes(voteA.validatorAddress, voteB.validatorAddress);
  check(sameSlot, 'bad_evidence', () => 'the votes differ in height, round, type or validator');
  check(!equalBlockIds(voteA.blockId, voteB.blockId), 'bad_evidence', () => 'the votes are for the same block');
  const ordered = compareBytes(sortKey(voteA.blockId), sortKey(voteB.blockId)) < 0;
  check(ordered, 'bad_evidence', () => 'the votes are not in the order of their block ids');
}

/** The oneof that a block's evidence list holds. */
export function encodeEvidence(evidence: Evidence): Uint8Array {
  return encodeWith((writer) => writeEvidence(writer, evidence));
}

/** Throws `bad_encoding`, `bad_evidence`, `bad_time` or `bad_validator_set`. */
export function decodeEvidence(bytes: Uint8Array): Evidence {
  return decodeWhole(bytes, 'Evidence', MAX_EVIDENCE_BYTES, readEvidence);
}

/** EvidenceList{evidence=1}: field 3 of a block. */
export function encodeEvidenceList(list: readonly Evidence[]): Uint8Array {
  return encodeWith((writer) => {
    for (const evidence of list) writer.message(1, (inner) => writeEvidence(inner, evidence));
  });
}

/** evidence_hash: leaves are the inner messages, without the oneof around them. */
export function hashEvidenceList(list: readonly Evidence[]): Uint8Array {
  return merkleRoot(encodeEach(list, writeInner));
}

/** The inner message: a leaf of evidence_hash, and what a duplicate vote's own hash is over. */
export function encodeInner(evidence: Evidence): Uint8Array {
  return encodeWith((writer) => writeInner(writer, evidence));
}

/** Reads an EvidenceList of at most MAX_EVIDENCE_COUNT entries. */
export function readEvidenceList(reader: Reader): Evidence[] {
  const list: Evidence[] = [];
  readMessage(
    reader,
    (field) => {
      if (field !== 1) return false;
      if (list.length === MAX_EVIDENCE_COUNT) throw reader.fault('too much evidence');
      list.push(reader.message(readEvidence));
      return true;
    },
    1,
  );
  return list;
}

/** CometBFT compares `BlockID.Key()`: the hash, then the encoded part set header. */
function sortKey(id: BlockId): Uint8Array {
  return concatBytes(
    id.hash,
    encodeWith((writer) => writePartSetHeader(writer, id.partSetHeader)),
  );
}

function writeEvidence(writer: Writer, evidence: Evidence): void {
  writer.message(evidence.kind === 'duplicate-vote' ? 1 : 2, (inner) => writeInner(inner, evidence));
}

function writeInner(writer: Writer, evidence: Evidence): void {
  if (evidence.kind === 'duplicate-vote') writeDuplicateVote(writer, evidence);
  else writeLightClientAttack(writer, evidence);
}

function writeDuplicateVote(writer: Writer, evidence: DuplicateVoteEvidence): void {
  writer.message(1, (inner) => writeVote(inner, evidence.voteA));
  writer.message(2, (inner) => writeVote(inner, evidence.voteB));
  writer.integer(3, evidence.totalVotingPower);
  writer.integer(4, evidence.validatorPower);
  writer.message(5, (inner) => writeTimestamp(inner, evidence.timestamp));
}

function writeLightClientAttack(writer: Writer, evidence: LightClientAttackEvidence): void {
  writer.message(1, (inner) => writeConflictingBlock(inner, evidence.conflictingBlock));
  writer.number(2, evidence.commonHeight);
  for (const validator of evidence.byzantineValidators) {
    writer.message(3, (inner) => writeValidator(inner, validator));
  }
  writer.integer(4, evidence.totalVotingPower);
  writer.message(5, (inner) => writeTimestamp(inner, evidence.timestamp));
}

export function readEvidence(reader: Reader): Evidence {
  let evidence: Evidence | undefined;
  readMessage(reader, (field) => {
    if (evidence !== undefined) throw reader.fault('two kinds of evidence in one');
    if (field === 1) evidence = reader.message(readDuplicateVote);
    else if (field === 2) evidence = reader.message(readLightClientAttack);
    else return false;
    return true;
  });
  return required(evidence, reader, 'evidence');
}

function readDuplicateVote(reader: Reader): DuplicateVoteEvidence {
  let voteA: Vote | undefined;
  let voteB: Vote | undefined;
  let totalVotingPower = 0n;
  let validatorPower = 0n;
  let timestamp: Time | undefined;
  readMessage(reader, (field) => {
    if (field === 1) voteA = reader.message(readVote);
    else if (field === 2) voteB = reader.message(readVote);
    else if (field === 3) totalVotingPower = reader.int64();
    else if (field === 4) validatorPower = reader.int64();
    else if (field === 5) timestamp = reader.message(readTimestamp);
    else return false;
    return true;
  });
  if (validatorPower <= 0n || totalVotingPower < validatorPower) throw reader.fault('invalid voting power');
  const evidence: DuplicateVoteEvidence = {
    kind: 'duplicate-vote',
    voteA: required(voteA, reader, 'first vote'),
    voteB: required(voteB, reader, 'second vote'),
    totalVotingPower,
    validatorPower,
    timestamp: required(timestamp, reader, 'timestamp'),
  };
  checkDuplicateVotes(evidence);
  return evidence;
}

function readLightClientAttack(reader: Reader): LightClientAttackEvidence {
  let conflictingBlock: ConflictingBlock | undefined;
  let commonHeight = 0;
  const byzantineValidators: Validator[] = [];
  let totalVotingPower = 0n;
  let timestamp: Time | undefined;
  readMessage(
    reader,
    (field) => {
      if (field === 1) conflictingBlock = reader.message(readConflictingBlock);
      else if (field === 2) commonHeight = reader.positiveInt53();
      else if (field === 3) {
        if (byzantineValidators.length === MAX_VALIDATORS) throw reader.fault('too many validators');
        byzantineValidators.push(reader.message((inner) => readValidator(inner)));
      } else if (field === 4) totalVotingPower = reader.int64();
      else if (field === 5) timestamp = reader.message(readTimestamp);
      else return false;
      return true;
    },
    3,
  );
  if (commonHeight === 0 || totalVotingPower <= 0n) throw reader.fault('common height or voting power is missing');
  return {
    kind: 'light-client-attack',
    conflictingBlock: required(conflictingBlock, reader, 'conflicting block'),
    commonHeight,
    byzantineValidators,
    totalVotingPower,
    timestamp: required(timestamp, reader, 'timestamp'),
  };
}
