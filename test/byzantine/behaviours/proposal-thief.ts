import type { ProposalMessage } from '#network/messages.ts';
import type { PeerId } from '#ports/transport.ts';
import type { BehaviourKind } from '../behaviour.ts';
import { withoutTxs } from '../carried.ts';
import type { Rig } from '../rig.ts';

/** Of a request that is never answered. Milliseconds. */
const NEVER_MS = 60_000;

/** Passes proposals of others on before anybody else can, without their transactions, and never gives those. */
export const proposalThief: BehaviourKind = {
  attacks: 'liveness: everybody waits for the transactions of the one who was first, until the round is over',
  defence: 'whoever takes long is not the only one to be asked; the whole body is asked of others in time',
  create: (rig) => ({
    incoming: (from, message) => {
      if (message.kind === 'proposal' && message.block !== undefined) steal(rig, from, message);
      return true;
    },
    answer: async (_peer, request, honest) => {
      if (request.kind !== 'getTxs' && request.kind !== 'getBlockById') return honest();
      if (request.height < rig.seen.height) return honest();
      rig.note('kept the transactions of others');
      await rig.after(NEVER_MS);
      throw new Error('never');
    },
  }),
};

function steal(rig: Rig, from: PeerId, message: ProposalMessage): void {
  const bare = withoutTxs(message);
  rig.note('passed a proposal on');
  for (const peer of rig.peers) if (peer !== from) rig.send(peer, bare);
}
