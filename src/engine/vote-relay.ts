import type { Consensus } from '#consensus/consensus.ts';
import { hasBit } from '#consensus/vote-set.ts';
import type { RoundStepMessage } from '#network/messages.ts';
import type { Clock, Timer } from '#ports/clock.ts';
import type { PeerId } from '#ports/transport.ts';
import { type BlockId, blockIdKey, equalBlockIds } from '#types/block-id.ts';
import { PRECOMMIT, PREVOTE, type Vote, type VoteType } from '#types/vote.ts';
import { PeerLag } from './peer-lag.ts';
import { relevantRounds, repeatedMajorities } from './relevant-rounds.ts';

/** A vote this young may still be on its way to the peer from its author: sending it would be the second copy. At least. */
const GRACE_MS = 25;
/** Precommits that come after the decision: nobody waits for them, and most are on their way to all. */
const LATE_GRACE_MS = 250;
/** A proposal is large, so the author gets longer. */
const PROPOSAL_GRACE_MS = 100;
/**
 * What +2/3 agreed on is claimed, with all its votes, to a peer that is still at the height after this time: the peer
 * may hold another vote of a validator that cast two, and then its bitmap shows no gap.
 */
const CLAIM_GRACE_MS = 1_000;
/** Waiting after a resend, doubled each time up to the cap: a slow link must not be filled with copies. */
const RESEND_MIN_MS = 100;
const RESEND_MAX_MS = 2_000;
/** Looking for gaps, when nothing else prompts it. */
const SWEEP_MS = 50;
/** Resends to one peer in one sweep: a budget against peers that claim to lack everything. */
const RESENDS_PER_SWEEP = 128;
/**
 * Progress is told on change, but no more often than this, and at least once a second. Peers use it to find gaps, which
 * they do not answer sooner than GRACE_MS anyway; told with every vote it was most of what a quick height cost.
 */
const ANNOUNCE_MIN_MS = 40;
const ANNOUNCE_MAX_MS = 1_000;
/** With many peers less often: every report goes to all, and some 250 a second from all of them are enough. */
const ANNOUNCE_MIN_PER_PEER_MS = 4;
const ANNOUNCE_MIN_CAP_MS = 400;

/** What each peer said of itself, last: the only thing that it is believed to have. Forgotten with its connection. */
export type PeerProgress = Map<PeerId, RoundStepMessage>;

export interface RelayOutlet {
  sendVotes(peer: PeerId, votes: readonly Vote[]): void;
  /** Sends the proposal and compact block of a round of the current height, if this node has both. */
  sendProposal(peer: PeerId, round: number): void;
  /** Tells that +2/3 of one type are for one block. */
  sendClaim(peer: PeerId, claim: { readonly round: number; readonly type: VoteType; readonly blockId: BlockId }): void;
  announceProgress(): void;
}

interface Resend {
  nextMs: number;
  delayMs: number;
}

/**
 * A lost message must not stall the chain: peers report which votes they hold, and whoever has one that a peer lacks
 * sends it. So votes also cross a network that is no full mesh.
 */
export class VoteRelay {
  private readonly consensus: Consensus;
  private readonly clock: Clock;
  private readonly peers: PeerProgress;
  private readonly outlet: RelayOutlet;
  /** When each vote or proposal of this height was first seen here. */
  private seenMs = new Map<string, number>();
  private resends = new Map<PeerId, Map<string, Resend>>();
  private readonly lags = new Map<PeerId, PeerLag>();
  private sweepTimer: Timer | undefined;
  private announceTimer: Timer | undefined;
  private announcedMs = Number.NEGATIVE_INFINITY;
  private stopped = false;

  constructor(components: { consensus: Consensus; clock: Clock; peers: PeerProgress; outlet: RelayOutlet }) {
    this.consensus = components.consensus;
    this.clock = components.clock;
    this.peers = components.peers;
    this.outlet = components.outlet;
  }

