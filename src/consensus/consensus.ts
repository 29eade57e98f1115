import type { Block } from '#types/block.ts';
import { type BlockId, equalBlockIds } from '#types/block-id.ts';
import type { Commit } from '#types/commit.ts';
import type { Proposal } from '#types/proposal.ts';
import { hasTwoThirds } from '#types/quorum.ts';
import type { Time } from '#types/time.ts';
import type { Validator, ValidatorSet } from '#types/validator-set.ts';
import { PRECOMMIT, PREVOTE, type Vote, type VoteType } from '#types/vote.ts';
import { assert, unreachable } from '#util/assert.ts';
import type { BrokenRule } from '#util/broken-rule.ts';
import { Actions } from './actions.ts';
import type { Effect } from './effect.ts';
import { type Decision, HeightState, type Step } from './height-state.ts';
import { HeldMessages } from './held-messages.ts';
import type { HeightContext, Input, SignedMessage } from './input.ts';
import { isBeforeGenesis } from './pace.ts';
import { isWellFormedProposal, PROPOSAL_ROUNDS_AHEAD } from './proposal-rules.ts';
import { applyRules } from './round-rules.ts';
import {
  highestProposalRound,
  type InputOf,
  latePrecommits,
  restoreLock,
  takeBuilt,
  takeClaim,
  takeDecided,
  takeTimeout,
  takeValidity,
  takeWork,
} from './take-input.ts';
import { DEFAULT_TIMEOUTS, type Timeouts } from './timeouts.ts';
import type { Majority } from './vote-keeper.ts';

export interface ConsensusOptions {
  /** My validator address; undefined for a node that never votes. */
  readonly address?: Uint8Array | undefined;
  readonly timeouts?: Timeouts;
  /** For tests of the checkers only. */
  readonly brokenRule?: BrokenRule | undefined;
}

/** What +2/3 agreed on, and in which vote. */
export type TypedMajority = Majority & { readonly type: VoteType };

const NO_EFFECTS: readonly Effect[] = [];

/**
 * The Tendermint core: inputs in, effects out. The same inputs in the same order give the same effects; nothing else
 * is read, no clock either (`now` comes with each input). Unproven input never throws: what is out of place is
 * ignored. It throws when +2/3 of the power decide a block that this node finds invalid, and then must not go on.
 */
export class Consensus {
  private readonly address: Uint8Array | undefined;
  private readonly timeouts: Timeouts;
  private readonly brokenRule: BrokenRule | undefined;
  private state: HeightState | undefined;
  private held: HeldMessages | undefined;
  private decidedAt: Time | undefined;

  constructor(options: ConsensusOptions = {}) {
    this.address = options.address;
    this.timeouts = options.timeouts ?? DEFAULT_TIMEOUTS;
    this.brokenRule = options.brokenRule;
  }

  /** Consumes one input. The effects are to be carried out in order. Before the first `newHeight` all else is ignored. */
  handle(input: Input): readonly Effect[] {
    if (input.kind === 'newHeight') return this.newHeight(input);
    const { state } = this;
    if (state === undefined) return NO_EFFECTS;
    const actions = new Actions(state, this.timeouts, input.now);
    this.take(actions, input);
    applyRules(actions, this.brokenRule);
    if (state.decided !== undefined) this.decidedAt ??= input.now;
    return actions.effects();
  }

  private take(actions: Actions, input: Exclude<Input, { kind: 'newHeight' }>): void {
    switch (input.kind) {
      case 'proposal':
        this.takeProposal(actions, input.proposal);
        break;
      case 'block':
        this.takeBlock(actions, input.blockId, input.block);
        break;
      case 'vote':
        this.takeVote(actions, input.vote);
        break;
      case 'timeout':
        takeTimeout(actions, input);
        break;
      case 'blockValidity':
        takeValidity(actions, input);
        break;
      case 'blockBuilt':
        takeBuilt(actions, input);
        break;
      case 'signed':
        this.takeSigned(actions, input.message);
        break;
      case 'signRefused':
        // The vote or proposal is missing, as if it had been lost: the timers go on without it.
        break;
      case 'workAvailable':
        takeWork(actions);
        break;
      case 'decided':
        takeDecided(actions, input);
        break;
      case 'peerClaim':
        takeClaim(actions, input);
        break;
      default:
        unreachable(input);
    }
  }

  /** L52-54: the next height, with nothing locked, nothing valid and no votes but those that were held for it. */
  private newHeight({ context, now }: InputOf<'newHeight'>): readonly Effect[] {
    const before = this.state;
    assert(before === undefined || context.height > before.height, 'heights only go up');
    const follows = before !== undefined && context.height === before.height + 1;
    const decidedBefore = (follows ? this.decidedAt : undefined) ?? now;
    const isQuorum = this.brokenRule === 'quorum' ? isHalf : hasTwoThirds;
    const state = new HeightState(context, { address: this.address, decidedBefore, isQuorum });
    const inputs = follows ? [...latePrecommits(before, state, now), ...(this.held?.asInputs(now) ?? [])] : [];
    this.state = state;
    this.held = new HeldMessages(context.nextValidators, state.maxBlockBytes);
    this.decidedAt = undefined;
    const actions = new Actions(state, this.timeouts, now);
    actions.schedulePause();
    if (inputs.length > 0) actions.emit({ kind: 'redeliver', inputs });
    actions.progress();
    return actions.effects();
  }

