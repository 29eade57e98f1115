import { BinaryReader, BinaryWriter } from 'cosmjs-types/binary';
import type { Input, TimeoutStep } from '#consensus/input.ts';
import { decodeBlock } from '#types/block.ts';
import { type BlockId, decodeBlockId, encodeBlockId } from '#types/block-id.ts';
import { decodeProposal, encodeProposal } from '#types/proposal.ts';
import { decodeVote, encodeVote, type VoteType } from '#types/vote.ts';
import { EMPTY_BYTES } from '#util/bytes.ts';
import { BizraError } from '#util/errors.ts';

/**
 * Kinds of WAL records; retired numbers are never used again. `decided` has none: its block is in the database before
 * anything can depend on it. `newHeight` is stored as its height: its context is read from the database.
 */
const KIND = {
  newHeight: 1,
  proposal: 2,
  block: 3,
  vote: 4,
  timeout: 5,
  blockValidity: 6,
  blockBuilt: 7,
  signedVote: 8,
  signedProposal: 9,
  signRefused: 10,
  workAvailable: 11,
  peerClaim: 12,
} as const;

const TIMEOUT_STEPS: readonly TimeoutStep[] = ['newHeight', 'propose', 'prevoteWait', 'precommitWait'];
const PROPOSAL_TYPE = 0;

/** An input as it comes back from the log: `newHeight` still lacks its context. */
export type LoggedInput =
  | Exclude<Input, { kind: 'newHeight' } | { kind: 'decided' }>
  | { readonly kind: 'newHeight'; readonly height: number; readonly now: bigint };

/** Bytes of a block that was already encoded, so that a body is not encoded twice. */
export type EncodedBlock = (blockId: BlockId) => Uint8Array;

/** Undefined for `decided`, which is not logged. */
export function encodeWalRecord(input: Input, encodedBlock: EncodedBlock): Uint8Array | undefined {
  const writer = BinaryWriter.create();
  const start = (kind: number): BinaryWriter => writer.uint32(kind).int64(input.now);
  switch (input.kind) {
    case 'newHeight':
      return start(KIND.newHeight).int64(BigInt(input.context.height)).finish();
    case 'proposal':
      return start(KIND.proposal).bytes(encodeProposal(input.proposal)).finish();
    case 'block':
      return start(KIND.block).bytes(encodeBlockId(input.blockId)).bytes(encodedBlock(input.blockId)).finish();
    case 'vote':
      return start(KIND.vote).bytes(encodeVote(input.vote)).finish();
    case 'timeout':
      return start(KIND.timeout)
        .int64(BigInt(input.height))
        .uint32(input.round)
        .uint32(TIMEOUT_STEPS.indexOf(input.step))
        .finish();
    case 'blockValidity':
      return start(KIND.blockValidity).bytes(encodeBlockId(input.blockId)).bool(input.valid).finish();
    case 'blockBuilt':
      return start(KIND.blockBuilt)
        .int64(BigInt(input.height))
        .uint32(input.round)
        .bytes(encodeBlockId(input.blockId))
        .bytes(encodedBlock(input.blockId))
        .finish();
    case 'signed':
      return input.message.kind === 'vote'
        ? start(KIND.signedVote).bytes(encodeVote(input.message.vote)).finish()
        : start(KIND.signedProposal).bytes(encodeProposal(input.message.proposal)).finish();
    case 'signRefused':
      return start(KIND.signRefused)
        .int64(BigInt(input.height))
        .uint32(input.round)
        .uint32(input.type === 'proposal' ? PROPOSAL_TYPE : input.type)
        .finish();
    case 'workAvailable':
      return start(KIND.workAvailable).finish();
    case 'peerClaim':
      return start(KIND.peerClaim)
        .string(input.peer)
        .int64(BigInt(input.height))
        .uint32(input.round)
        .uint32(input.type)
        .bytes(encodeBlockId(input.blockId))
        .finish();
    case 'decided':
      return undefined;
  }
}

/** Throws a BizraError `damaged_wal` on bytes that `encodeWalRecord` did not write. */
export function decodeWalRecord(bytes: Uint8Array): LoggedInput {
  try {
    return decode(new BinaryReader(bytes));
  } catch (error) {
    throw new BizraError('damaged_wal', `a record of the consensus log cannot be read: ${String(error)}`, {
      cause: error,
    });
  }
}

function decode(reader: BinaryReader): LoggedInput {
  const kind = reader.uint32();
  const now = reader.int64();
  const height = (): number => Number(reader.int64());
  const blockId = (): BlockId => decodeBlockId(reader.bytes());
  switch (kind) {
    case KIND.newHeight:
      return { kind: 'newHeight', now, height: height() };
    case KIND.proposal:
      return { kind: 'proposal', now, proposal: decodeProposal(reader.bytes()) };
    case KIND.block:
      return { kind: 'block', now, blockId: blockId(), block: decodeBlock(reader.bytes()) };
    case KIND.vote:
      return { kind: 'vote', now, vote: decodeVote(reader.bytes()) };
    case KIND.timeout:
      return { kind: 'timeout', now, height: height(), round: reader.uint32(), step: timeoutStep(reader.uint32()) };
    case KIND.blockValidity:
      return { kind: 'blockValidity', now, blockId: blockId(), valid: reader.bool() };
    case KIND.blockBuilt:
      return {
        kind: 'blockBuilt',
        now,
        height: height(),
        round: reader.uint32(),
        blockId: blockId(),
        block: decodeBlock(reader.bytes()),
      };
    case KIND.signedVote:
      return { kind: 'signed', now, message: { kind: 'vote', vote: decodeVote(reader.bytes()) } };
    case KIND.signedProposal:
      return { kind: 'signed', now, message: { kind: 'proposal', proposal: decodeProposal(reader.bytes()) } };
    case KIND.signRefused:
      return { kind: 'signRefused', now, height: height(), round: reader.uint32(), type: signType(reader.uint32()) };
    case KIND.workAvailable:
      return { kind: 'workAvailable', now };
    case KIND.peerClaim:
      return {
        kind: 'peerClaim',
        now,
        peer: reader.string(),
        height: height(),
        round: reader.uint32(),
        type: reader.uint32() as VoteType,
        blockId: blockId(),
      };
    default:
      throw new RangeError(`unknown kind ${kind}`);
  }
}

function timeoutStep(index: number): TimeoutStep {
  const step = TIMEOUT_STEPS[index];
  if (step === undefined) throw new RangeError(`unknown timeout step ${index}`);
  return step;
}

function signType(type: number): VoteType | 'proposal' {
  return type === PROPOSAL_TYPE ? 'proposal' : (type as VoteType);
}

/** The height that a record belongs to, where it says so. */
export function heightOf(input: LoggedInput): number | undefined {
  switch (input.kind) {
    case 'proposal':
      return input.proposal.height;
    case 'vote':
      return input.vote.height;
    case 'newHeight':
    case 'timeout':
    case 'blockBuilt':
    case 'signRefused':
    case 'peerClaim':
      return input.height;
    case 'block':
      return input.block.header.height;
    case 'signed':
      return input.message.kind === 'vote' ? input.message.vote.height : input.message.proposal.height;
    default:
      return undefined;
  }
}

export const NO_ENCODED_BLOCK: EncodedBlock = () => EMPTY_BYTES;
