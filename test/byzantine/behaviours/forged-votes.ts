import type { PeerId } from '#ports/transport.ts';
import type { Vote } from '#types/vote.ts';
import { equalBytes } from '#util/bytes.ts';
import type { BehaviourKind } from '../behaviour.ts';
import type { Rig } from '../rig.ts';

/** Share of messages that carry a forged vote: an honest peer bans at the first, so between bans there are honest ones. */
const SHARE = 0.1;

/** Passes on votes of others with signatures that are not theirs, or in somebody else's name. */
export const forgedVotes: BehaviourKind = {
  attacks: 'agreement: quorums of votes that nobody cast; liveness: blame on honest relays',
  defence:
    'signatures are verified before a vote is counted or passed on, and address and index must belong together; whoever ' +
    'sends one is banned (commit-sig-address-bound, vote-index-bounds)',
  create: (rig) => ({
    outgoing: (peer, message) => {
      if (message.kind !== 'votes' || !rig.chance(SHARE)) return [message];
      const forged = forge(rig, peer);
      return forged === undefined ? [message] : [message, { kind: 'votes', votes: [forged] }];
    },
  }),
};

/** From a vote that was seen, moved to a round where the peer has none of that validator yet. */
function forge(rig: Rig, _peer: PeerId): Vote | undefined {
  const others = rig.seen.votes.filter((vote) => vote.height === rig.seen.height && !rig.isMine(vote));
  const vote = others.at(-1);
  if (vote === undefined) return undefined;
  const other = [...rig.seen.addresses].find(([, address]) => !equalBytes(address, vote.validatorAddress));
  const moved = { ...vote, round: vote.round + 1 };
  const [kind, forged] = rig.pick<readonly [string, Vote]>([
    ['wrong signature', { ...moved, signature: rig.random.bytes(64) }],
    ['signature of another round', moved],
    ['signature of my own', { ...moved, signature: rig.sign(moved).signature }],
    ['swapped index', { ...vote, validatorIndex: other?.[0] ?? vote.validatorIndex, round: vote.round + 1 }],
    ['unknown address', { ...moved, validatorAddress: rig.random.bytes(20) }],
  ]);
  rig.note(`forged: ${kind}`);
  return forged;
}
