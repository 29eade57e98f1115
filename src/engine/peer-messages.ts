import type { Consensus } from '#consensus/consensus.ts';
import type { SignedMessage } from '#consensus/input.ts';
import { encodeCompactBlock } from '#network/compact-block-codec.ts';
import { MAX_VOTES_PER_MESSAGE } from '#network/message-codec.ts';
import type { PeerClaimMessage, ProposalMessage, RelayWishMessage, RoundStepMessage } from '#network/messages.ts';
import type { Network } from '#network/network.ts';
import type { PeerId } from '#ports/transport.ts';
import type { Proposal } from '#types/proposal.ts';
import type { Vote } from '#types/vote.ts';
import type { Body } from './body.ts';
import { compactBlock } from './compact-block.ts';
import type { Engine } from './engine.ts';
import type { OwnTransactions } from './own-transactions.ts';
import type { BlockArchive } from './request-answers.ts';
import { roundStepMessage } from './round-step.ts';

export interface PeerMessagesComponents {
  readonly network: Pick<Network, 'send' | 'broadcast'>;
  readonly consensus: Consensus;
  readonly engine: Pick<Engine, 'body' | 'bodyIds'>;
  readonly archive: Pick<BlockArchive, 'head' | 'base'>;
  readonly own: Pick<OwnTransactions, 'mayBeUnknown'>;
}

/**
 * What consensus tells peers unasked: the form of each message, and what may be in it. To whom and when is decided
 * elsewhere; here alone a block gets its compact form.
 */
export class PeerMessages {
  private readonly parts: PeerMessagesComponents;

  constructor(components: PeerMessagesComponents) {
    this.parts = components;
  }

  /** A message that this node signed, to all peers. */
  broadcastSigned(message: SignedMessage, body: Body | undefined): void {
    const { network } = this.parts;
    if (message.kind === 'vote') network.broadcast({ kind: 'votes', votes: [message.vote] });
    else network.broadcast(this.proposalMessage(message.proposal, body));
  }

  broadcastProgress(): void {
    this.parts.network.broadcast(this.progressReport());
  }

  sendProgress(peer: PeerId): void {
    this.parts.network.send(peer, this.progressReport());
  }

  sendVotes(peer: PeerId, votes: readonly Vote[]): void {
    for (let from = 0; from < votes.length; from += MAX_VOTES_PER_MESSAGE)
      this.parts.network.send(peer, { kind: 'votes', votes: votes.slice(from, from + MAX_VOTES_PER_MESSAGE) });
  }

  /** That +2/3 of one type are for one block, in the height under way. */
  sendClaim(peer: PeerId, claim: Omit<PeerClaimMessage, 'kind' | 'height'>): void {
    const { network, consensus } = this.parts;
    network.send(peer, { kind: 'peerClaim', height: consensus.height, ...claim });
  }

  sendWish(peer: PeerId, wish: Omit<RelayWishMessage, 'kind'>): void {
    this.parts.network.send(peer, { kind: 'relayWish', ...wish });
  }

  /**
   * With its block only when that is valid: a proposer can give one by id whose hashes are not its contents', and who
   * passes that on in the compact form is taken for its author.
   */
  sendProposal(peer: PeerId, round: number): void {
    const { consensus, engine } = this.parts;
    const proposal = consensus.proposal(round);
    if (proposal === undefined) return;
    const isValid = consensus.hasValidBlock(proposal.blockId);
    this.sendBlock(peer, proposal, isValid ? engine.body(proposal.blockId) : undefined);
  }

  sendBlock(peer: PeerId, proposal: Proposal, body: Body | undefined): void {
    this.parts.network.send(peer, this.proposalMessage(proposal, body));
  }

  private proposalMessage(proposal: Proposal, body: Body | undefined): ProposalMessage {
    const { own } = this.parts;
    if (body === undefined) return { kind: 'proposal', proposal, block: undefined };
    const block = encodeCompactBlock(compactBlock(body, (hash) => own.mayBeUnknown(hash)));
    return { kind: 'proposal', proposal, block };
  }

  private progressReport(): RoundStepMessage {
    const { consensus, engine, archive } = this.parts;
    return roundStepMessage(consensus, engine, archive);
  }
}
