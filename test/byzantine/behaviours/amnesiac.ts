import { PRECOMMIT, PREVOTE, type Vote } from '#types/vote.ts';
import type { BehaviourKind } from '../behaviour.ts';
import type { Rig } from '../rig.ts';

/** Forgets what it is locked on: prevotes whatever is proposed, and keeps no record of what it signed. */
export const amnesiac: BehaviourKind = {
  attacks: 'agreement: power that was locked on a block helps to decide another in a later round',
  defence: 'the lock rule of the others (L22, L28; lock-rule-unmixed): up to f validators without it change nothing',
  forgetful: true,
  create: (rig) => ({
    outgoing: (_peer, message) =>
      message.kind === 'votes' ? [{ ...message, votes: message.votes.map((vote) => forgetful(rig, vote)) }] : [message],
  }),
};

/** A nil prevote was a lock or a late proposal: the proposal of the round gets it now, and a precommit after it. */
function forgetful(rig: Rig, vote: Vote): Vote {
  const proposed = rig.seen.proposalAt(vote.height, vote.round)?.blockId;
  if (!rig.isMine(vote) || vote.blockId.hash.length > 0 || proposed === undefined) return vote;
  if (vote.type === PRECOMMIT && !rig.chance(PRECOMMITS)) return vote;
  rig.note(vote.type === PREVOTE ? 'prevoted against the lock' : 'precommitted without a polka');
  return rig.sign({ ...vote, blockId: proposed });
}

/** Share of its nil precommits that become precommits for what was proposed. */
const PRECOMMITS = 0.5;
