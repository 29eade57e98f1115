import type { Message } from '#network/messages.ts';
import type { Header } from '#types/header.ts';
import type { Proposal } from '#types/proposal.ts';
import type { Vote } from '#types/vote.ts';
import { carriedBlock } from './carried.ts';

const VOTES_KEPT = 64;
const PROPOSALS_KEPT = 16;

/** What a byzantine machine learns from the messages that pass through it. */
export class Sightings {
  /** Where the node inside stands, by its own reports. */
  height = 0;
  round = 0;
  /** Newest last. */
  readonly votes: Vote[] = [];
  readonly proposals: Proposal[] = [];
  /** Of the block that was proposed last. */
  header: Header | undefined;
  /** Of validators that voted, by index. */
  readonly addresses = new Map<number, Uint8Array>();

  sent(message: Message): void {
    if (message.kind === 'roundStep') {
      this.height = message.height;
      this.round = message.round;
    }
    this.passed(message);
  }

  passed(message: Message): void {
    if (message.kind === 'proposal') {
      this.proposal(message.proposal);
      this.header = carriedBlock(message)?.header ?? this.header;
    } else if (message.kind === 'votes') for (const vote of message.votes) this.vote(vote);
  }

  proposalAt(height: number, round: number): Proposal | undefined {
    return this.proposals.findLast((proposal) => proposal.height === height && proposal.round === round);
  }

  private proposal(proposal: Proposal): void {
    this.proposals.push(proposal);
    if (this.proposals.length > PROPOSALS_KEPT) this.proposals.shift();
  }

  private vote(vote: Vote): void {
    this.addresses.set(vote.validatorIndex, vote.validatorAddress);
    this.votes.push(vote);
    if (this.votes.length > VOTES_KEPT) this.votes.shift();
  }
}
