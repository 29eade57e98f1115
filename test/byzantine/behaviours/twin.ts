import { blockIdKey } from '#types/block-id.ts';
import type { BehaviourKind } from '../behaviour.ts';

/** Two machines with one key, each an honest node that does not know of the other. */
export const twin: BehaviourKind = {
  attacks: 'agreement: equivocation, double votes and lost locks, all made by unmodified code (arXiv 2004.10617)',
  defence: 'one vote of a validator counts in a round and type; in a real process the key guard falls silent first',
  seesItself: true,
  create: (rig) => ({
    outgoing: (_peer, message) => {
      if (message.kind === 'votes') {
        for (const vote of message.votes) {
          const place = `${vote.height}/${vote.round}/${vote.type}`;
          if (rig.isMine(vote) && rig.plot.contradicts(place, blockIdKey(vote.blockId))) rig.note('voted twice');
        }
      } else if (message.kind === 'proposal' && rig.isMyProposal(message.proposal)) {
        const { height, round, blockId } = message.proposal;
        if (rig.plot.contradicts(`${height}/${round}/proposal`, blockIdKey(blockId))) rig.note('proposed twice');
      }
      return [message];
    },
  }),
};
