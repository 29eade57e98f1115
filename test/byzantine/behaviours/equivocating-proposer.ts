import type { Message } from '#network/messages.ts';
import type { PeerId } from '#ports/transport.ts';
import type { Behaviour, BehaviourKind } from '../behaviour.ts';
import { bodyOf, Forger, twinOf } from '../forge.ts';
import type { Rig } from '../rig.ts';
import { twoFacedVotes } from './equivocating-voter.ts';

/** Two valid blocks for one round, each with its own signed proposal and part set, and votes for both. */
export const equivocatingProposer: BehaviourKind = {
  attacks: 'agreement: two halves of the network decide different blocks of one height',
  defence: '+2/3 of the power for one block id (L49): two quorums share an honest validator, and that one votes once',
  create: (rig) => behaviour(rig),
};

function behaviour(rig: Rig): Behaviour {
  const forger = new Forger(rig, (block) => bodyOf(twinOf(block, rig.pen.address)));
  const votes = twoFacedVotes(rig);
  return {
    outgoing: (peer, message) => {
      if (message.kind === 'votes') return [{ ...message, votes: votes(peer, message.votes) }];
      if (!isFresh(rig, message) || rig.side(peer, message.proposal.height) === 0) return [message];
      sendOther(rig, forger, peer, message);
      return [];
    },
    answer: (_peer, request, honest) => {
      const forged = forger.answer(request);
      return forged === undefined ? honest() : Promise.resolve(forged);
    },
  };
}

/** My own proposal of a new block. */
export function isFresh(rig: Rig, message: Message): message is Extract<Message, { kind: 'proposal' }> {
  return message.kind === 'proposal' && message.proposal.polRound === -1 && rig.isMyProposal(message.proposal);
}

function sendOther(rig: Rig, forger: Forger, peer: PeerId, message: Extract<Message, { kind: 'proposal' }>): void {
  const { height, round, blockId } = message.proposal;
  void forger.send(peer, message).then((forged) => {
    if (forged === undefined) {
      rig.send(peer, message);
      return;
    }
    rig.plot.proposed(height, round, [blockId, forged.proposal.blockId]);
    rig.note('sent another block');
  });
}