  start(): void {
    this.sweepLater();
    this.announceLater(0);
  }

  stop(): void {
    this.stopped = true;
    this.sweepTimer?.cancel();
    this.announceTimer?.cancel();
  }

  heightStarted(): void {
    this.seenMs = new Map();
    this.resends = new Map();
    this.changed();
  }

  forget(peer: PeerId): void {
    this.resends.delete(peer);
    this.lags.delete(peer);
  }

  /** A vote came in, or was made here. */
  took(vote: Vote): void {
    const key = voteKey(vote);
    if (!this.seenMs.has(key)) this.seenMs.set(key, this.clock.monotonicMs());
  }

  /** A peer's report is about to replace the one before: what is new in it shows how late the peer is. */
  reported(peer: PeerId, { height, votes }: RoundStepMessage): void {
    const before = this.peers.get(peer);
    if (height !== this.consensus.height) return;
    const nowMs = this.clock.monotonicMs();
    for (const { round, type, bitmap } of votes) {
      const held = (before?.height === height ? before.votes : []).find(
        (entry) => entry.round === round && entry.type === type,
      )?.bitmap;
      for (const validatorIndex of addedBits(bitmap, held)) {
        const seenMs = this.seenMs.get(voteKey({ height, round, type, validatorIndex }));
        if (seenMs !== undefined) this.lagOf(peer).note(nowMs - seenMs);
      }
    }
  }

  /** Height, round, step or votes changed: peers hear of it soon. */
  changed(): void {
    const sinceMs = this.clock.monotonicMs() - this.announcedMs;
    this.announceLater(Math.max(0, this.betweenReportsMs - sinceMs));
  }

  private announceLater(delayMs: number): void {
    if (this.stopped) return;
    this.announceTimer?.cancel();
    this.announceTimer = this.clock.setTimer(delayMs, () => {
      this.announcedMs = this.clock.monotonicMs();
      this.outlet.announceProgress();
      this.announceLater(ANNOUNCE_MAX_MS);
    });
  }

  private sweepLater(): void {
    if (this.stopped) return;
    this.sweepTimer = this.clock.setTimer(SWEEP_MS, () => {
      for (const [peer, progress] of this.peers.entries()) this.repair(peer, progress);
      this.sweepLater();
    });
  }

  /** Sends what the peer lacks of the height that both work on. A peer at another height syncs by blocks. */
  private repair(peer: PeerId, progress: RoundStepMessage): void {
    const { consensus } = this;
    if (progress.height !== consensus.height) return;
    const nowMs = this.clock.monotonicMs();
    const votes: Vote[] = [];
    for (const { vote, held } of this.gaps(progress)) {
      if (votes.length >= RESENDS_PER_SWEEP) break;
      if (held !== undefined && hasBit(held, vote.validatorIndex)) continue;
      const graceMs = vote.height < progress.height ? LATE_GRACE_MS : GRACE_MS;
      if (this.isDue(peer, voteKey(vote), graceMs, nowMs)) votes.push(vote);
    }
    if (votes.length > 0) this.outlet.sendVotes(peer, votes);
    this.repairProposal(peer, progress, nowMs);
    this.repairMajorities(peer, progress, nowMs);
  }

  /** Hidden locks: what +2/3 agreed on in older rounds is repeated, or a proposal that rests on it finds no votes. */
  private repairMajorities(peer: PeerId, progress: RoundStepMessage, nowMs: number): void {
    for (const majority of repeatedMajorities(this.consensus, progress)) {
      const { round, type, blockId } = majority;
      const key = `claim/${round}/${type}/${blockIdKey(blockId)}`;
      const graceMs = majority.isAwaited ? GRACE_MS : CLAIM_GRACE_MS;
      if (!this.isDue(peer, key, graceMs, nowMs)) continue;
      this.outlet.sendClaim(peer, majority);
      this.outlet.sendVotes(peer, this.consensus.votesFor(round, type, blockId));
    }
  }

