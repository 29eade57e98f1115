import type { Block } from '#types/block.ts';
import { type BlockId, blockIdKey, isNilBlockId, NIL_BLOCK_ID } from '#types/block-id.ts';
import { type Commit, EMPTY_COMMIT } from '#types/commit.ts';
import type { Time } from '#types/time.ts';
import { PRECOMMIT, PREVOTE, type VoteType } from '#types/vote.ts';
import { assert } from '#util/assert.ts';
import { blockTime, voteTime } from './block-time.ts';
import type { Effect } from './effect.ts';
import type { HeightState } from './height-state.ts';
import type { TimeoutStep } from './input.ts';
import type { KnownBlock } from './known-blocks.ts';
import { untilDueMs } from './pace.ts';
import { type Timeouts, timeoutMs } from './timeouts.ts';

/** What the rules may do: change the state of the height and ask for effects. Made for one input. */
export class Actions {
  readonly state: HeightState;
  readonly now: Time;
  private readonly timeouts: Timeouts;
  private readonly list: Effect[] = [];
  private progressed = false;

  constructor(state: HeightState, timeouts: Timeouts, now: Time) {
    this.state = state;
    this.timeouts = timeouts;
    this.now = now;
  }

  /** The effects in the order in which they are to be carried out; `progress` once, at the end. */
  effects(): readonly Effect[] {
    return this.progressed ? [...this.list, { kind: 'progress' }] : this.list;
  }

  emit(effect: Effect): void {
    this.list.push(effect);
  }

  progress(): void {
    this.progressed = true;
  }

  /** Waits for round 0 to be due; called again when work shows up. A delay of 0 is answered like any other. */
  schedulePause(): void {
    const { context, height, decidedBefore, work } = this.state;
    const delayMs = untilDueMs(context, decidedBefore, this.now, work);
    this.emit({ kind: 'schedule', height, round: 0, step: 'newHeight', delayMs });
  }

  schedule(step: Exclude<TimeoutStep, 'newHeight'>): void {
    const { height, round } = this.state;
    this.emit({ kind: 'schedule', height, round, step, delayMs: timeoutMs(this.timeouts, step, round) });
  }

  /** L11-13: enters a round; its proposer proposes, everybody starts the propose timer. */
  startRound(round: number): void {
    const { state } = this;
    assert(round > state.round, 'rounds only go up');
    state.round = round;
    state.step = 'propose';
    state.votes.advance(round);
    state.prune();
    this.progress();
    // L20-21. The proposer times itself as well (the paper has only the others do so): its signer or its build may fail.
    this.schedule('propose');
    if (state.isProposer && state.proposal === undefined) this.propose();
  }

  /** L14-19: the valid value if there is one, else a new block. */
  private propose(): void {
    const { state } = this;
    if (state.valid !== undefined) {
      this.signProposal(state.valid.blockId, state.valid.round);
      return;
    }
    const lastCommit = state.lastCommit?.commit() ?? EMPTY_COMMIT;
    const { height, round, context } = state;
    this.emit({ kind: 'buildBlock', height, round, lastCommit, time: blockTime(context, lastCommit) });
  }

  signProposal(blockId: BlockId, polRound: number): void {
    const { height, round } = this.state;
    if (!this.askOnce('proposal')) return;
    const proposal = { height, round, polRound, blockId, timestamp: this.now };
    this.emit({ kind: 'sign', message: { kind: 'proposal', proposal } });
  }

  /** Casts my vote of this round and moves to its step, also when I am not a validator. It counts once it is signed. */
  vote(type: VoteType, blockId: BlockId = NIL_BLOCK_ID): void {
    const { state } = this;
    state.step = type === PREVOTE ? 'prevote' : 'precommit';
    this.progress();
    const me = state.me;
    if (me === undefined || !this.askOnce(type)) return;
    const { height, round, myIndex: validatorIndex } = state;
    const timestamp = voteTime(this.now, this.timeToFollow(blockId));
    const vote = { type, height, round, blockId, timestamp, validatorAddress: me.address, validatorIndex };
    this.emit({ kind: 'sign', message: { kind: 'vote', vote } });
  }

  /** L37-41: the lock is this round's, and is asked to be signed before anything else can happen. */
  lockAndPrecommit(blockId: BlockId): void {
    this.state.locked = { round: this.state.round, blockId };
    this.vote(PRECOMMIT, blockId);
  }

  /** A body that is missing: asked for once a round, since a new round may know new peers that have it. */
  request(round: number, blockId: BlockId): void {
    const { state } = this;
    const key = blockIdKey(blockId);
    if (state.requested.get(key) === state.round) return;
    state.requested.set(key, state.round);
    this.emit({ kind: 'requestBlock', height: state.height, round, blockId });
  }

  /** Takes a complete block in and asks whether it is valid. A block of another height never is. */
  addBlock(blockId: BlockId, block: Block): void {
    if (this.state.blocks.get(blockId) !== undefined) return;
    const known = this.state.blocks.add(blockId, block);
    this.progress();
    if (block.header.height !== this.state.height) {
      known.validity = 'invalid';
      return;
    }
    known.validity = 'asked';
    this.emit({ kind: 'validate', blockId, block });
  }

  execute(known: KnownBlock): void {
    const key = blockIdKey(known.blockId);
    if (this.state.executed.has(key)) return;
    this.state.executed.add(key);
    this.emit({ kind: 'execute', blockId: known.blockId, block: known.block });
  }

  decide(blockId: BlockId, block: Block, commit: Commit): void {
    this.state.decided = { blockId, block, commit };
    this.state.step = 'commit';
    this.progress();
    this.emit({ kind: 'commit', blockId, block, commit });
  }

  private askOnce(type: VoteType | 'proposal'): boolean {
    const { askedToSign, round } = this.state;
    const key = `${round}/${type}`;
    if (askedToSign.has(key)) return false;
    askedToSign.add(key);
    return true;
  }

  /** Time of the block that a vote is for, or of the one that I am locked on. */
  private timeToFollow(blockId: BlockId): Time | undefined {
    const { blocks, locked } = this.state;
    const followed = isNilBlockId(blockId) ? locked?.blockId : blockId;
    return followed === undefined ? undefined : blocks.get(followed)?.block.header.time;
  }
}