  private takeProposal(actions: Actions, proposal: Proposal): void {
    const { state } = actions;
    if (!this.wantsProposal(proposal)) return;
    if (proposal.height === state.height + 1) {
      this.held?.holdProposal(proposal);
      return;
    }
    const { round } = proposal;
    state.proposals.set(round, proposal);
    actions.progress();
    // Its proposer found that it was due: nothing is gained by waiting on.
    if (state.round < 0 && round === 0 && !isBeforeGenesis(state.context, actions.now)) actions.startRound(0);
  }

  private takeBlock(actions: Actions, blockId: BlockId, block: Block): void {
    const { state } = actions;
    if (block.header.height === state.height + 1) this.held?.holdBlock(blockId, block);
    if (state.decided === undefined && state.isWanted(blockId)) actions.addBlock(blockId, block);
  }

  private takeVote(actions: Actions, vote: Vote): void {
    const { state } = actions;
    if (vote.height === state.height + 1) this.held?.holdVote(vote);
    const outcome = vote.height === state.height ? state.votes.add(vote) : this.addLate(state, vote);
    if (outcome === undefined) return;
    if (outcome.conflict !== undefined) actions.emit({ kind: 'evidence', voteA: outcome.conflict, voteB: vote });
    if (outcome.added) actions.progress();
    if (outcome.added && vote.height === state.height) restoreLock(state, vote);
  }

  private addLate(state: HeightState, vote: Vote) {
    return vote.height === state.height - 1 ? state.lastCommit?.add(vote) : undefined;
  }

  private takeSigned(actions: Actions, message: SignedMessage): void {
    const { height } = actions.state;
    if (message.kind === 'vote') {
      if (message.vote.height !== height && message.vote.height !== height - 1) return;
      actions.emit({ kind: 'publish', message });
      this.takeVote(actions, message.vote);
    } else if (message.proposal.height === height) {
      actions.emit({ kind: 'publish', message });
      this.takeProposal(actions, message.proposal);
    }
  }

  // What peers and operators may see. Nothing of it changes the core; arrays and bitmaps belong to the caller.

  /** The height being decided; 0 before the first `newHeight`. */
  get height(): number {
    return this.state?.height ?? 0;
  }

  /** -1 during the pause before round 0. */
  get round(): number {
    return this.state?.round ?? -1;
  }

  get step(): Step {
    return this.state?.step ?? 'newHeight';
  }

  get context(): HeightContext | undefined {
    return this.state?.context;
  }

  get lockedRound(): number {
    return this.state?.lockedRound ?? -1;
  }

  get lockedBlockId(): BlockId | undefined {
    return this.state?.locked?.blockId;
  }

  get validRound(): number {
    return this.state?.validRound ?? -1;
  }

  get validBlockId(): BlockId | undefined {
    return this.state?.valid?.blockId;
  }

  /** Set from the `commit` effect until the next height. */
  get decided(): Decision | undefined {
    return this.state?.decided;
  }

  /** An accepted proposal of this height; of the current round if none is given. */
  proposal(round: number = this.round): Proposal | undefined {
    return this.state?.proposals.get(round);
  }

  /** An accepted proposal of this height, or one held for the next. */
  proposalAt(height: number, round: number): Proposal | undefined {
    if (this.state === undefined) return undefined;
    if (height === this.state.height + 1) return this.held?.proposal(round);
    return height === this.state.height ? this.state.proposals.get(round) : undefined;
  }

  /** Whether the proposal would be taken: others are neither verified nor logged. */
  wantsProposal(proposal: Proposal): boolean {
    const { state } = this;
    if (state === undefined) return false;
    const { height, round } = proposal;
    if (height === state.height + 1) return this.held?.wantsProposal(proposal) ?? false;
    if (height !== state.height || state.decided !== undefined) return false;
    if (!isWellFormedProposal(proposal, state.maxBlockBytes)) return false;
    return round >= state.round && round <= highestProposalRound(state) && !state.proposals.has(round);
  }

  /** Whether the vote would change anything: others are neither verified nor logged. */
  wantsVote(vote: Vote): boolean {
    const { state } = this;
    if (state === undefined) return false;
    if (vote.height === state.height) return state.votes.wants(vote);
    if (vote.height === state.height + 1) return this.held?.wantsVote(vote) ?? false;
    return vote.height === state.height - 1 && state.lastCommit?.wants(vote) === true;
  }

