import { type Commit, MAX_COMMIT_BYTES, readCommit, writeCommit } from './commit.ts';
import { check } from './errors.ts';
import { type Header, MAX_HEADER_BYTES, readHeader, writeHeader } from './header.ts';
import { readValidators, type Validator, writeValidators } from './validator.ts';
import { MAX_VALIDATOR_SET_BYTES, ValidatorSet } from './validator-set.ts';
import { decodeWhole, type Reader, readMessage, required } from './wire.ts';
import { encodeWith, type Writer } from './wire-writer.ts';

export interface SignedHeader {
  readonly header: Header;
  readonly commit: Commit;
}

/**
 * A header, the commit for it and who signed it: what light clients walk on. Nothing in it is verified. The validators'
 * priorities and proposer are not in the header's hash, so they stay what the sender says.
 */
export interface LightBlock extends SignedHeader {
  readonly validators: ValidatorSet;
}

/** A light block as its sender has it, with its validators in any order: part of evidence. */
export interface ConflictingBlock extends SignedHeader {
  readonly validators: readonly Validator[];
  /** As the sender had it: it is part of the hashed bytes. */
  readonly proposer: Validator;
}

/** Some 2.4 MB, for 10,000 validators: tags and lengths take the last few. */
export const MAX_LIGHT_BLOCK_BYTES = MAX_HEADER_BYTES + MAX_COMMIT_BYTES + MAX_VALIDATOR_SET_BYTES + 32;

/** CometBFT's LightBlock message. */
export function encodeLightBlock(block: LightBlock): Uint8Array {
  return encodeWith((writer) => writeConflictingBlock(writer, conflictingBlockOf(block)));
}

/** Throws `bad_encoding`, `bad_time` or `bad_validator_set`. Whether its parts fit together is `light/`'s question. */
export function decodeLightBlock(bytes: Uint8Array): LightBlock {
  const block = decodeWhole(bytes, 'LightBlock', MAX_LIGHT_BLOCK_BYTES, readConflictingBlock);
  const { header, commit, proposer } = block;
  const validators = ValidatorSet.restore(block.validators, proposer.address);
  const { votingPower, proposerPriority } = validators.proposer;
  const isCopy = votingPower === proposer.votingPower && proposerPriority === proposer.proposerPriority;
  check(isCopy, 'bad_validator_set', () => 'the proposer of a light block differs from its entry in the set');
  return { header, commit, validators };
}

/** A light block as evidence holds it. */
export function conflictingBlockOf({ header, commit, validators }: LightBlock): ConflictingBlock {
  return { header, commit, validators: validators.validators, proposer: validators.proposer };
}

/** The fields of a LightBlock message. */
export function writeConflictingBlock(writer: Writer, block: ConflictingBlock): void {
  writer.message(1, (signed) => {
    signed.message(1, (inner) => writeHeader(inner, block.header));
    signed.message(2, (inner) => writeCommit(inner, block.commit));
  });
  writer.message(2, (inner) => writeValidators(inner, block.validators, block.proposer));
}

/** Members without power are read, too: light clients take them. */
export function readConflictingBlock(reader: Reader): ConflictingBlock {
  let signed: SignedHeader | undefined;
  let set: { validators: Validator[]; proposer: Validator } | undefined;
  readMessage(reader, (field) => {
    if (field === 1) signed = reader.message(readSignedHeader);
    else if (field === 2) set = reader.message((inner) => readValidators(inner, 0n));
    else return false;
    return true;
  });
  return { ...required(signed, reader, 'signed header'), ...required(set, reader, 'validator set') };
}

function readSignedHeader(reader: Reader): SignedHeader {
  let header: Header | undefined;
  let commit: Commit | undefined;
  readMessage(reader, (field) => {
    if (field === 1) header = reader.message(readHeader);
    else if (field === 2) commit = reader.message(readCommit);
    else return false;
    return true;
  });
  return { header: required(header, reader, 'header'), commit: required(commit, reader, 'commit') };
}
