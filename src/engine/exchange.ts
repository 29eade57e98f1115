import type { Consensus } from '#consensus/consensus.ts';
import type { SignedMessage } from '#consensus/input.ts';
import type {
  BlockAnswer,
  BlocksAnswer,
  GetBlockById,
  GetBlocks,
  GetTxs,
  PeerClaimMessage,
  PendingAnswer,
  ProposalMessage,
  RelayWishMessage,
  RoundStepMessage,
  StatusAnswer,
  TxsAnswer,
  VotesMessage,
} from '#network/messages.ts';
import type { Network, NetworkHandlers } from '#network/network.ts';
import type {
  ChunkAnswer,
  GetChunk,
  GetLightBlocks,
  GetManifest,
  LightBlocksAnswer,
  ManifestAnswer,
  SnapshotsAnswer,
} from '#network/state-sync-messages.ts';
import type { Clock } from '#ports/clock.ts';
import type { GossipVerdict, PeerId, PeerInfo } from '#ports/transport.ts';
import type { BlockId } from '#types/block-id.ts';
import type { Evidence } from '#types/evidence.ts';
import type { Vote } from '#types/vote.ts';
import { BlockIntake } from './block-intake.ts';
import type { Body } from './body.ts';
import { EagerRelay } from './eager-relay.ts';
import type { Engine, EngineOutlet } from './engine.ts';
import type { EvidenceIntake } from './evidence-intake.ts';
import type { OwnTransactions } from './own-transactions.ts';
import { PeerMessages } from './peer-messages.ts';
import { fetchPending, PendingFetcher } from './pending-fetcher.ts';
import { ProposalIntake } from './proposal-intake.ts';
import { type BlockArchive, RequestAnswers } from './request-answers.ts';
import type { StateSyncAnswers } from './state-sync-answers.ts';
import { VoteIntake } from './vote-intake.ts';
import { type PeerProgress, VoteRelay } from './vote-relay.ts';
import type { VoteVerifier } from './vote-verifier.ts';

export interface ExchangeComponents {
  readonly network: Network;
  readonly consensus: Consensus;
  readonly engine: Engine;
  readonly verifier: VoteVerifier;
  readonly archive: BlockArchive;
  readonly stateSync: StateSyncAnswers;
  readonly clock: Clock;
  readonly own: OwnTransactions;
  /** Raw bytes of a pending transaction. */
  readonly pendingTx: (hash: Uint8Array) => Uint8Array | undefined;
  /** Raw bytes of pending transactions in the order of their admission. */
  readonly pendingTxs: () => readonly Uint8Array[];
  /** Looks at every vote before its signature is verified; a forged one costs its sender. */
  readonly watchVote?: (vote: Vote) => 'ok' | 'forged';
  readonly evidenceIntake: EvidenceIntake;
  readonly admitTxs: (txs: readonly Uint8Array[]) => Promise<GossipVerdict>;
  /** A peer reported heights, or a height was applied: block sync looks whether it is behind. */
  readonly onHeights: () => void;
  readonly onPeerGone: (peer: PeerId) => void;
}

/**
 * Between the engine and its peers: takes in what they send, answers what they ask, tells them what changed. Each kind
 * of message has a part that knows it; here they are joined.
 */
export class Exchange implements NetworkHandlers, EngineOutlet {
  /** Last report of each connected peer. */
  readonly peers: PeerProgress = new Map();
  private readonly parts: ExchangeComponents;
  private readonly messages: PeerMessages;
  private readonly relay: VoteRelay;
  private readonly eager: EagerRelay;
  private readonly proposalIntake: ProposalIntake;
  private readonly voteIntake: VoteIntake;
  private readonly blockIntake: BlockIntake;
  private readonly pending: PendingFetcher;
  private readonly answers: RequestAnswers;

  constructor(components: ExchangeComponents) {
    this.parts = components;
    this.messages = new PeerMessages(components);
    this.relay = this.makeRelay();
    this.eager = this.makeEagerRelay();
    this.proposalIntake = new ProposalIntake({
      ...components,
      onNew: (proposal, from) => this.eager.tookProposal(proposal, from),
      onRepeated: (proposal, from) => this.eager.repeatedProposal(proposal, from),
      onBlock: (peer, proposal, block) => this.blockIntake.fill(peer, proposal, block),
    });
    this.voteIntake = new VoteIntake({
      ...components,
      onNew: (vote, from) => {
        this.relay.took(vote);
        this.eager.tookVote(vote, from);
      },
      onRepeated: (vote, from) => this.eager.repeatedVote(vote, from),
    });
    this.blockIntake = new BlockIntake({
      ...components,
      peers: this.peers,
      // Its compact form was compared with the proposal, so it can go on as it came.
      onFilled: (body) => this.eager.blockReady(body),
    });
    this.pending = new PendingFetcher({ clock: components.clock, fetch: (peer) => fetchPending(components, peer) });
    this.answers = new RequestAnswers(components);
  }