  /** Whether the block is kept for a rule of this height, or for the next one. */
  holds(blockId: BlockId): boolean {
    const { state } = this;
    if (state === undefined) return false;
    if (state.blocks.get(blockId) !== undefined || this.held?.hasBlock(blockId) === true) return true;
    return state.decided !== undefined && equalBlockIds(state.decided.blockId, blockId);
  }

  /** A complete block of this height that a rule still needs. */
  block(blockId: BlockId): Block | undefined {
    return this.state?.blocks.get(blockId)?.block;
  }

  /** Whether a block of this height is here and known to follow from the chain. */
  hasValidBlock(blockId: BlockId): boolean {
    return this.state?.blocks.get(blockId)?.validity === 'valid';
  }

  /** Validators of the previous, this or the next height: to verify a vote before it becomes an input. */
  validatorsAt(height: number): ValidatorSet | undefined {
    const context = this.state?.context;
    if (context === undefined) return undefined;
    if (height === context.height) return context.validators;
    if (height === context.height + 1) return context.nextValidators;
    return height === context.height - 1 ? context.lastValidators : undefined;
  }

  /**
   * Who proposes; to verify a proposal before it becomes an input. Undefined where a proposal would be ignored anyway:
   * rounds that are over, rounds far ahead (the cost grows with the round), other heights than this and the next.
   */
  proposerAt(height: number, round: number): Validator | undefined {
    const { state } = this;
    if (state === undefined || !Number.isSafeInteger(round) || round < 0) return undefined;
    if (height === state.height + 1) {
      if (round >= PROPOSAL_ROUNDS_AHEAD) return undefined;
      const { nextValidators } = state.context;
      return round === 0 ? nextValidators.proposer : nextValidators.incremented(round).proposer;
    }
    if (height !== state.height || round < state.round || round > highestProposalRound(state)) return undefined;
    return state.proposers.at(round);
  }

  /** Rounds of this height of which votes are held, ascending. */
  voteRounds(): readonly number[] {
    return this.state?.votes.heldRounds() ?? [];
  }

  /** Votes held of this height, or the precommits of the previous one's commit; by validator index. */
  votes(height: number, round: number, type: VoteType): readonly Vote[] {
    const { state } = this;
    if (state === undefined) return [];
    if (height === state.height) return state.votes.votes(round, type);
    return this.lastPrecommitsOf(state, height, round, type)?.precommits() ?? [];
  }

  /** Which validators' votes are held: bit i is validator i, least significant bit first. Undefined: none of that place. */
  voteBitmap(height: number, round: number, type: VoteType): Uint8Array | undefined {
    const { state } = this;
    if (state === undefined) return undefined;
    if (height === state.height) return state.votes.bitmap(round, type);
    return this.lastPrecommitsOf(state, height, round, type)?.bitmap();
  }

  /** Votes held for one value, second votes of validators included. */
  votesFor(round: number, type: VoteType, blockId: BlockId): readonly Vote[] {
    return this.state?.votes.set(round, type)?.votes(blockId) ?? [];
  }

  /** Which validators' votes for one value are held. */
  voteBitmapFor(round: number, type: VoteType, blockId: BlockId): Uint8Array | undefined {
    return this.state?.votes.set(round, type)?.bitmap(blockId);
  }

  /** The value (nil included) with +2/3 in a round of this height: what a node claims to its peers. */
  majority(round: number, type: VoteType): BlockId | undefined {
    return this.state?.votes.set(round, type)?.majority;
  }

  /** Polkas for a block at this height, oldest first: peers at later rounds need their prevotes (L28). */
  get polkas(): readonly Majority[] {
    return [...(this.state?.votes.polkas ?? [])];
  }

  /** What +2/3 agreed on in any round of this height: peers that cannot see it need its votes. */
  get majorities(): readonly TypedMajority[] {
    const { polkas = [], precommitMajorities = [] } = this.state?.votes ?? {};
    const typed = (majorities: readonly Majority[], type: VoteType): TypedMajority[] =>
      majorities.map((majority) => ({ ...majority, type }));
    return [...typed(polkas, PREVOTE), ...typed(precommitMajorities, PRECOMMIT)];
  }

  /** Round of the previous height's commit; undefined at the initial height. */
  get lastCommitRound(): number | undefined {
    return this.state?.lastCommit?.round;
  }

  /** The previous height's commit with the precommits that joined so far. */
  lastCommit(): Commit | undefined {
    return this.state?.lastCommit?.commit();
  }

  private lastPrecommitsOf(state: HeightState, height: number, round: number, type: VoteType) {
    const { lastCommit } = state;
    const fits = height === state.height - 1 && type === PRECOMMIT && round === lastCommit?.round;
    return fits ? lastCommit : undefined;
  }
}

/** The `quorum` that a test breaks. */
function isHalf(power: bigint, total: bigint): boolean {
  return power * 2n >= total;
}