  /** Votes that may matter to the peer, newest round first, and those of the last commit, with the peer's bitmap of its place. */
  private *gaps(progress: RoundStepMessage): Generator<{ vote: Vote; held: Uint8Array | undefined }> {
    const { consensus } = this;
    const lowest = Math.min(...progress.votes.map(({ round }) => round));
    for (const round of relevantRounds(consensus).toReversed()) {
      // What is below all that the peer reports is over for it; majorities are repeated on their own.
      if (round < lowest && round < progress.round) continue;
      for (const type of [PREVOTE, PRECOMMIT] as const) {
        const held = progress.votes.find((entry) => entry.round === round && entry.type === type)?.bitmap;
        for (const vote of consensus.votes(consensus.height, round, type)) yield { vote, held };
      }
    }
    const { lastCommitRound } = consensus;
    if (lastCommitRound === undefined || progress.lastCommit?.round !== lastCommitRound) return;
    const held = progress.lastCommit.bitmap;
    for (const vote of consensus.votes(consensus.height - 1, lastCommitRound, PRECOMMIT)) yield { vote, held };
  }

  private repairProposal(peer: PeerId, progress: RoundStepMessage, nowMs: number): void {
    const { round } = progress;
    const proposal = this.consensus.proposal(round);
    if (proposal === undefined) return;
    const hasBlock = progress.hasBlocks.some((blockId) => equalBlockIds(blockId, proposal.blockId));
    if (progress.hasProposal && hasBlock) return;
    const key = `proposal/${round}`;
    if (this.isDue(peer, key, PROPOSAL_GRACE_MS, nowMs)) this.outlet.sendProposal(peer, round);
  }

  /** Peers have about as many peers as this node, so they report as often. */
  private get betweenReportsMs(): number {
    return Math.max(ANNOUNCE_MIN_MS, Math.min(ANNOUNCE_MIN_PER_PEER_MS * this.peers.size, ANNOUNCE_MIN_CAP_MS));
  }

  private lagOf(peer: PeerId): PeerLag {
    const lag = this.lags.get(peer) ?? new PeerLag(this.betweenReportsMs);
    this.lags.set(peer, lag);
    return lag;
  }

  private isDue(peer: PeerId, key: string, graceMs: number, nowMs: number): boolean {
    let seen = this.seenMs.get(key);
    if (seen === undefined) {
      seen = nowMs;
      this.seenMs.set(key, seen);
    }
    const lagMs = this.lagOf(peer).graceMs;
    if (nowMs - seen < Math.max(graceMs, lagMs)) return false;
    let ofPeer = this.resends.get(peer);
    if (ofPeer === undefined) {
      ofPeer = new Map();
      this.resends.set(peer, ofPeer);
    }
    const resend = ofPeer.get(key);
    if (resend === undefined) {
      const delayMs = Math.max(RESEND_MIN_MS, lagMs);
      ofPeer.set(key, { nextMs: nowMs + delayMs, delayMs });
      return true;
    }
    if (resend.nextMs > nowMs) return false;
    resend.delayMs = Math.min(resend.delayMs * 2, RESEND_MAX_MS);
    resend.nextMs = nowMs + resend.delayMs;
    return true;
  }
}

function voteKey({ height, round, type, validatorIndex }: Pick<Vote, 'height' | 'round' | 'type' | 'validatorIndex'>) {
  return `${height}/${round}/${type}/${validatorIndex}`;
}

/** Bits of `after` that `before` lacks. */
function* addedBits(after: Uint8Array, before: Uint8Array | undefined): Generator<number> {
  for (const [at, byte] of after.entries()) {
    const added = byte & ~(before?.[at] ?? 0);
    for (let bit = 0; added >> bit > 0; bit++) if (((added >> bit) & 1) === 1) yield 8 * at + bit;
  }
}