  private makeRelay(): VoteRelay {
    const { messages } = this;
    const { consensus, clock } = this.parts;
    return new VoteRelay({
      consensus,
      clock,
      peers: this.peers,
      outlet: {
        sendVotes: (peer, votes) => messages.sendVotes(peer, votes),
        sendProposal: (peer, round) => messages.sendProposal(peer, round),
        sendClaim: (peer, claim) => messages.sendClaim(peer, claim),
        announceProgress: () => {
          messages.broadcastProgress();
          this.eager.tellWishes();
        },
      },
    });
  }

  private makeEagerRelay(): EagerRelay {
    const { messages } = this;
    const { consensus, clock } = this.parts;
    return new EagerRelay({
      consensus,
      clock,
      peers: this.peers,
      outlet: {
        sendVote: (peer, vote) => messages.sendVotes(peer, [vote]),
        sendProposal: (peer, proposal, body) => messages.sendBlock(peer, proposal, body),
        sendWish: (peer, wish) => messages.sendWish(peer, wish),
      },
    });
  }

  start(): void {
    this.relay.start();
  }

  stop(): void {
    this.relay.stop();
    this.blockIntake.stop();
    this.pending.stop();
    this.parts.evidenceIntake.stop();
  }

  // What the engine sends.

  publish(message: SignedMessage, body: Body | undefined): void {
    this.messages.broadcastSigned(message, body);
  }

  requestBody(height: number, round: number, blockId: BlockId): void {
    this.blockIntake.want(height, round, blockId);
  }

  progress(): void {
    this.voteIntake.consumed();
    this.relay.changed();
  }

  heightStarted(height: number): void {
    this.voteIntake.heightStarted();
    this.blockIntake.heightStarted(height);
    this.eager.heightStarted();
    this.relay.heightStarted();
    this.parts.evidenceIntake.heightApplied();
    this.parts.onHeights();
  }

  // What peers send.

  peerConnected(peer: PeerInfo): void {
    this.messages.sendProgress(peer.id);
    this.pending.peerConnected(peer.id);
  }

  peerDisconnected(peer: PeerId): void {
    this.peers.delete(peer);
    this.relay.forget(peer);
    this.eager.forget(peer);
    this.parts.evidenceIntake.forget(peer);
    this.pending.peerGone(peer);
    this.parts.onPeerGone(peer);
  }

  proposal(peer: PeerId, message: ProposalMessage): void {
    this.proposalIntake.take(peer, message);
  }

  votes(peer: PeerId, { votes }: VotesMessage): void {
    this.voteIntake.take(peer, votes);
  }

  /**
   * A head never goes back while a node runs: one that says so has lied before or does now. Behind a snapshot there are
   * no blocks yet, and the first to come is the base.
   */
  roundStep(peer: PeerId, message: RoundStepMessage): void {
    const before = this.peers.get(peer);
    const shrinks = before !== undefined && message.headHeight < before.headHeight;
    if (shrinks || (message.headHeight > 0 && message.baseHeight > message.headHeight + 1)) {
      this.parts.network.report(peer, 'unexpected');
      return;
    }
    this.relay.reported(peer, message);
    this.peers.set(peer, message);
    this.parts.onHeights();
  }

  relayWish(peer: PeerId, wish: RelayWishMessage): void {
    this.eager.wished(peer, wish);
  }

  peerClaim(peer: PeerId, claim: PeerClaimMessage): void {
    this.voteIntake.claim(peer, claim);
  }

  txs(_peer: PeerId, txs: readonly Uint8Array[]): Promise<GossipVerdict> {
    return this.parts.admitTxs(txs);
  }

  evidence(peer: PeerId, evidence: readonly Evidence[]): Promise<GossipVerdict> {
    return this.parts.evidenceIntake.take(peer, evidence);
  }

  // What peers ask.

  getBlocks(peer: PeerId, request: GetBlocks): Promise<BlocksAnswer> {
    return this.answers.blocks(peer, request);
  }

  getTxs(peer: PeerId, request: GetTxs): Promise<TxsAnswer> {
    return this.answers.txs(peer, request);
  }

  getBlockById(peer: PeerId, request: GetBlockById): Promise<BlockAnswer> {
    return this.answers.block(peer, request);
  }

  getPending(): Promise<PendingAnswer> {
    return this.answers.pending();
  }

  getStatus(): Promise<StatusAnswer> {
    return this.answers.status();
  }

  getSnapshots(peer: PeerId): Promise<SnapshotsAnswer> {
    return this.parts.stateSync.snapshots(peer);
  }

  getManifest(peer: PeerId, request: GetManifest): Promise<ManifestAnswer> {
    return this.parts.stateSync.manifest(peer, request);
  }

  getChunk(peer: PeerId, request: GetChunk): Promise<ChunkAnswer> {
    return this.parts.stateSync.chunk(peer, request);
  }

  getLightBlocks(peer: PeerId, request: GetLightBlocks): Promise<LightBlocksAnswer> {
    return this.parts.stateSync.lightBlocks(peer, request);
  }
}
