import type { PeerId } from '#ports/transport.ts';
import { type BlockId, isNilBlockId, NIL_BLOCK_ID } from '#types/block-id.ts';
import type { Vote } from '#types/vote.ts';
import type { BehaviourKind } from '../behaviour.ts';
import type { Rig } from '../rig.ts';

/** Share of messages that hold both votes: proof in one hand. */
const BOTH = 0.2;

/** Prevotes and precommits for one value to some peers and for another to the rest. */
export const equivocatingVoter: BehaviourKind = {
  attacks: 'agreement: votes that count on both sides of a split; liveness: vote sets that differ from peer to peer',
  defence:
    'one vote of a validator counts in a round and type (L49), a second one only where +2/3 are claimed; both together ' +
    'are evidence (evidence-once-and-in-time)',
  create: (rig) => {
    const votes = twoFacedVotes(rig);
    return {
      outgoing: (peer, message) =>
        message.kind === 'votes' ? [{ ...message, votes: votes(peer, message.votes) }] : [message],
    };
  },
};

/** Rewrites the machine's own votes for peers on the other side. */
export function twoFacedVotes(rig: Rig): (peer: PeerId, votes: readonly Vote[]) => readonly Vote[] {
  return (peer, votes) =>
    votes.flatMap((vote) => {
      if (!rig.isMine(vote) || rig.side(peer, vote.height) === 0) return [vote];
      const blockId = otherValue(rig, vote);
      if (blockId === undefined) return [vote];
      rig.note('voted twice');
      const other = rig.sign({ ...vote, blockId });
      return rig.chance(BOTH) ? [other, vote] : [other];
    });
}

/** The other block of the round if there are two; else nil for a block, and the proposed block for nil. */
function otherValue(rig: Rig, { height, round, blockId }: Vote): BlockId | undefined {
  const other = rig.plot.other(height, round, blockId);
  if (other !== undefined) return other;
  return isNilBlockId(blockId) ? rig.seen.proposalAt(height, round)?.blockId : NIL_BLOCK_ID;
}
