import type { CheckResult } from '#app/contract.ts';
import type { ProofOp } from '#state/store.ts';
import type { Block } from '#types/block.ts';
import type { BlockId } from '#types/block-id.ts';
import type { Commit } from '#types/commit.ts';
import type { Evidence } from '#types/evidence.ts';
import type { Genesis } from '#types/genesis.ts';
import type { Header } from '#types/header.ts';
import type { ConsensusParams } from '#types/params.ts';
import type { Query } from '#types/query.ts';
import type { LedgerEvent, TxResult } from '#types/results.ts';
import type { Time } from '#types/time.ts';
import type { PublicKey, ValidatorSet, ValidatorUpdate } from '#types/validator-set.ts';
import type { Vote } from '#types/vote.ts';
import type { Pause } from '#util/pause.ts';

/**
 * What the RPC server asks of the node, in domain types. The server does everything that is JSON, CometBFT's texts for
 * wrong heights and pages, paging, Merkle proofs of transactions, waiting for a commit, and WebSocket filtering.
 *
 * Errors: a `BizraError` becomes a JSON-RPC error (-32603) whose `data` is its message; any other error is answered
 * as "internal error" without its text. `undefined` means "not kept or not there", never damage: damage throws.
 * Returned objects are shared and must not be changed by either side.
 */
export interface NodeApi {
  /** Checked genesis document. */
  readonly genesis: Genesis;

  // ---- the chain -----------------------------------------------------------------------------------------------

  /** Height of the newest block whose batch is on disk; 0 before the first. */
  head(): number;
  /** Lowest height whose block is kept; 0 before the first block. */
  base(): number;
  block(height: number): Promise<StoredBlock | undefined>;
  /** The same without transactions: cheap for lists of headers. */
  blockMeta(height: number): Promise<BlockMeta | undefined>;
  /** Height of the block with this header hash. Any length of hash may be asked. */
  heightByHash(hash: Uint8Array): Promise<number | undefined>;
  /** For the head, the commit that this node saw (canonical false); below it, the next block's last commit (true). */
  commit(height: number): Promise<StoredCommit | undefined>;
  results(height: number): Promise<BlockResults | undefined>;
  /** One transaction of a block: cheap beside all results of its height. */
  tx(position: TxPosition): Promise<ExecutedTx | undefined>;
  /** Signers of `height`, with the priorities of its round 0; kept up to head + 1. */
  validators(height: number): Promise<ValidatorSet | undefined>;
  /** Parameters in force at `height`; kept up to head + 1. */
  consensusParams(height: number): Promise<ConsensusParams | undefined>;

  // ---- indexes -------------------------------------------------------------------------------------------------

  /** Where a transaction was executed. Any length of hash may be asked. */
  txByHash(hash: Uint8Array): Promise<TxPosition | undefined>;
  /** All matches, in ascending order of (height, index). Throws when the search is over its budget or indexing is off. */
  searchTxs(query: Query): Promise<readonly TxPosition[]>;
  /** Heights of all matching blocks, ascending. Throws as `searchTxs`. */
  searchBlocks(query: Query): Promise<readonly number[]>;

  // ---- the mempool ---------------------------------------------------------------------------------------------

  /**
   * Takes effect in the order of the calls (a batch submits all at once). Checks a transaction and, when code is 0, keeps and gossips it. Throws a BizraError for what is no verdict of the
   * ledger, with CometBFT's texts: `tx already exists in cache`, `mempool is full: number of txs N (max: M), total txs
   * bytes B (max: C)`, `Tx too large. Max size is N, but got M`.
   */
  submitTx(tx: Uint8Array): Promise<Submission>;
  /** Runs the check alone; nothing is kept. */
  checkTx(tx: Uint8Array): Promise<CheckResult>;
  /** Pending transactions in the order in which they would be proposed: at most `limit` of them, and the totals. */
  pendingTxs(limit: number): PendingTxs;

  // ---- the ledger ----------------------------------------------------------------------------------------------

  appInfo(): AppInfo;
  /** Refusals are answers with `code` other than 0 (SDK codes and texts), not exceptions. */
  query(request: QueryRequest): Promise<QueryResponse>;

  // ---- the node ------------------------------------------------------------------------------------------------

  /** For an answer that takes long to make: called often, it lets the node's own work have its turn. */
  newPause(): Pause;
  status(): NodeStatus;
  netInfo(): NetInfo;
  consensusState(): ConsensusState;
  /** Admits evidence to the pool and resolves to its hash; throws a BizraError that says why not. */
  addEvidence(evidence: Evidence): Promise<Uint8Array>;
  /**
   * Calls `listener` with every event, in order, after the height's batch is on disk. The listener returns at once
   * and never throws. The result ends the subscription.
   */
  subscribe(listener: (event: NodeEvent) => void): () => void;
}

export interface StoredBlock {
  readonly block: Block;
  readonly blockId: BlockId;
}

export interface BlockMeta {
  readonly header: Header;
  readonly blockId: BlockId;
  /** Bytes of the encoded block. */
  readonly blockSize: number;
  readonly txCount: number;
}

export interface StoredCommit {
  readonly commit: Commit;
  readonly canonical: boolean;
}

export interface BlockResults {
  readonly height: number;
  /** One a transaction, in block order. */
  readonly txResults: readonly TxResult[];
  /** Begin- and end-block events, in order. */
  readonly blockEvents: readonly LedgerEvent[];
  readonly validatorUpdates: readonly ValidatorUpdate[];
  /** Set when the block changed them. */
  readonly consensusParams: ConsensusParams | undefined;
  /** State after this height. */
  readonly appHash: Uint8Array;
}

