import type { Consensus } from '#consensus/consensus.ts';
import type { SignedMessage } from '#consensus/input.ts';
import { MAX_KNOWN_BLOCKS, MAX_VOTES_PER_MESSAGE } from '#network/message-codec.ts';
import type {
  BlockAnswer,
  BlocksAnswer,
  CompactBlock,
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
import type { Clock } from '#ports/clock.ts';
import type { GossipVerdict, PeerId, PeerInfo } from '#ports/transport.ts';
import { decodeBlock } from '#types/block.ts';
import { type BlockId, blockIdKey, equalBlockIds } from '#types/block-id.ts';
import type { Commit } from '#types/commit.ts';
import type { Evidence } from '#types/evidence.ts';
import type { Proposal } from '#types/proposal.ts';
import { PRECOMMIT, PREVOTE, type Vote } from '#types/vote.ts';
import { BizraError } from '#util/errors.ts';
import { BlockFetcher } from './block-fetcher.ts';
import { type Body, makeBody } from './body.ts';
import { BlockFilling, compactBlock, isCompactOf } from './compact-block.ts';
import { EagerRelay } from './eager-relay.ts';
import type { Engine, EngineOutlet } from './engine.ts';
import type { EvidenceIntake } from './evidence-intake.ts';
import type { OwnTransactions } from './own-transactions.ts';
import { PendingFetcher } from './pending-fetcher.ts';
import { relevantRounds } from './relevant-rounds.ts';
import { type PeerProgress, VoteRelay } from './vote-relay.ts';
import type { VoteVerifier } from './vote-verifier.ts';

/** Asking for a body or for transactions of a proposal: within a propose timeout there is time for two peers. */
const FETCH_TIMEOUT_MS = 1_000;
/** While a compact block is being filled, the whole body is not asked for yet. */
const FILLING_GRACE_MS = 400;
const MISSING_BODY_GRACE_MS = 20;
/** Blocks in one answer to a peer that syncs, however small they are. */
const MAX_BLOCKS_PER_ANSWER = 64;

/** A peer that has not delivered a proposal's transactions after this long is not the only one to be asked. */
const SLOW_FILLING_MS = 50;
const FILLERS_MAX = 3;

interface Filling {
  readonly peers: Set<PeerId>;
  sinceMs: number;
}

/** Votes of one validator that wait to be consumed: those of all rounds that matter, when a peer sends them at once. */
const UNDERWAY_PER_VALIDATOR = 64;

/** Decided blocks, as a peer may ask for them. */
export interface BlockArchive {
  head(): number;
  base(): number;
  headBlockId(): BlockId;
  blockBytes(height: number): Promise<Uint8Array | undefined>;
  blockId(height: number): Promise<BlockId | undefined>;
  commit(height: number): Promise<Commit | undefined>;
}

export interface ExchangeComponents {
  readonly network: Network;
  readonly consensus: Consensus;
  readonly engine: Engine;
  readonly verifier: VoteVerifier;
  readonly archive: BlockArchive;
  readonly clock: Clock;
  readonly own: OwnTransactions;
  /** Raw bytes of a pending transaction. */
  readonly pendingTx: (hash: Uint8Array) => Uint8Array | undefined;
  /** Raw bytes of pending transactions in the order of their admission. */
  readonly pendingTxs: () => readonly Uint8Array[];
  /** Looks at every vote before its signature is verified; a forged one costs its sender. */
  readonly watchVote?: (vote: Vote) => 'ok' | 'forged';
  readonly intake: EvidenceIntake;
  readonly admitTxs: (txs: readonly Uint8Array[]) => Promise<GossipVerdict>;
  /** A peer reported heights, or a height was applied: block sync looks whether it is behind. */
  readonly onHeights: () => void;
  readonly onPeerGone: (peer: PeerId) => void;
}

/** Between the engine and its peers: takes in what they send, answers what they ask, tells them what changed. */
export class Exchange implements NetworkHandlers, EngineOutlet {
  /** Last report of each connected peer. */
  readonly peers: PeerProgress = new Map();
  private readonly parts: ExchangeComponents;
  private readonly relay: VoteRelay;
  private readonly eager: EagerRelay;
  private readonly fetcher: BlockFetcher;
  private readonly pending: PendingFetcher;
  /** Blocks that are being filled, and from whom. */
  private readonly filling = new Map<string, Filling>();
  /** Votes that were verified and wait to be consumed: every peer sends them at the same moment. */
  private readonly underway = new Set<string>();
  /** How many of those each validator signed: until they are consumed, nothing else shows that one signs too many. */
  private readonly underwayOf = new Map<number, number>();
  /** Peer, round and type of the claims of this height. */
  private readonly claimsHeard = new Set<string>();

  constructor(components: ExchangeComponents) {
    this.parts = components;
    const { clock, consensus } = components;
    this.relay = new VoteRelay({
      consensus,
      clock,
      peers: this.peers,
      outlet: {
        sendVotes: (peer, votes) => this.sendVotes(peer, votes),
        sendProposal: (peer, round) => this.sendProposal(peer, round),
        sendClaim: (peer, claim) =>
          void components.network.send(peer, { kind: 'peerClaim', height: consensus.height, ...claim }),
        announceProgress: () => this.announce(),
      },
    });
    this.eager = new EagerRelay({
      consensus,
      clock,
      peers: this.peers,
      outlet: {
        sendVote: (peer, vote) => this.sendVotes(peer, [vote]),
        sendProposal: (peer, proposal, body) => this.sendBlock(peer, proposal, body),
        sendWish: (peer, wish) => void components.network.send(peer, { kind: 'relayWish', ...wish }),
      },
    });
    this.pending = new PendingFetcher({ clock, fetch: (peer) => this.fetchPending(peer) });
    this.fetcher = new BlockFetcher({
      clock,
      fetchBody: (peer, height, blockId) => this.fetchBody(peer, height, blockId),
      candidates: (_round, blockId) => this.peersWithBlock(blockId),
    });
  }

  start(): void {
    this.relay.start();
  }

  stop(): void {
    this.relay.stop();
    this.fetcher.stop();
    this.pending.stop();
    this.parts.intake.stop();
  }

  // What the engine sends.

  publish(message: SignedMessage, body: Body | undefined): void {
    const { network, own } = this.parts;
    if (message.kind === 'vote') {
      network.broadcast({ kind: 'votes', votes: [message.vote] });
      return;
    }
    const block = body === undefined ? undefined : compactBlock(body, (hash) => own.mayBeUnknown(hash));
    network.broadcast({ kind: 'proposal', proposal: message.proposal, block });
  }

  requestBody(height: number, round: number, blockId: BlockId): void {
    const graceMs = this.filling.has(blockIdKey(blockId)) ? FILLING_GRACE_MS : MISSING_BODY_GRACE_MS;
    this.fetcher.want(height, round, blockId, graceMs);
  }

  progress(): void {
    this.clearUnderway();
    this.relay.changed();
  }

  heightStarted(height: number): void {
    this.filling.clear();
    this.clearUnderway();
    this.claimsHeard.clear();
    this.fetcher.heightStarted(height);
    this.eager.heightStarted();
    this.relay.heightStarted();
    this.parts.intake.heightApplied();
    this.parts.onHeights();
  }

  // What peers send.

  peerConnected(peer: PeerInfo): void {
    this.parts.network.send(peer.id, this.roundStepMessage());
    this.pending.peerConnected(peer.id);
  }

  peerDisconnected(peer: PeerId): void {
    this.peers.delete(peer);
    this.relay.forget(peer);
    this.eager.forget(peer);
    this.parts.intake.forget(peer);
    this.pending.peerGone(peer);
    this.parts.onPeerGone(peer);
  }

  proposal(peer: PeerId, { proposal, block }: ProposalMessage): void {
    const { consensus, verifier, network, engine } = this.parts;
    if (consensus.wantsProposal(proposal)) {
      const verdict = verifier.proposal(proposal);
      if (verdict === 'invalid') network.report(peer, 'bad_proposal_signature');
      // The proposal first: a body that nothing asks for yet is not kept.
      if (verdict !== 'valid' || !engine.submitFromPeer({ kind: 'proposal', proposal })) return;
      this.eager.tookProposal(proposal, peer);
    } else {
      const known = consensus.proposalAt(proposal.height, proposal.round);
      if (known === undefined || !equalBlockIds(known.blockId, proposal.blockId)) return;
      this.eager.repeatedProposal(proposal, peer);
    }
    if (block !== undefined) this.fill(peer, proposal, block);
  }

  votes(peer: PeerId, { votes }: VotesMessage): void {
    for (const vote of votes) if (!this.vote(peer, vote)) return;
  }

  /** Blocks never go away while a node runs: one that says so has lied before or does now. */
  roundStep(peer: PeerId, message: RoundStepMessage): void {
    const before = this.peers.get(peer);
    const shrinks = before !== undefined && message.headHeight < before.headHeight;
    if (shrinks || (message.headHeight > 0 && message.baseHeight > message.headHeight)) {
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

  /** Unsigned, so each peer is heard once a round and type, and of rounds that can have votes only. */
  peerClaim(peer: PeerId, { height, round, type, blockId }: PeerClaimMessage): void {
    const { consensus, engine } = this.parts;
    const key = `${peer}/${round}/${type}`;
    if (height !== consensus.height || round > consensus.round || this.claimsHeard.has(key)) return;
    if (engine.submitFromPeer({ kind: 'peerClaim', peer, height, round, type, blockId })) this.claimsHeard.add(key);
  }

  txs(_peer: PeerId, txs: readonly Uint8Array[]): Promise<GossipVerdict> {
    return this.parts.admitTxs(txs);
  }

  evidence(peer: PeerId, evidence: readonly Evidence[]): Promise<GossipVerdict> {
    return this.parts.intake.take(peer, evidence);
  }

  async getBlocks(_peer: PeerId, { from, count, maxBytes }: GetBlocks): Promise<BlocksAnswer> {
    const { archive } = this.parts;
    const blocks: { block: Uint8Array; commit: Commit }[] = [];
    let bytes = 0;
    const end = Math.min(from + Math.min(count, MAX_BLOCKS_PER_ANSWER) - 1, archive.head());
    for (let height = from; height <= end; height++) {
      const [block, commit] = await Promise.all([archive.blockBytes(height), archive.commit(height)]);
      if (block === undefined || commit === undefined) break;
      bytes += block.length;
      if (blocks.length > 0 && bytes > maxBytes) break;
      blocks.push({ block, commit });
    }
    return { blocks };
  }

  async getTxs(_peer: PeerId, { blockId, height, indexes }: GetTxs): Promise<TxsAnswer> {
    const block = this.parts.engine.body(blockId)?.block ?? (await this.decidedBlock(blockId, height));
    return { txs: indexes.map((index) => block?.txs[index]) };
  }

  async getBlockById(_peer: PeerId, { blockId, height }: GetBlockById): Promise<BlockAnswer> {
    const body = this.parts.engine.body(blockId);
    return { block: body?.bytes ?? (await this.decidedBytes(blockId, height)) };
  }

  async getPending(): Promise<PendingAnswer> {
    return { txs: this.parts.pendingTxs() };
  }

  async getStatus(): Promise<StatusAnswer> {
    const { archive } = this.parts;
    return { headHeight: archive.head(), baseHeight: archive.base(), headBlockId: archive.headBlockId() };
  }

  /** False when the peer proved to be faulty: the rest of its message is not worth a look. */
  private vote(peer: PeerId, vote: Vote): boolean {
    const { consensus, engine, verifier, network, watchVote } = this.parts;
    if (watchVote?.(vote) === 'forged') {
      network.report(peer, 'bad_vote_signature');
      return false;
    }
    const key = `${vote.height}/${vote.round}/${vote.type}/${vote.validatorIndex}/${blockIdKey(vote.blockId)}`;
    if (this.underway.has(key) || !consensus.wantsVote(vote)) {
      this.eager.repeatedVote(vote, peer);
      return true;
    }
    const signed = this.underwayOf.get(vote.validatorIndex) ?? 0;
    if (signed >= UNDERWAY_PER_VALIDATOR) return true;
    const verdict = verifier.vote(vote);
    if (verdict === 'valid' && engine.submitFromPeer({ kind: 'vote', vote })) {
      this.underway.add(key);
      this.underwayOf.set(vote.validatorIndex, signed + 1);
      this.relay.took(vote);
      this.eager.tookVote(vote, peer);
    }
    if (verdict !== 'invalid') return true;
    // Of a height whose validators I know, only its author or somebody who does not verify sends this.
    network.report(peer, 'bad_vote_signature');
    return false;
  }

  private clearUnderway(): void {
    this.underway.clear();
    this.underwayOf.clear();
  }

  private fill(peer: PeerId, proposal: Proposal, compact: CompactBlock): void {
    const { engine, network } = this.parts;
    const key = blockIdKey(proposal.blockId);
    const filling = this.filling.get(key) ?? { peers: new Set(), sinceMs: Number.NEGATIVE_INFINITY };
    if (engine.body(proposal.blockId) !== undefined || !this.mayFill(filling, peer)) return;
    if (!isCompactOf(compact, proposal)) {
      network.report(peer, 'invalid_block');
      return;
    }
    filling.peers.add(peer);
    filling.sinceMs = this.parts.clock.monotonicMs();
    this.filling.set(key, filling);
    this.fillFrom(peer, proposal, compact)
      .catch((error: unknown) => {
        if (!(error instanceof BizraError)) throw error;
        // The peer went away or answered badly (and was punished for it): the fetcher asks others for the whole.
      })
      .catch(() => network.report(peer, 'own_failure'))
      .finally(() => {
        filling.peers.delete(peer);
        if (filling.peers.size === 0 && this.filling.get(key) === filling) this.filling.delete(key);
      });
  }

  /** From another peer as well when the last takes long: whoever passes a proposal on first may keep its transactions back. */
  private mayFill({ peers, sinceMs }: Filling, peer: PeerId): boolean {
    if (peers.size === 0) return true;
    const isSlow = this.parts.clock.monotonicMs() - sinceMs >= SLOW_FILLING_MS;
    return isSlow && peers.size < FILLERS_MAX && !peers.has(peer);
  }

  private async fillFrom(peer: PeerId, { blockId, height }: Proposal, compact: CompactBlock): Promise<void> {
    const { engine, network, pendingTx } = this.parts;
    const filling = new BlockFilling(compact, pendingTx);
    const missing = filling.missing();
    if (missing.length > 0) {
      const request = { kind: 'getTxs', blockId, height, indexes: missing } as const;
      const { txs } = await network.request(peer, request, FETCH_TIMEOUT_MS);
      for (const [at, index] of missing.entries()) filling.offer(index, txs[at]);
      if (filling.missing().length > 0) return;
    }
    const body = filling.body();
    if (!equalBlockIds(body.blockId, blockId)) {
      network.report(peer, 'invalid_block');
      return;
    }
    this.fetcher.arrived(blockId);
    engine.submitBody(body);
    // Its compact form was compared with the proposal, so it can go on as it came.
    this.eager.blockReady(body);
  }

  private async fetchBody(peer: PeerId, height: number, blockId: BlockId): Promise<boolean> {
    const { engine, network } = this.parts;
    try {
      const { block } = await network.request(peer, { kind: 'getBlockById', blockId, height }, FETCH_TIMEOUT_MS);
      if (block === undefined) return false;
      const body = makeBody(decodeBlock(block));
      if (!equalBlockIds(body.blockId, blockId)) {
        network.report(peer, 'wrong_answer');
        return false;
      }
      engine.submitBody(body);
      return true;
    } catch (error) {
      if (!(error instanceof BizraError)) throw error;
      return false;
    }
  }

  private async fetchPending(peer: PeerId): Promise<void> {
    const { network, admitTxs } = this.parts;
    try {
      const { txs } = await network.request(peer, { kind: 'getPending' }, FETCH_TIMEOUT_MS);
      if (txs.length > 0) await admitTxs(txs);
    } catch (error) {
      // The peer went away, or answered badly and was punished for it. What else fails in here is a fault of this node.
      if (!(error instanceof BizraError)) network.report(peer, 'own_failure');
    }
  }

  /** Those who say that they have it first, then everybody. */
  private peersWithBlock(blockId: BlockId): PeerId[] {
    const having: PeerId[] = [];
    const others: PeerId[] = [];
    for (const [peer, { hasBlocks }] of this.peers) {
      (hasBlocks.some((held) => equalBlockIds(held, blockId)) ? having : others).push(peer);
    }
    return having.length > 0 ? having : others;
  }

  private async decidedBytes(blockId: BlockId, height: number): Promise<Uint8Array | undefined> {
    const { archive } = this.parts;
    const decided = await archive.blockId(height);
    if (decided === undefined || !equalBlockIds(decided, blockId)) return undefined;
    return archive.blockBytes(height);
  }

  private async decidedBlock(blockId: BlockId, height: number) {
    const bytes = await this.decidedBytes(blockId, height);
    return bytes === undefined ? undefined : decodeBlock(bytes);
  }

  private sendVotes(peer: PeerId, votes: readonly Vote[]): void {
    for (let from = 0; from < votes.length; from += MAX_VOTES_PER_MESSAGE)
      this.parts.network.send(peer, { kind: 'votes', votes: votes.slice(from, from + MAX_VOTES_PER_MESSAGE) });
  }

  /**
   * With its block only when that is valid: a proposer can give one by id whose hashes are not its contents', and who
   * passes that on in the compact form is taken for its author.
   */
  private sendProposal(peer: PeerId, round: number): void {
    const { consensus, engine } = this.parts;
    const proposal = consensus.proposal(round);
    if (proposal === undefined) return;
    const isValid = consensus.hasValidBlock(proposal.blockId);
    this.sendBlock(peer, proposal, isValid ? engine.body(proposal.blockId) : undefined);
  }

  private sendBlock(peer: PeerId, proposal: Proposal, body: Body | undefined): void {
    const { network, own } = this.parts;
    const block = body === undefined ? undefined : compactBlock(body, (hash) => own.mayBeUnknown(hash));
    network.send(peer, { kind: 'proposal', proposal, block });
  }

  private announce(): void {
    this.parts.network.broadcast(this.roundStepMessage());
    this.eager.tellWishes();
  }

  private roundStepMessage(): RoundStepMessage {
    const { consensus, engine, archive } = this.parts;
    const { height, lastCommitRound } = consensus;
    const lastBitmap =
      lastCommitRound === undefined ? undefined : consensus.voteBitmap(height - 1, lastCommitRound, PRECOMMIT);
    return {
      kind: 'roundStep',
      height,
      round: Math.max(consensus.round, 0),
      step: consensus.step,
      hasProposal: consensus.proposal(Math.max(consensus.round, 0)) !== undefined,
      hasBlocks: engine.bodyIds().slice(-MAX_KNOWN_BLOCKS),
      votes: relevantRounds(consensus).flatMap((round) =>
        ([PREVOTE, PRECOMMIT] as const).flatMap((type) => {
          const bitmap = consensus.voteBitmap(height, round, type);
          return bitmap === undefined ? [] : [{ round, type, bitmap }];
        }),
      ),
      lastCommit:
        lastCommitRound === undefined || lastBitmap === undefined
          ? undefined
          : { round: lastCommitRound, bitmap: lastBitmap },
      headHeight: archive.head(),
      baseHeight: archive.base(),
    };
  }
}
