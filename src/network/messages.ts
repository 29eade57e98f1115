import type { Step } from '#consensus/height-state.ts';
import type { StreamClass } from '#ports/transport.ts';
import type { BlockId } from '#types/block-id.ts';
import type { Commit } from '#types/commit.ts';
import type { Evidence } from '#types/evidence.ts';
import type { Header } from '#types/header.ts';
import type { Proposal } from '#types/proposal.ts';
import type { Vote, VoteType } from '#types/vote.ts';
import type {
  ChunkAnswer,
  GetChunk,
  GetLightBlocks,
  GetManifest,
  GetSnapshots,
  LightBlocksAnswer,
  ManifestAnswer,
  SnapshotsAnswer,
} from './state-sync-messages.ts';

/** A block without the transactions that the receiver has already. */
export interface CompactBlock {
  readonly header: Header;
  readonly lastCommit: Commit;
  readonly evidence: readonly Evidence[];
  /** sha256 of every transaction, in order; of those in `txs` computed by the decoder, so they always match. */
  readonly txHashes: readonly Uint8Array[];
  /** Those that no gossip batch has carried yet, by ascending index. */
  readonly txs: readonly { readonly index: number; readonly bytes: Uint8Array }[];
}

/** A signed proposal, with its block unless the receiver said that it has it. */
export interface ProposalMessage {
  readonly kind: 'proposal';
  readonly proposal: Proposal;
  /** A CompactBlock as bytes: whoever gets it decodes it once it knows that it wants the proposal. */
  readonly block: Uint8Array | undefined;
}

export interface VotesMessage {
  readonly kind: 'votes';
  readonly votes: readonly Vote[];
}

/** Bit i (least significant first in each byte) is the validator with index i. */
export interface VoteBitmap {
  readonly round: number;
  readonly type: VoteType;
  readonly bitmap: Uint8Array;
}

/** Where a node stands and what it has: sent on change and every second. */
export interface RoundStepMessage {
  readonly kind: 'roundStep';
  readonly height: number;
  readonly round: number;
  readonly step: Step;
  /** Of this round. */
  readonly hasProposal: boolean;
  /** Blocks of this height whose body it has. */
  readonly hasBlocks: readonly BlockId[];
  /** Votes that it has, of the current and other relevant rounds. */
  readonly votes: readonly VoteBitmap[];
  /** Precommits of the previous height. */
  readonly lastCommit: { readonly round: number; readonly bitmap: Uint8Array } | undefined;
  /** Last height in its block store, and the first; 0 when empty. */
  readonly headHeight: number;
  readonly baseHeight: number;
}

/** The sender has +2/3 of one type for one block. */
export interface PeerClaimMessage {
  readonly kind: 'peerClaim';
  readonly height: number;
  readonly round: number;
  readonly type: VoteType;
  readonly blockId: BlockId;
}

/** The receiver is to pass on at once what these validators sign: bit i is validator i of the height. */
export interface RelayWishMessage {
  readonly kind: 'relayWish';
  readonly height: number;
  readonly validators: Uint8Array;
}

/** Messages that need no answer. */
export type Message = ProposalMessage | VotesMessage | RoundStepMessage | PeerClaimMessage | RelayWishMessage;
export type MessageKind = Message['kind'];
export type MessageOf<Kind extends MessageKind> = Extract<Message, { readonly kind: Kind }>;

/** Which stream each kind travels on. */
export const STREAM_OF: Readonly<Record<MessageKind, StreamClass>> = {
  proposal: 'consensus',
  votes: 'consensus',
  roundStep: 'consensus',
  peerClaim: 'consensus',
  relayWish: 'consensus',
};

/** Blocks from a height on, in order, as many as are there and fit. */
export interface GetBlocks {
  readonly kind: 'getBlocks';
  readonly from: number;
  readonly count: number;
  /** The answer holds at least one block if the peer has it, and no further ones above this sum. */
  readonly maxBytes: number;
}

export interface BlocksAnswer {
  /** Protobuf bytes of each block, and the commit that decided it. */
  readonly blocks: readonly { readonly block: Uint8Array; readonly commit: Commit }[];
}

/** Transactions of a block that is being decided or was decided, by index. */
export interface GetTxs {
  readonly kind: 'getTxs';
  readonly blockId: BlockId;
  readonly height: number;
  readonly indexes: readonly number[];
}

export interface TxsAnswer {
  /** In the order of the request; undefined: not there. */
  readonly txs: readonly (Uint8Array | undefined)[];
}

export interface GetBlockById {
  readonly kind: 'getBlockById';
  readonly blockId: BlockId;
  readonly height: number;
}

export interface BlockAnswer {
  /** Protobuf bytes, or undefined when the peer has no such block. */
  readonly block: Uint8Array | undefined;
}

export interface GetStatus {
  readonly kind: 'getStatus';
}

export interface StatusAnswer {
  readonly headHeight: number;
  readonly baseHeight: number;
  readonly headBlockId: BlockId;
}

/**
 * Transactions that wait for a block, oldest first: gossip carries each once, to those who are there, and the asker
 * was not.
 */
export interface GetPending {
  readonly kind: 'getPending';
}

export interface PendingAnswer {
  readonly txs: readonly Uint8Array[];
}

/** Each request with its answer. A new one is added here, in the codec table, and in the handlers' owner. */
export interface Answers {
  readonly getBlocks: BlocksAnswer;
  readonly getTxs: TxsAnswer;
  readonly getBlockById: BlockAnswer;
  readonly getStatus: StatusAnswer;
  readonly getPending: PendingAnswer;
  readonly getSnapshots: SnapshotsAnswer;
  readonly getManifest: ManifestAnswer;
  readonly getChunk: ChunkAnswer;
  readonly getLightBlocks: LightBlocksAnswer;
}

export type Request =
  | GetBlocks
  | GetTxs
  | GetBlockById
  | GetStatus
  | GetPending
  | GetSnapshots
  | GetManifest
  | GetChunk
  | GetLightBlocks;
export type RequestKind = Request['kind'];
export type RequestOf<Kind extends RequestKind> = Extract<Request, { readonly kind: Kind }>;
