import type { Consensus } from '#consensus/consensus.ts';
import { emptyBitmap, hasBit, setBit } from '#consensus/vote-set.ts';
import type { RelayWishMessage, RoundStepMessage } from '#network/messages.ts';
import type { Clock } from '#ports/clock.ts';
import type { PeerId } from '#ports/transport.ts';
import { equalBlockIds } from '#types/block-id.ts';
import type { Proposal } from '#types/proposal.ts';
import type { Vote } from '#types/vote.ts';
import { equalBytes } from '#util/bytes.ts';
import type { Body } from './body.ts';
import { RelayParents } from './relay-parents.ts';

export interface EagerOutlet {
  sendVote(peer: PeerId, vote: Vote): void;
  sendProposal(peer: PeerId, proposal: Proposal, body: Body): void;
  sendWish(peer: PeerId, wish: Omit<RelayWishMessage, 'kind'>): void;
}

interface BroughtProposal {
  readonly from: PeerId;
  readonly proposal: Proposal;
  /** Its place among the validators. */
  readonly proposer: number;
}

/**
 * Where not everybody is linked with everybody, messages are passed on at once to the peers that asked for their
 * author's: a hop costs its way and nothing else. What gets lost is found by comparing bitmaps, as ever; whoever repairs
 * the loss for good is asked from then on. In a full mesh authors bring their messages first, and nobody else is asked.
 */
export class EagerRelay {
  private readonly consensus: Consensus;
  private readonly clock: Clock;
  private readonly peers: ReadonlyMap<PeerId, RoundStepMessage>;
  private readonly outlet: EagerOutlet;
  private readonly parents = new RelayParents();
  /** What each peer asked for: bit i is validator i. */
  private readonly wishes = new Map<PeerId, Uint8Array>();
  /** Proposals whose block is not complete yet. */
  private readonly proposals = new Map<string, BroughtProposal>();
  private validatorsHash: Uint8Array | undefined;

  constructor(components: {
    consensus: Consensus;
    clock: Clock;
    peers: ReadonlyMap<PeerId, RoundStepMessage>;
    outlet: EagerOutlet;
  }) {
    this.consensus = components.consensus;
    this.clock = components.clock;
    this.peers = components.peers;
    this.outlet = components.outlet;
  }

  heightStarted(): void {
    this.parents.heightStarted([...this.peers.keys()], this.clock.monotonicMs());
    for (const [key, { proposal }] of this.proposals)
      if (proposal.height <= this.consensus.height) this.proposals.delete(key);
    const hash = this.consensus.context?.validators.hash();
    if (hash === undefined || (this.validatorsHash !== undefined && equalBytes(hash, this.validatorsHash))) return;
    this.validatorsHash = hash;
    this.parents.validatorsChanged();
    this.wishes.clear();
  }

  forget(peer: PeerId): void {
    this.parents.forget(peer);
    this.wishes.delete(peer);
  }

  /** A vote that was new and is verified. */
  tookVote(vote: Vote, from: PeerId): void {
    const { validatorIndex } = vote;
    this.parents.arrived(voteKey(vote), validatorIndex, from, this.clock.monotonicMs());
    for (const peer of this.wishers(validatorIndex, from)) {
      const progress = this.peers.get(peer);
      if (progress !== undefined && !isOfUse(vote, progress)) continue;
      this.outlet.sendVote(peer, vote);
    }
  }

  /** A proposal that was new and is verified, of this height or the next. It is passed on once its block is here. */
  tookProposal(proposal: Proposal, from: PeerId): void {
    const { consensus } = this;
    const { height, round } = proposal;
    const proposer = consensus.proposerAt(height, round);
    if (proposer === undefined) return;
    const index = consensus.validatorsAt(height)?.indexOf(proposer.address) ?? -1;
    this.parents.arrived(proposalKey(proposal), index, from, this.clock.monotonicMs());
    this.proposals.set(proposalKey(proposal), { from, proposal, proposer: index });
  }

  /** The block of a proposal is complete. */
  blockReady(body: Body): void {
    const { blockId } = body;
    for (const [key, { from, proposal, proposer }] of this.proposals) {
      if (!equalBlockIds(proposal.blockId, blockId)) continue;
      this.proposals.delete(key);
      for (const peer of this.wishers(proposer, from)) {
        const hasBlocks = this.peers.get(peer)?.hasBlocks ?? [];
        if (!hasBlocks.some((held) => equalBlockIds(held, blockId))) this.outlet.sendProposal(peer, proposal, body);
      }
    }
  }

  /** A vote that was here already. */
  repeatedVote(vote: Vote, from: PeerId): void {
    this.parents.repeated(voteKey(vote), from, this.clock.monotonicMs());
  }

  repeatedProposal(proposal: Proposal, from: PeerId): void {
    this.parents.repeated(proposalKey(proposal), from, this.clock.monotonicMs());
  }

  wished(peer: PeerId, { height, validators }: RelayWishMessage): void {
    const set = this.consensus.validatorsAt(height);
    if (set !== undefined && equalBytes(set.hash(), this.validatorsHash ?? set.hash()))
      this.wishes.set(peer, validators);
  }

  /** Tells peers what this node wants from them, where that changed. */
  tellWishes(): void {
    const { consensus, outlet } = this;
    const size = consensus.context?.validators.size;
    if (size === undefined) return;
    for (const { peer, validators } of this.parents.takeChanged(size)) {
      const bitmap = emptyBitmap(size);
      for (const validator of validators) setBit(bitmap, validator);
      outlet.sendWish(peer, { height: consensus.height, validators: bitmap });
    }
  }

  private *wishers(validator: number, except: PeerId): Generator<PeerId> {
    for (const [peer, bitmap] of this.wishes) if (peer !== except && hasBit(bitmap, validator)) yield peer;
  }
}

/** It is at a height at which the vote counts, and has not said that it has it. */
function isOfUse({ height, round, type, validatorIndex }: Vote, progress: RoundStepMessage): boolean {
  if (progress.height !== height) return progress.height === height - 1 || progress.height === height + 1;
  const held = progress.votes.find((entry) => entry.round === round && entry.type === type)?.bitmap;
  return held === undefined || !hasBit(held, validatorIndex);
}

function voteKey({ height, round, type, validatorIndex }: Pick<Vote, 'height' | 'round' | 'type' | 'validatorIndex'>) {
  return `${height}/${round}/${type}/${validatorIndex}`;
}

function proposalKey({ height, round }: Proposal): string {
  return `${height}/${round}/proposal`;
}
