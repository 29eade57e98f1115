import { NIL_BLOCK_ID } from '#types/block-id.ts';
import { PRECOMMIT, PREVOTE, type Vote } from '#types/vote.ts';
import type { BehaviourKind } from '../behaviour.ts';
import type { Rig } from '../rig.ts';

/** Rounds ahead that get a nil vote at each tick. */
const ROUNDS_AHEAD = 16;

/** Votes nil whatever is proposed, in this round and in many that nobody has reached. */
export const nilSpammer: BehaviourKind = {
  attacks: 'liveness: nil quorums, and rounds that are skipped for no reason; memory: votes of rounds without end',
  defence:
    'f nil votes are no quorum and no round skip (L44, L55: more than 1/3); of each validator one round ahead is kept',
  create: (rig) => ({
    outgoing: (_peer, message) =>
      message.kind === 'votes' ? [{ ...message, votes: message.votes.map((vote) => asNil(rig, vote)) }] : [message],
    tick: () => spam(rig),
  }),
};

function asNil(rig: Rig, vote: Vote): Vote {
  if (!rig.isMine(vote) || vote.blockId.hash.length === 0) return vote;
  rig.note('voted nil for a block');
  return rig.sign({ ...vote, blockId: NIL_BLOCK_ID });
}

function spam(rig: Rig): void {
  const votes = myNilVotes(rig, [PREVOTE, PRECOMMIT], ROUNDS_AHEAD);
  if (votes.length === 0) return;
  rig.note('spammed nil');
  rig.sendAll({ kind: 'votes', votes });
}

/** Signed nil votes of the present height for the next rounds; none before my place in the set was seen. */
export function myNilVotes(rig: Rig, types: readonly (typeof PREVOTE | typeof PRECOMMIT)[], rounds: number): Vote[] {
  const { seen, index } = rig;
  if (index === undefined) return [];
  return Array.from({ length: rounds }, (_, ahead) => seen.round + 1 + ahead).flatMap((round) =>
    types.map((type) =>
      rig.sign({
        type,
        height: seen.height,
        round,
        blockId: NIL_BLOCK_ID,
        timestamp: rig.means.clock.now(),
        validatorAddress: rig.pen.address,
        validatorIndex: index,
      }),
    ),
  );
}
