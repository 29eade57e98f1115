import type { Block } from '#types/block.ts';
import { type BlockId, blockIdKey } from '#types/block-id.ts';
import type { Proposal } from '#types/proposal.ts';
import type { Time } from '#types/time.ts';
import type { ValidatorSet } from '#types/validator-set.ts';
import { PRECOMMIT, PREVOTE, type Vote } from '#types/vote.ts';
import type { Input } from './input.ts';
import { isWellFormedProposal, PROPOSAL_ROUNDS_AHEAD } from './proposal-rules.ts';
import { isVoteOf } from './vote-set.ts';

/** Votes of the next height held of one validator: four rounds of prevotes and precommits. */
const VOTES_PER_VALIDATOR = 8;
/** Votes taken of one validator in all: a faulty one could else have ever higher rounds verified and logged. */
const TAKEN_PER_VALIDATOR = 256;

/**
 * Messages of the next height, held until this one is applied: a node that is a moment behind needs no resend.
 * Bounded by the next validator set, four proposals and their blocks; what does not fit is sent again by peers.
 */
export class HeldMessages {
  private readonly validators: ValidatorSet;
  private readonly maxBlockBytes: number;
  private readonly votes = new Map<number, Vote[]>();
  private readonly taken = new Map<number, number>();
  private readonly proposals = new Map<number, Proposal>();
  private readonly blocks = new Map<string, { readonly blockId: BlockId; readonly block: Block }>();

  constructor(nextValidators: ValidatorSet, maxBlockBytes: number) {
    this.validators = nextValidators;
    this.maxBlockBytes = maxBlockBytes;
  }

  /** Whether `holdVote` would keep it: the first of each round and type; when full, of a round above the lowest. */
  wantsVote(vote: Vote): boolean {
    if (!isVoteOf(this.validators, vote) || (vote.type !== PREVOTE && vote.type !== PRECOMMIT)) return false;
    if (!Number.isSafeInteger(vote.round) || vote.round < 0) return false;
    if ((this.taken.get(vote.validatorIndex) ?? 0) >= TAKEN_PER_VALIDATOR) return false;
    const held = this.votes.get(vote.validatorIndex) ?? [];
    if (held.some((other) => other.round === vote.round && other.type === vote.type)) return false;
    return held.length < VOTES_PER_VALIDATOR || held.some((other) => other.round < vote.round);
  }

  /** Keeps the first vote of each round and type; when full, the lowest round gives way to a higher one. */
  holdVote(vote: Vote): void {
    if (!this.wantsVote(vote)) return;
    const held = this.votes.get(vote.validatorIndex) ?? [];
    if (held.length >= VOTES_PER_VALIDATOR) {
      const lowest = held.reduce((low, other, index) => (other.round < (held[low] as Vote).round ? index : low), 0);
      held.splice(lowest, 1);
    }
    held.push(vote);
    this.votes.set(vote.validatorIndex, held);
    this.taken.set(vote.validatorIndex, (this.taken.get(vote.validatorIndex) ?? 0) + 1);
  }

  wantsProposal(proposal: Proposal): boolean {
    if (!isWellFormedProposal(proposal, this.maxBlockBytes) || proposal.round >= PROPOSAL_ROUNDS_AHEAD) return false;
    return !this.proposals.has(proposal.round);
  }

  holdProposal(proposal: Proposal): void {
    if (this.wantsProposal(proposal)) this.proposals.set(proposal.round, proposal);
  }

  proposal(round: number): Proposal | undefined {
    return this.proposals.get(round);
  }

  hasBlock(blockId: BlockId): boolean {
    return this.blocks.has(blockIdKey(blockId));
  }

  /** Keeps blocks of held proposals only. */
  holdBlock(blockId: BlockId, block: Block): void {
    const key = blockIdKey(blockId);
    for (const proposal of this.proposals.values())
      if (blockIdKey(proposal.blockId) === key) this.blocks.set(key, { blockId, block });
  }

  /** Everything held as inputs, proposals first, in a fixed order. */
  asInputs(now: Time): readonly Input[] {
    const inputs: Input[] = [];
    for (const [, proposal] of [...this.proposals].sort(([a], [b]) => a - b))
      inputs.push({ kind: 'proposal', now, proposal });
    for (const { blockId, block } of this.blocks.values()) inputs.push({ kind: 'block', now, blockId, block });
    for (const [, votes] of [...this.votes].sort(([a], [b]) => a - b))
      for (const vote of votes) inputs.push({ kind: 'vote', now, vote });
    return inputs;
  }
}
