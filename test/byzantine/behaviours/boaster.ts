import type { RoundStepMessage } from '#network/messages.ts';
import type { BehaviourKind } from '../behaviour.ts';
import type { Rig } from '../rig.ts';

/** Heights that it claims beyond its own, where it does not claim all that there can be. */
const AHEAD = 1_000;
/** Of an answer that does not come before the asker gives up. Milliseconds. */
const NEVER_MS = 60_000;
/** How often it hangs up and calls again, to be believed anew. Share of ticks and peers. */
const RECONNECTS = 0.05;

/** Claims heights that nobody has, always the same way, and is silent when asked for them. */
export const boaster: BehaviourKind = {
  attacks:
    'the work of nodes that are up to date: they take themselves for being behind, refuse transactions, and wait for blocks',
  defence:
    'a claim is believed for as long as its blocks come (sync-height-lies, sync-never-idles, syncing-node-refuses)',
  create: (rig) => {
    const isGiant = rig.chance(0.5);
    return {
      outgoing: (_peer, message) => [message.kind === 'roundStep' ? boast(rig, message, isGiant) : message],
      answer: async (_peer, request, honest) => {
        if (request.kind !== 'getBlocks' || request.from <= rig.seen.height - 1) return honest();
        rig.note('kept silent about blocks that there are not');
        await rig.after(NEVER_MS);
        return honest();
      },
      tick: () => {
        for (const peer of rig.peers) {
          if (!rig.chance(RECONNECTS)) continue;
          rig.note('hung up');
          rig.hangUp(peer);
        }
      },
    };
  },
};

function boast(rig: Rig, message: RoundStepMessage, isGiant: boolean): RoundStepMessage {
  rig.note('claimed heights that nobody has');
  return { ...message, headHeight: isGiant ? Number.MAX_SAFE_INTEGER : message.headHeight + AHEAD };
}