export interface ExecutedTx {
  readonly tx: Uint8Array;
  readonly result: TxResult;
}

export interface TxPosition {
  readonly height: number;
  /** Place in the block, from 0. */
  readonly index: number;
}

export interface Submission extends CheckResult {
  /** sha256 of the transaction's bytes. */
  readonly hash: Uint8Array;
}

export interface PendingTxs {
  readonly txs: readonly Uint8Array[];
  /** All pending transactions, not only those returned. */
  readonly totalCount: number;
  readonly totalBytes: number;
}

export interface AppInfo {
  readonly name: string;
  readonly version: string;
  readonly lastHeight: number;
  readonly lastAppHash: Uint8Array;
}

export interface QueryRequest {
  readonly path: string;
  readonly data: Uint8Array;
  /** State of this height; 0 asks for the newest. May be negative or in the future: the node answers with a code. */
  readonly height: number;
  readonly prove: boolean;
}

export interface QueryResponse {
  /** 0 for success. */
  readonly code: number;
  readonly codespace: string;
  readonly log: string;
  readonly info: string;
  readonly index: bigint;
  /** undefined renders as null, empty bytes as "". */
  readonly key: Uint8Array | undefined;
  readonly value: Uint8Array | undefined;
  /** Leaf to root; undefined when no proof was asked. */
  readonly proofOps: readonly ProofOp[] | undefined;
  /** Height whose state answered (its proof verifies against the header of height + 1). */
  readonly height: number;
}

/** A node as it describes itself to others. */
export interface NodeInfo {
  /** Lower-case hex (clients decode it as hex; a base58 peer id does not pass). */
  readonly id: string;
  readonly listenAddress: string;
  readonly moniker: string;
  /** Starts with "0.38." for CometBFT's clients. */
  readonly version: string;
  readonly protocol: { readonly p2p: bigint; readonly block: bigint; readonly app: bigint };
  /** More facts (all strings): `tx_index`, `rpc_address`, `peer_id`, `bizra_version`. Rendered in this order. */
  readonly other: Readonly<Record<string, string>>;
}

export interface NodeStatus {
  readonly node: NodeInfo;
  /** Newest and lowest kept block; undefined before the first. */
  readonly latest: BlockSummary | undefined;
  readonly earliest: BlockSummary | undefined;
  /** True while block sync or state sync runs. */
  readonly catchingUp: boolean;
  /** This node's consensus key; `votingPower` is 0 when it is not in the set. */
  readonly validator: { readonly address: Uint8Array; readonly pubKey: PublicKey; readonly votingPower: bigint };
}

export interface BlockSummary {
  readonly hash: Uint8Array;
  /** The header's own: the state before the block. */
  readonly appHash: Uint8Array;
  readonly height: number;
  readonly time: Time;
}

export interface NetInfo {
  readonly listening: boolean;
  /** Multiaddrs. */
  readonly listeners: readonly string[];
  readonly peers: readonly PeerStatus[];
}

export interface PeerStatus {
  readonly node: NodeInfo;
  readonly outbound: boolean;
  readonly remoteIp: string;
  readonly connectedAt: Time;
  readonly connectedForNs: bigint;
  readonly sentBytes: bigint;
  readonly receivedBytes: bigint;
  /** Last height/round/step that it reported; undefined before its first report. */
  readonly progress: { readonly height: number; readonly round: number; readonly step: number } | undefined;
}

/** CometBFT's numbers: 1 NewHeight, 2 NewRound, 3 Propose, 4 Prevote, 5 PrevoteWait, 6 Precommit, 7 PrecommitWait, 8 Commit. */
export type RoundStepNumber = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8;

export interface ConsensusState {
  readonly height: number;
  readonly round: number;
  readonly step: RoundStepNumber;
  readonly startTime: Time;
  /** Header hashes; undefined when there is none. */
  readonly proposalBlockHash: Uint8Array | undefined;
  readonly lockedRound: number;
  readonly lockedBlockHash: Uint8Array | undefined;
  readonly validRound: number;
  readonly validBlockHash: Uint8Array | undefined;
  /** Signers of this height with the priorities of this round. */
  readonly validators: ValidatorSet;
  /** Rounds that have votes, ascending; votes stand at their validator's index. */
  readonly votes: readonly RoundVotes[];
}

export interface RoundVotes {
  readonly round: number;
  readonly prevotes: readonly (Vote | undefined)[];
  readonly precommits: readonly (Vote | undefined)[];
}

/** Names of CometBFT's round events that WebSocket clients may subscribe to. */
export type RoundEventName =
  | 'NewRound'
  | 'NewRoundStep'
  | 'CompleteProposal'
  | 'Polka'
  | 'Lock'
  | 'Relock'
  | 'ValidBlock'
  | 'TimeoutPropose'
  | 'TimeoutWait';

export type NodeEvent =
  /**
   * One a height. The server derives NewBlock, NewBlockHeader, NewBlockEvents, NewEvidence, Tx and
   * ValidatorSetUpdates from it, and only what somebody listens to.
   */
  | {
      readonly kind: 'block';
      readonly block: Block;
      readonly blockId: BlockId;
      /** sha256 of each transaction, in order. */
      readonly txHashes: readonly Uint8Array[];
      readonly results: BlockResults;
    }
  | {
      readonly kind: 'round';
      readonly name: RoundEventName;
      readonly height: number;
      readonly round: number;
      readonly step: RoundStepNumber;
      /** For NewRound. */
      readonly proposer?: { readonly address: Uint8Array; readonly index: number };
      /** For CompleteProposal. */
      readonly blockId?: BlockId;
    }
  | { readonly kind: 'vote'; readonly vote: Vote };
