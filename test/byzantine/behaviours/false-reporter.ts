import type { RoundStepMessage } from '#network/messages.ts';
import { PRECOMMIT, PREVOTE } from '#types/vote.ts';
import type { BehaviourKind } from '../behaviour.ts';
import type { Rig } from '../rig.ts';

/** Reports that it has everything, or nothing, and claims quorums that never were. */
export const falseReporter: BehaviourKind = {
  attacks: 'liveness: honest nodes wait for what it claims to have; their links: they resend what it claims to lack',
  defence:
    'a peer has only what it reported itself, so lies about others are not possible; resends have backoff and a budget a ' +
    'peer; claims only widen what is counted (bitarray-elems-mismatch)',
  create: (rig) => ({
    outgoing: (_peer, message) => {
      if (message.kind !== 'roundStep') return [message];
      rig.note('reported falsely');
      return [rig.chance(0.5) ? lacksAll(message) : hasAll(rig, message), claim(rig, message)];
    },
  }),
};

function lacksAll(message: RoundStepMessage): RoundStepMessage {
  const votes = message.votes.map((entry) => ({ ...entry, bitmap: new Uint8Array(entry.bitmap.length) }));
  const { lastCommit } = message;
  return {
    ...message,
    votes,
    hasProposal: false,
    hasBlocks: [],
    lastCommit: lastCommit && { ...lastCommit, bitmap: new Uint8Array(lastCommit.bitmap.length) },
  };
}

/** Also of rounds that nobody is in, and blocks that it only heard of. */
function hasAll(rig: Rig, message: RoundStepMessage): RoundStepMessage {
  const full = new Uint8Array(rig.pick([1, 2, 16])).fill(0xff);
  const rounds = [message.round, message.round + 1, message.round + 1_000];
  const hasBlocks = rig.seen.proposals.slice(-4).map(({ blockId }) => blockId);
  return {
    ...message,
    votes: rounds.flatMap((round) => ([PREVOTE, PRECOMMIT] as const).map((type) => ({ round, type, bitmap: full }))),
    hasProposal: true,
    hasBlocks: [...message.hasBlocks.slice(-8), ...hasBlocks],
    lastCommit: { round: message.lastCommit?.round ?? 0, bitmap: full },
  };
}

function claim(rig: Rig, { height, round }: RoundStepMessage) {
  const proposed = rig.seen.proposals.at(-1)?.blockId;
  const made = { hash: rig.random.bytes(32), partSetHeader: { total: 1, hash: rig.random.bytes(32) } };
  const blockId = rig.chance(0.5) && proposed !== undefined ? proposed : made;
  return { kind: 'peerClaim', height, round, type: rig.pick([PREVOTE, PRECOMMIT] as const), blockId } as const;
}
