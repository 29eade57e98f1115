import { EMPTY_BYTES } from '#util/bytes.ts';
import { type BlockId, readBlockId, writeBlockId } from './block-id.ts';
import { canonicalVote } from './canonical.ts';
import { MAX_VALIDATORS } from './limits.ts';
import { readTimestamp, type Time, writeTimestamp } from './time.ts';
import { ADDRESS_BYTES, decodeWhole, type Reader, readMessage, required, SIGNATURE_BYTES } from './wire.ts';
import { encodeWith, type Writer } from './wire-writer.ts';

export const PREVOTE = 1;
export const PRECOMMIT = 2;
export const PROPOSAL = 32;
export type VoteType = typeof PREVOTE | typeof PRECOMMIT;

/** A vote without its signature; what the signer is given. */
export interface UnsignedVote {
  readonly type: VoteType;
  readonly height: number;
  readonly round: number;
  /** NIL_BLOCK_ID for a nil vote. */
  readonly blockId: BlockId;
  readonly timestamp: Time;
  readonly validatorAddress: Uint8Array;
  readonly validatorIndex: number;
}

export interface Vote extends UnsignedVote {
  readonly signature: Uint8Array;
}

/** A vote is some 200 bytes; more is refused before reading. */
export const MAX_VOTE_BYTES = 512;

/** What the validator signs. The validator's address and index are not part of it. */
export function voteSignBytes(chainId: string, vote: UnsignedVote): Uint8Array {
  return canonicalVote(chainId, vote);
}

export function encodeVote(vote: Vote): Uint8Array {
  return encodeWith((writer) => writeVote(writer, vote));
}

/**
 * Reads a peer's vote: known type, height above 0, address of 20 bytes, signature of 64, index below the largest set
 * (whether it is below *the* set's size is the caller's question). Throws `bad_encoding` or `bad_time`.
 */
export function decodeVote(bytes: Uint8Array): Vote {
  return decodeWhole(bytes, 'Vote', MAX_VOTE_BYTES, readVote);
}

/** The fields of a Vote message. This chain has no vote extensions: fields 9 and 10 are never there. */
export function writeVote(writer: Writer, vote: Vote): void {
  writer.number(1, vote.type);
  writer.number(2, vote.height);
  writer.number(3, vote.round);
  writer.message(4, (inner) => writeBlockId(inner, vote.blockId));
  writer.message(5, (inner) => writeTimestamp(inner, vote.timestamp));
  writer.bytes(6, vote.validatorAddress);
  writer.number(7, vote.validatorIndex);
  writer.bytes(8, vote.signature);
}

export function readVote(reader: Reader): Vote {
  let type = 0;
  let height = 0;
  let round = 0;
  let blockId: BlockId | undefined;
  let timestamp: Time | undefined;
  let validatorAddress = EMPTY_BYTES;
  let validatorIndex = 0;
  let signature = EMPTY_BYTES;
  readMessage(reader, (field) => {
    if (field === 1) type = reader.uint32();
    else if (field === 2) height = reader.positiveInt53();
    else if (field === 3) round = reader.positiveInt32();
    else if (field === 4) blockId = reader.message(readBlockId);
    else if (field === 5) timestamp = reader.message(readTimestamp);
    else if (field === 6) validatorAddress = reader.bytes(ADDRESS_BYTES);
    else if (field === 7) validatorIndex = reader.positiveInt32();
    else if (field === 8) signature = reader.bytes(SIGNATURE_BYTES);
    else return false;
    return true;
  });
  if (type !== PREVOTE && type !== PRECOMMIT) throw reader.fault(`unknown vote type ${type}`);
  if (height === 0) throw reader.fault('height is missing');
  if (validatorIndex >= MAX_VALIDATORS) throw reader.fault(`validator index ${validatorIndex}`);
  if (validatorAddress.length === 0 || signature.length === 0) throw reader.fault('address or signature is missing');
  return {
    type,
    height,
    round,
    blockId: required(blockId, reader, 'block id'),
    timestamp: required(timestamp, reader, 'timestamp'),
    validatorAddress,
    validatorIndex,
    signature,
  };
}
