import type { Input, TimeoutStep } from '#consensus/input.ts';
import { VERDICTS, type Verdict } from '#consensus/known-blocks.ts';
import { ByteReader, ByteWriter } from '#storage/byte-codec.ts';
import { type Block, decodeBlock } from '#types/block.ts';
import { type BlockId, decodeBlockId, encodeBlockId } from '#types/block-id.ts';
import { decodeProposal, encodeProposal } from '#types/proposal.ts';
import { decodeVote, encodeVote, type VoteType } from '#types/vote.ts';
import { BizraError } from '#util/errors.ts';
import type { ChainState } from './chain-state.ts';

/**
 * Kinds of WAL records; retired numbers are never used again. `decided` has none: its block is in the database before
 * anything can depend on it. `newHeight` is stored as its height and what that stands on: its context is read from the database.
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
  muted: 13,
} as const;

/** As the first byte of a record: every kind is a varint of one byte. */
const KINDS: ReadonlySet<number | undefined> = new Set(Object.values(KIND));

const TIMEOUT_STEPS: readonly TimeoutStep[] = ['newHeight', 'propose', 'prevoteWait', 'precommitWait'];
const PROPOSAL_TYPE = 0;
/** Of a varint up to 2^53 - 1; and of a record's kind and time. */
const NUMBER_BYTES_MAX = 8;
const FIXED_BYTES_MAX = 24;

/** An input as it comes back from the log: `newHeight` still lacks its context. */
export type LoggedInput =
  | Exclude<Input, { kind: 'newHeight' } | { kind: 'decided' }>
  | {
      readonly kind: 'newHeight';
      readonly height: number;
      /** As `parentOf`; undefined in a log that was written before heights were bound to it. */
      readonly parent: Uint8Array | undefined;
      readonly now: bigint;
    };

/** No input: this node signs nothing up to `height`. */
export interface MuteRecord {
  readonly kind: 'muted';
  readonly height: number;
}

/** What a record holds beside its input. */
export interface RecordParts {
  /** Bytes of a block that was already encoded, so that a body is not encoded twice. */
  readonly encodedBlock: (block: Block) => Uint8Array;
  /** Of the height that begins. */
  readonly parent: () => Uint8Array;
}

/**
 * What the height after `state` stands on: its chain, the last block, and the state after it. What was logged of a height
 * on another parent, be it another chain's or the same one's after another program computed its state, says nothing of it.
 */
export function parentOf({ genesisHash, lastBlockId, appHash }: HeightParent): Uint8Array {
  const id = encodeBlockId(lastBlockId);
  const writer = new ByteWriter(genesisHash.length + id.length + appHash.length + 3 * NUMBER_BYTES_MAX);
  for (const part of [genesisHash, id, appHash]) writer.bytes(part);
  return writer.finish();
}

export type HeightParent = Pick<ChainState, 'genesisHash' | 'lastBlockId' | 'appHash'>;

/** Undefined for `decided`, which is not logged. */
export function encodeWalRecord(input: Input, { encodedBlock, parent }: RecordParts): Uint8Array | undefined {
  const { now } = input;
  switch (input.kind) {
    case 'newHeight':
      return record(KIND.newHeight, now, input.context.height, parent());
    case 'proposal':
      return record(KIND.proposal, now, encodeProposal(input.proposal));
    case 'block':
      return record(KIND.block, now, encodeBlockId(input.blockId), encodedBlock(input.block));
    case 'vote':
      return record(KIND.vote, now, encodeVote(input.vote));
    case 'timeout':
      return record(KIND.timeout, now, input.height, input.round, TIMEOUT_STEPS.indexOf(input.step));
    case 'blockValidity':
      return record(KIND.blockValidity, now, encodeBlockId(input.blockId), VERDICTS.indexOf(input.verdict));
    case 'blockBuilt': {
      const { height, round, blockId, block } = input;
      return record(KIND.blockBuilt, now, height, round, encodeBlockId(blockId), encodedBlock(block));
    }
    case 'signed':
      return input.message.kind === 'vote'
        ? record(KIND.signedVote, now, encodeVote(input.message.vote))
        : record(KIND.signedProposal, now, encodeProposal(input.message.proposal));
    case 'signRefused': {
      const type = input.type === 'proposal' ? PROPOSAL_TYPE : input.type;
      return record(KIND.signRefused, now, input.height, input.round, type);
    }
    case 'workAvailable':
      return record(KIND.workAvailable, now);
    case 'peerClaim': {
      const { peer, height, round, type, blockId } = input;
      return record(KIND.peerClaim, now, new TextEncoder().encode(peer), height, round, type, encodeBlockId(blockId));
    }
    case 'decided':
      return undefined;
  }
}

