import type { Step } from '#consensus/height-state.ts';
import { type BlockId, NIL_BLOCK_ID } from '#types/block-id.ts';
import { decodeEvidence, type Evidence } from '#types/evidence.ts';
import { MAX_PARTS, MAX_VALIDATORS } from '#types/limits.ts';
import { decodeProposal, encodeProposal, MAX_PROPOSAL_BYTES } from '#types/proposal.ts';
import { decodeVote, encodeVote, MAX_VOTE_BYTES, PRECOMMIT, PREVOTE, type VoteType } from '#types/vote.ts';
import { ByteReader, ByteWriter } from './codec.ts';
import { malformed, NetworkError, tooLarge } from './errors.ts';
import { type MessageLimits, maxMessageBytes } from './limits.ts';
import type { Message, MessageKind, MessageOf, VoteBitmap } from './messages.ts';

const HASH_BYTES = 32;
/** Of one validator in a commit: address, time, signature and their tags. CometBFT says 109. */
const COMMIT_SIG_BYTES = 128;
const MAX_COMMIT_BYTES = 1_024 + MAX_VALIDATORS * COMMIT_SIG_BYTES;
export const MAX_VOTES_PER_MESSAGE = 1_024;
const MAX_BITMAP_BYTES = Math.ceil(MAX_VALIDATORS / 8);
/** Rounds of interest: the current one and its neighbours, the proposal's polka round, locked and valid rounds; two types. */
export const MAX_BITMAPS = 32;
/** Bodies that a node can have pinned at one height. */
export const MAX_KNOWN_BLOCKS = 16;
const BLOCK_ID_BYTES = 2 * (1 + HASH_BYTES) + 4;
const MAX_ROUND_STEP_BYTES = 128 + MAX_KNOWN_BLOCKS * BLOCK_ID_BYTES + (MAX_BITMAPS + 1) * (MAX_BITMAP_BYTES + 16);
const STEPS: readonly Step[] = ['newHeight', 'propose', 'prevote', 'precommit', 'commit'];

interface Codec<M> {
  /** First byte of the frame. Never reused for another meaning. */
  readonly tag: number;
  maxBytes(limits: MessageLimits): number;
  encode(writer: ByteWriter, message: M): void;
  decode(reader: ByteReader): M;
}

/** Message kind to bytes and limits: the one table. */
const CODECS: { readonly [Kind in MessageKind]: Codec<MessageOf<Kind>> } = {
  proposal: {
    tag: 1,
    maxBytes: ({ maxBlockBytes }) => maxMessageBytes(maxBlockBytes),
    encode: (writer, { proposal, block }) => {
      writer.bytes(encodeProposal(proposal));
      writer.optional(block, (bytes) => writer.fixed(bytes));
    },
    decode: (reader) => ({
      kind: 'proposal',
      proposal: decodeProposal(reader.bytes(MAX_PROPOSAL_BYTES)),
      block: reader.optional(() => reader.rest()),
    }),
  },
  votes: {
    tag: 2,
    maxBytes: () => 8 + MAX_VOTES_PER_MESSAGE * (MAX_VOTE_BYTES + 4),
    encode: (writer, { votes }) => writer.list(votes, (vote) => writer.bytes(encodeVote(vote))),
    decode: (reader) => {
      const votes = reader.list(MAX_VOTES_PER_MESSAGE, 4, () => decodeVote(reader.bytes(MAX_VOTE_BYTES)));
      if (votes.length === 0) throw malformed('no votes');
      return { kind: 'votes', votes };
    },
  },
  roundStep: {
    tag: 3,
    maxBytes: () => MAX_ROUND_STEP_BYTES,
    encode: (writer, message) => {
      writer.u64(message.height);
      writer.u32(message.round);
      writer.u8(STEPS.indexOf(message.step));
      writer.bool(message.hasProposal);
      writer.list(message.hasBlocks, (id) => writeBlockId(writer, id));
      writer.list(message.votes, (votes) => writeBitmap(writer, votes));
      writer.optional(message.lastCommit, ({ round, bitmap }) => {
        writer.u32(round);
        writer.bytes(bitmap);
      });
      writer.u64(message.headHeight);
      writer.u64(message.baseHeight);
    },
    decode: (reader) => ({
      kind: 'roundStep',
      height: reader.u64(),
      round: reader.int(),
      step: readStep(reader),
      hasProposal: reader.bool(),
      hasBlocks: reader.list(MAX_KNOWN_BLOCKS, 6, () => readBlockId(reader)),
      votes: reader.list(MAX_BITMAPS, 9, () => readBitmap(reader)),
      lastCommit: reader.optional(() => ({ round: reader.int(), bitmap: reader.bytes(MAX_BITMAP_BYTES) })),
      headHeight: reader.u64(),
      baseHeight: reader.u64(),
    }),
  },
  peerClaim: {
    tag: 4,
    maxBytes: () => 128,
    encode: (writer, { height, round, type, blockId }) => {
      writer.u64(height);
      writer.u32(round);
      writer.u8(type);
      writeBlockId(writer, blockId);
    },
    decode: (reader) => ({
      kind: 'peerClaim',
      height: reader.u64(),
      round: reader.int(),
      type: readVoteType(reader),
      blockId: readBlockId(reader),
    }),
  },
  relayWish: {
    tag: 5,
    maxBytes: () => 16 + MAX_BITMAP_BYTES,
    encode: (writer, { height, validators }) => {
      writer.u64(height);
      writer.bytes(validators);
    },
    decode: (reader) => ({ kind: 'relayWish', height: reader.u64(), validators: reader.bytes(MAX_BITMAP_BYTES) }),
  },
};

