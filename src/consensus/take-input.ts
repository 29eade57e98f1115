import type { Time } from '#types/time.ts';
import { PRECOMMIT, PREVOTE, type Vote } from '#types/vote.ts';
import type { Actions } from './actions.ts';
import type { HeightState } from './height-state.ts';
import type { Input } from './input.ts';
import { isBeforeGenesis } from './pace.ts';
import { PROPOSAL_ROUNDS_AHEAD } from './proposal-rules.ts';

export type InputOf<Kind extends Input['kind']> = Extract<Input, { kind: Kind }>;

/** Proposals further ahead are not kept. */
export function highestProposalRound(state: HeightState): number {
  return Math.max(state.round, 0) + PROPOSAL_ROUNDS_AHEAD;
}

/** Precommits that came in while the decided block was applied: they join the last commit. */
export function* latePrecommits(before: HeightState, state: HeightState, now: Time): Generator<Input> {
  const { lastCommit } = state;
  if (lastCommit === undefined) return;
  for (const vote of before.votes.votes(lastCommit.round, PRECOMMIT))
    if (!lastCommit.has(vote.validatorIndex)) yield { kind: 'vote', now, vote };
}

/**
 * A precommit of mine is my lock, wherever it comes from: after a lost disk, a peer that sends my own vote back gives
 * me the lock back. In a node that lost nothing the lock was there before the vote.
 */
export function restoreLock(state: HeightState, vote: Vote): void {
  if (vote.type !== PRECOMMIT || vote.validatorIndex !== state.myIndex || vote.blockId.hash.length === 0) return;
  if (vote.round > state.lockedRound) state.locked = { round: vote.round, blockId: vote.blockId };
}

/** L57, L61, L65 and the end of the pause. A timer of another height, round or step is late: ignored. */
export function takeTimeout(actions: Actions, { height, round, step }: InputOf<'timeout'>): void {
  const { state } = actions;
  if (height !== state.height || state.decided !== undefined) return;
  if (step === 'newHeight') {
    if (state.step !== 'newHeight') return;
    if (isBeforeGenesis(state.context, actions.now)) actions.schedulePause();
    else actions.startRound(0);
    return;
  }
  if (round !== state.round) return;
  // L57-60: no complete proposal in time.
  if (step === 'propose' && state.step === 'propose') actions.vote(PREVOTE);
  // L61-64: no polka in time.
  else if (step === 'prevoteWait' && state.step === 'prevote' && state.prevoteWaitRound === round)
    actions.vote(PRECOMMIT);
  // L65-67: no decision in time, in whatever step.
  else if (step === 'precommitWait' && state.precommitWaitRound === round) actions.startRound(round + 1);
}

export function takeValidity(actions: Actions, { blockId, verdict }: InputOf<'blockValidity'>): void {
  const known = actions.state.blocks.get(blockId);
  if (known?.validity === 'asked') known.validity = verdict;
}

export function takeBuilt(actions: Actions, { height, round, blockId, block }: InputOf<'blockBuilt'>): void {
  const { state } = actions;
  if (height !== state.height || round !== state.round || state.step !== 'propose') return;
  if (!state.isProposer || state.proposal !== undefined || state.askedToSign.has(`${round}/proposal`)) return;
  // A polka that came in while the block was built: its value has the better chance (L15).
  if (state.valid !== undefined) {
    actions.signProposal(state.valid.blockId, state.valid.round);
    return;
  }
  actions.addBlock(blockId, block);
  actions.signProposal(blockId, -1);
}

export function takeWork(actions: Actions): void {
  const { state } = actions;
  if (state.step !== 'newHeight' || state.work) return;
  state.work = true;
  actions.schedulePause();
}

export function takeDecided(actions: Actions, { block, commit }: InputOf<'decided'>): void {
  const { state } = actions;
  if (state.decided !== undefined || commit.height !== state.height || block.header.height !== state.height) return;
  actions.decide(commit.blockId, block, commit);
}

export function takeClaim(actions: Actions, { peer, height, round, type, blockId }: InputOf<'peerClaim'>): void {
  if (height === actions.state.height) actions.state.votes.claim(peer, round, type, blockId);
}
