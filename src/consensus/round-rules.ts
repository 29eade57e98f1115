import { equalBlockIds, isNilBlockId } from '#types/block-id.ts';
import { PRECOMMIT, PREVOTE } from '#types/vote.ts';
import type { BrokenRule } from '#util/broken-rule.ts';
import type { Actions } from './actions.ts';
import { isTooFarAhead } from './block-time.ts';
import { decidedBlockInvalid } from './errors.ts';
import type { KnownBlock } from './known-blocks.ts';

/**
 * The "upon" clauses of arXiv 1807.04938, each under its line. A rule returns true when it changed something; then
 * all are tried again from the top, until none fires. They wait in common: a rule that needs a body or its
 * validity asks for it and stays silent until it is there.
 */
export type Rule = (actions: Actions, broken: BrokenRule | undefined) => boolean;

/** L49-51: +2/3 precommits for a valid block decide it, whatever round they are of; or for one that they alone could judge. */
const decide: Rule = (actions) => {
  const { state } = actions;
  for (const { round, blockId } of state.votes.precommitMajorities) {
    const known = state.blocks.get(blockId);
    if (known === undefined) actions.request(round, blockId);
    else if (known.validity === 'invalid') {
      throw decidedBlockInvalid(blockId.hash, state.height);
    } else if (known.validity === 'valid' || known.validity === 'unjudged') {
      const precommits = state.votes.precommits(round);
      if (precommits === undefined) continue;
      actions.decide(blockId, known.block, precommits.makeCommit(blockId));
      return true;
    }
  }
  return false;
};

/** L55-56: follow more than 1/3 of the power to the highest round that it reached or passed. */
const skipRound: Rule = (actions) => {
  const target = actions.state.votes.skipTarget();
  if (target === undefined || target <= actions.state.round) return false;
  actions.startRound(target);
  return true;
};

/** The clock guard of L22. */
function isAhead({ state, now }: Actions, { block }: KnownBlock): boolean {
  return isTooFarAhead(block.header.time, state.context.lastBlockTime, now);
}

/**
 * L22-27: a fresh proposal is prevoted when it is valid and no lock is in its way. The only rule that reads my clock, and
 * not for the value that I am locked on: +2/3 have prevoted that one, so its time is no longer mine to judge.
 */
const prevoteFresh: Rule = (actions, broken) => {
  const { state } = actions;
  const { proposal, locked } = state;
  if (state.step !== 'propose' || proposal === undefined || proposal.polRound !== -1) return false;
  const known = state.blocks.get(proposal.blockId);
  if (known === undefined) {
    actions.request(state.round, proposal.blockId);
    return false;
  }
  const isLockedOnIt = locked !== undefined && equalBlockIds(locked.blockId, proposal.blockId);
  if ((!isLockedOnIt || broken === 'clockGuardAtLock') && isAhead(actions, known)) {
    actions.vote(PREVOTE);
    return true;
  }
  if (known.validity === 'asked') return false;
  const unlocked = locked === undefined || isLockedOnIt || broken === 'lock';
  if (known.validity === 'valid' && unlocked) actions.vote(PREVOTE, proposal.blockId);
  else actions.vote(PREVOTE);
  return true;
};

/**
 * L28-33: a value proposed again with its polka is prevoted unless my lock is newer and on something else. Until the
 * polka that it names has reached me there is no vote; the propose timer ends the wait.
 */
const prevoteAgain: Rule = (actions, broken) => {
  const { state } = actions;
  const { proposal, locked } = state;
  if (state.step !== 'propose' || proposal === undefined || proposal.polRound < 0) return false;
  const known = state.blocks.get(proposal.blockId);
  if (known === undefined) {
    actions.request(state.round, proposal.blockId);
    return false;
  }
  const polka = state.votes.prevotes(proposal.polRound)?.majority;
  if (polka === undefined || !equalBlockIds(polka, proposal.blockId) || known.validity === 'asked') return false;
  const unlocked =
    state.lockedRound <= proposal.polRound ||
    (locked !== undefined && equalBlockIds(locked.blockId, proposal.blockId)) ||
    broken === 'lock';
  const guarded = broken === 'clockGuardAtLock' && isAhead(actions, known);
  if (known.validity === 'valid' && unlocked && !guarded) actions.vote(PREVOTE, proposal.blockId);
  else actions.vote(PREVOTE);
  return true;
};