const CODEC_OF_TAG: ReadonlyMap<number, Codec<Message>> = new Map(
  // Every codec decodes to a Message; to encode it is only ever given its own kind.
  Object.values(CODECS).map((codec) => [codec.tag, codec as Codec<Message>]),
);

export function encodeMessage(message: Message): Uint8Array {
  const codec = CODECS[message.kind] as Codec<Message>;
  const writer = new ByteWriter();
  writer.u8(codec.tag);
  codec.encode(writer, message);
  return writer.finish();
}

/** Throws BizraError: NetworkError for our own format, the codes of types/ for what is inside. */
export function decodeMessage(bytes: Uint8Array, limits: MessageLimits): Message {
  const reader = new ByteReader(bytes);
  const tag = reader.u8();
  const codec = CODEC_OF_TAG.get(tag);
  if (codec === undefined) throw new NetworkError('unknown_kind', `message of kind ${tag}`);
  if (bytes.length > codec.maxBytes(limits)) throw tooLarge(`message of kind ${tag} with ${bytes.length} bytes`);
  const message = codec.decode(reader);
  reader.end();
  return message;
}

/** hash and part set hash: u8 length (0 or 32) and bytes; u32 total. The nil id is three zeroes. */
export function writeBlockId(writer: ByteWriter, id: BlockId): void {
  writer.u8(id.hash.length);
  writer.fixed(id.hash);
  writer.u32(id.partSetHeader.total);
  writer.u8(id.partSetHeader.hash.length);
  writer.fixed(id.partSetHeader.hash);
}

export function readBlockId(reader: ByteReader): BlockId {
  const hash = readHash(reader);
  const total = reader.int(MAX_PARTS);
  const partsHash = readHash(reader);
  if (hash.length === 0 && total === 0 && partsHash.length === 0) return NIL_BLOCK_ID;
  if (hash.length === 0 || total === 0 || partsHash.length === 0) throw malformed('a block id is whole or nil');
  return { hash, partSetHeader: { total, hash: partsHash } };
}

export function maxCommitBytes(): number {
  return MAX_COMMIT_BYTES;
}

function readHash(reader: ByteReader): Uint8Array {
  const length = reader.u8();
  if (length !== 0 && length !== HASH_BYTES) throw malformed(`a hash of ${length} bytes`);
  return reader.fixed(length);
}

export function readEvidenceList(reader: ByteReader, limits: MessageLimits): Evidence[] {
  // An empty one has four bytes of length and is refused by the decoder.
  return reader.list(MAX_EVIDENCE_ITEMS, 5, () => decodeEvidence(reader.bytes(limits.maxBlockBytes)));
}

/** CometBFT's 1 MiB of evidence holds some 1,900 duplicate votes. */
export const MAX_EVIDENCE_ITEMS = 2_048;

/** One transaction: never empty. */
export function readTx(reader: ByteReader, maxBytes: number): Uint8Array {
  const bytes = reader.bytes(maxBytes);
  if (bytes.length === 0) throw malformed('an empty transaction');
  return bytes;
}

function readStep(reader: ByteReader): Step {
  const value = reader.u8();
  const step = STEPS[value];
  if (step === undefined) throw malformed(`step ${value}`);
  return step;
}

function readVoteType(reader: ByteReader): VoteType {
  const value = reader.u8();
  if (value !== PREVOTE && value !== PRECOMMIT) throw malformed(`vote type ${value}`);
  return value;
}

function writeBitmap(writer: ByteWriter, { round, type, bitmap }: VoteBitmap): void {
  writer.u32(round);
  writer.u8(type);
  writer.bytes(bitmap);
}

function readBitmap(reader: ByteReader): VoteBitmap {
  return { round: reader.int(), type: readVoteType(reader), bitmap: reader.bytes(MAX_BITMAP_BYTES) };
}