export function encodeMuteRecord(height: number): Uint8Array {
  return record(KIND.muted, 0n, height);
}

function record(kind: number, now: bigint, ...fields: readonly (number | Uint8Array)[]): Uint8Array {
  let capacity = FIXED_BYTES_MAX;
  for (const field of fields)
    capacity += typeof field === 'number' ? NUMBER_BYTES_MAX : NUMBER_BYTES_MAX + field.length;
  const writer = new ByteWriter(capacity);
  writer.varint(kind);
  writer.bigVarint(now);
  for (const field of fields) {
    if (typeof field === 'number') writer.varint(field);
    else writer.bytes(field);
  }
  return writer.finish();
}

/** True for the records that matter whatever the height is. Throws as `decodeWalRecord` on a kind that there is not. */
export function startsHeightOrMutes(bytes: Uint8Array): boolean {
  if (!KINDS.has(bytes[0])) throw unreadable(new RangeError(`unknown kind ${bytes[0]}`));
  return bytes[0] === KIND.newHeight || bytes[0] === KIND.muted;
}

/** True for records that hold a vote or a proposal of this node: cheaper than decoding, since blocks are large. */
export function isSignatureRecord(bytes: Uint8Array): boolean {
  const [kind] = bytes;
  return kind === KIND.vote || kind === KIND.signedVote || kind === KIND.signedProposal;
}

/** Throws a BizraError `damaged_wal` on bytes that were not written here. */
export function decodeWalRecord(bytes: Uint8Array): LoggedInput | MuteRecord {
  try {
    return decode(new ByteReader(bytes));
  } catch (error) {
    throw unreadable(error);
  }
}

function unreadable(cause: unknown): BizraError<'damaged_wal'> {
  return new BizraError('damaged_wal', `a record of the consensus log cannot be read: ${String(cause)}`, { cause });
}

function decode(reader: ByteReader): LoggedInput | MuteRecord {
  const kind = reader.varint();
  const now = reader.bigVarint();
  const blockId = (): BlockId => decodeBlockId(reader.bytes());
  switch (kind) {
    case KIND.newHeight:
      return { kind: 'newHeight', now, height: reader.varint(), parent: reader.atEnd ? undefined : reader.bytes() };
    case KIND.proposal:
      return { kind: 'proposal', now, proposal: decodeProposal(reader.bytes()) };
    case KIND.block:
      return { kind: 'block', now, blockId: blockId(), block: decodeBlock(reader.bytes()) };
    case KIND.vote:
      return { kind: 'vote', now, vote: decodeVote(reader.bytes()) };
    case KIND.timeout:
      return {
        kind: 'timeout',
        now,
        height: reader.varint(),
        round: reader.varint(),
        step: timeoutStep(reader.varint()),
      };
    case KIND.blockValidity:
      return { kind: 'blockValidity', now, blockId: blockId(), verdict: verdict(reader.varint()) };
    case KIND.blockBuilt:
      return {
        kind: 'blockBuilt',
        now,
        height: reader.varint(),
        round: reader.varint(),
        blockId: blockId(),
        block: decodeBlock(reader.bytes()),
      };
    case KIND.signedVote:
      return { kind: 'signed', now, message: { kind: 'vote', vote: decodeVote(reader.bytes()) } };
    case KIND.signedProposal:
      return { kind: 'signed', now, message: { kind: 'proposal', proposal: decodeProposal(reader.bytes()) } };
    case KIND.signRefused:
      return {
        kind: 'signRefused',
        now,
        height: reader.varint(),
        round: reader.varint(),
        type: signType(reader.varint()),
      };
    case KIND.workAvailable:
      return { kind: 'workAvailable', now };
    case KIND.peerClaim:
      return {
        kind: 'peerClaim',
        now,
        peer: new TextDecoder().decode(reader.bytes()),
        height: reader.varint(),
        round: reader.varint(),
        type: reader.varint() as VoteType,
        blockId: blockId(),
      };
    case KIND.muted:
      return { kind: 'muted', height: reader.varint() };
    default:
      throw new RangeError(`unknown kind ${kind}`);
  }
}

function verdict(index: number): Verdict {
  const found = VERDICTS[index];
  if (found === undefined) throw new RangeError(`unknown verdict ${index}`);
  return found;
}

function timeoutStep(index: number): TimeoutStep {
  const step = TIMEOUT_STEPS[index];
  if (step === undefined) throw new RangeError(`unknown timeout step ${index}`);
  return step;
}

function signType(type: number): VoteType | 'proposal' {
  return type === PROPOSAL_TYPE ? 'proposal' : (type as VoteType);
}