/** L34-35: +2/3 prevoted without agreement: wait a little for the rest. */
const waitForPrevotes: Rule = (actions) => {
  const { state } = actions;
  if (state.step !== 'prevote' || state.prevoteWaitRound === state.round) return false;
  if (state.votes.prevotes(state.round)?.hasTwoThirdsAny !== true) return false;
  state.prevoteWaitRound = state.round;
  actions.schedule('prevoteWait');
  return true;
};

/** L36-41: a polka for a valid block, while I may still precommit: lock it. The lock is replaced here and nowhere else. */
const lock: Rule = (actions, broken) => {
  const { state } = actions;
  if (state.step !== 'prevote') return false;
  const stale = broken === 'polkaRound' ? state.votes.polkas.at(-1)?.blockId : undefined;
  const polka = stale ?? state.votes.prevotes(state.round)?.majority;
  if (polka === undefined || isNilBlockId(polka)) return false;
  const known = state.blocks.get(polka);
  if (known?.validity !== 'valid' || (broken === 'clockGuardAtLock' && isAhead(actions, known))) return false;
  actions.lockAndPrecommit(polka);
  return true;
};

/**
 * L42-43: the newest polka for a valid block is what I propose from now on. Also late, for a round that is over: another
 * may be locked there, and only a value with that polka can be prevoted by all.
 */
const remember: Rule = (actions) => {
  const { state } = actions;
  let newest = state.valid;
  for (const polka of state.votes.polkas) {
    if (polka.round <= (newest?.round ?? -1)) continue;
    const known = state.blocks.get(polka.blockId);
    if (known === undefined) actions.request(polka.round, polka.blockId);
    // In the current round only from the step prevote on, so that L22 and L28 come first.
    else if (known.validity === 'valid' && (polka.round < state.round || state.step !== 'propose')) newest = polka;
  }
  if (newest === undefined || newest === state.valid) return false;
  state.valid = newest;
  const known = state.blocks.get(newest.blockId);
  if (known !== undefined) actions.execute(known);
  return true;
};

/** L44-46: a polka for nil is precommitted. The lock stays. */
const precommitNil: Rule = (actions) => {
  const { state } = actions;
  const polka = state.votes.prevotes(state.round)?.majority;
  if (state.step !== 'prevote' || polka === undefined || !isNilBlockId(polka)) return false;
  actions.vote(PRECOMMIT);
  return true;
};

/** L47-48: +2/3 precommitted without a decision: wait a little for the rest, whatever step I am in. */
const waitForPrecommits: Rule = (actions) => {
  const { state } = actions;
  if (state.precommitWaitRound === state.round) return false;
  if (state.votes.precommits(state.round)?.hasTwoThirdsAny !== true) return false;
  state.precommitWaitRound = state.round;
  actions.schedule('precommitWait');
  return true;
};

/** What ends a height or round comes first; then votes; waiting last, so that no timer starts for a step that is over. */
const IN_ROUND: readonly Rule[] = [
  prevoteFresh,
  prevoteAgain,
  lock,
  remember,
  precommitNil,
  waitForPrevotes,
  waitForPrecommits,
];

/** Applies the rules until none fires. */
export function applyRules(actions: Actions, broken?: BrokenRule): void {
  const { state } = actions;
  while (state.decided === undefined) {
    if (decide(actions, broken) || skipRound(actions, broken)) continue;
    if (state.round < 0 || !IN_ROUND.some((rule) => rule(actions, broken))) return;
  }
}
