import { EMPTY_BYTES } from '#util/bytes.ts';
import { type BlockId, isNilBlockId, readBlockId, writeBlockId } from './block-id.ts';
import { canonicalProposal } from './canonical.ts';
import { MAX_PARTS } from './limits.ts';
import { readTimestamp, type Time, writeTimestamp } from './time.ts';
import { PROPOSAL } from './vote.ts';
import { decodeWhole, type Reader, readMessage, required, SIGNATURE_BYTES } from './wire.ts';
import { encodeWith } from './wire-writer.ts';

export interface UnsignedProposal {
  readonly height: number;
  readonly round: number;
  /** Round of the polka that the proposer re-proposes from; -1 for a fresh value. */
  readonly polRound: number;
  readonly blockId: BlockId;
  readonly timestamp: Time;
}

export interface Proposal extends UnsignedProposal {
  readonly signature: Uint8Array;
}

/** A proposal is some 200 bytes; more is refused before reading. */
export const MAX_PROPOSAL_BYTES = 512;

/** What the proposer signs. */
export function proposalSignBytes(chainId: string, proposal: UnsignedProposal): Uint8Array {
  return canonicalProposal(chainId, PROPOSAL, proposal);
}

export function encodeProposal(proposal: Proposal): Uint8Array {
  return encodeWith((writer) => {
    writer.number(1, PROPOSAL);
    writer.number(2, proposal.height);
    writer.number(3, proposal.round);
    writer.integer(4, BigInt(proposal.polRound));
    writer.message(5, (inner) => writeBlockId(inner, proposal.blockId));
    writer.message(6, (inner) => writeTimestamp(inner, proposal.timestamp));
    writer.bytes(7, proposal.signature);
  });
}

/**
 * Reads a peer's proposal: -1 <= polRound < round, a complete block id of at most MAX_PARTS parts, a signature of
 * 64 bytes. Throws `bad_encoding` or `bad_time`.
 */
export function decodeProposal(bytes: Uint8Array): Proposal {
  return decodeWhole(bytes, 'Proposal', MAX_PROPOSAL_BYTES, readProposal);
}

function readProposal(reader: Reader): Proposal {
  let type = 0;
  let height = 0;
  let round = 0;
  let polRound = 0;
  let id: BlockId | undefined;
  let timestamp: Time | undefined;
  let signature = EMPTY_BYTES;
  readMessage(reader, (field) => {
    if (field === 1) type = reader.uint32();
    else if (field === 2) height = reader.positiveInt53();
    else if (field === 3) round = reader.positiveInt32();
    else if (field === 4) polRound = reader.int32();
    else if (field === 5) id = reader.message(readBlockId);
    else if (field === 6) timestamp = reader.message(readTimestamp);
    else if (field === 7) signature = reader.bytes(SIGNATURE_BYTES);
    else return false;
    return true;
  });
  const blockId = required(id, reader, 'block id');
  if (type !== PROPOSAL) throw reader.fault(`unexpected type ${type}`);
  if (height === 0) throw reader.fault('height is missing');
  if (polRound < -1 || polRound >= round) throw reader.fault(`polka round ${polRound} in round ${round}`);
  if (isNilBlockId(blockId)) throw reader.fault('proposal of nil');
  if (blockId.partSetHeader.total > MAX_PARTS) throw reader.fault(`${blockId.partSetHeader.total} parts`);
  if (signature.length === 0) throw reader.fault('signature is missing');
  return {
    height,
    round,
    polRound,
    blockId,
    timestamp: required(timestamp, reader, 'timestamp'),
    signature,
  };
}
