import type { Message } from '#network/messages.ts';
import type { PeerId } from '#ports/transport.ts';
import type { BehaviourKind } from '../behaviour.ts';
import type { Rig } from '../rig.ts';

/** From at once to well after the timeouts of the first rounds. Milliseconds. */
const DELAYS_MS = [0, 150, 190, 400, 590, 1_000, 3_000];

/** Says everything that it should, at the worst moment: just before the others stop waiting, or long after. */
export const dawdler: BehaviourKind = {
  attacks: 'liveness and pace: each height waits for its votes as long as it can be made to',
  defence:
    'waiting begins with +2/3 and ends by a timer that starts once a round (L34, L47); late precommits still count',
  create: (rig) => ({
    outgoing: (peer, message) => {
      const isPunctual = message.kind === 'roundStep' || message.kind === 'relayWish';
      const delayMs = isPunctual ? 0 : rig.pick(DELAYS_MS);
      if (delayMs === 0) return [message];
      sendLater(rig, peer, message, delayMs);
      return [];
    },
  }),
};

function sendLater(rig: Rig, peer: PeerId, message: Message, delayMs: number): void {
  rig.note('dawdled');
  void rig.after(delayMs).then(() => rig.send(peer, message));
}
