import type { Message } from '#network/messages.ts';
import type { BehaviourKind } from '../behaviour.ts';
import type { Rig } from '../rig.ts';

/** Listens, reports where it stands, and never votes or proposes. */
export const silent: BehaviourKind = {
  attacks: 'liveness: its rounds have no proposal, and every quorum needs all the others',
  defence: 'round timeouts (L57, L61, L65); quorums that f validators cannot withhold',
  create: (rig) => ({ outgoing: (_peer, message) => withoutMine(rig, message) }),
};

function withoutMine(rig: Rig, message: Message): readonly Message[] {
  if (message.kind === 'proposal' && rig.isMyProposal(message.proposal)) {
    rig.note('kept its proposal');
    return [];
  }
  if (message.kind !== 'votes') return [message];
  const votes = message.votes.filter((vote) => !rig.isMine(vote));
  if (votes.length === message.votes.length) return [message];
  rig.note('kept its vote');
  return votes.length === 0 ? [] : [{ ...message, votes }];
}
