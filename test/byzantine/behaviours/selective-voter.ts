import type { Message } from '#network/messages.ts';
import type { PeerId } from '#ports/transport.ts';
import { PREVOTE } from '#types/vote.ts';
import type { BehaviourKind } from '../behaviour.ts';
import type { Rig } from '../rig.ts';

/** Votes as it should, but gives each vote to some peers only, and now and then a prevote long after its round. */
export const selectiveVoter: BehaviourKind = {
  attacks: 'liveness: polkas and decisions that one machine sees and the rest do not, so that it is locked alone',
  defence:
    'who has a vote passes it on to whoever reports that it lacks it; polkas and majorities are repeated, also late ' +
    '(L28, L42, hidden locks)',
  create: (rig) => ({
    outgoing: (peer, message) => forSome(rig, peer, message),
    tick: () => late(rig),
  }),
};

function forSome(rig: Rig, peer: PeerId, message: Message): readonly Message[] {
  if (message.kind !== 'votes') return [message];
  const votes = message.votes.filter((vote) => {
    // Prevotes to one side, precommits to the other: those who lock are not those who decide.
    const hears = rig.side(peer, vote.height) === (vote.type === PREVOTE ? 1 : 0);
    if (hears || !rig.isMine(vote)) return true;
    rig.note('kept a vote from a peer');
    return false;
  });
  if (votes.length === message.votes.length) return [message];
  return votes.length === 0 ? [] : [{ kind: 'votes', votes }];
}

/** A prevote for what was proposed in a round that is over: it can make a polka that nobody had seen. */
function late(rig: Rig): void {
  const { seen, index } = rig;
  const proposal = seen.proposals.findLast(({ height, round }) => height === seen.height && round < seen.round);
  if (proposal === undefined || index === undefined || rig.peers.length === 0) return;
  const { height, round, blockId } = proposal;
  rig.note('voted late');
  const place = { type: PREVOTE, height, round, blockId, timestamp: rig.means.clock.now() } as const;
  const vote = rig.sign({ ...place, validatorAddress: rig.pen.address, validatorIndex: index });
  rig.send(rig.pick(rig.peers), { kind: 'votes', votes: [vote] });
}
