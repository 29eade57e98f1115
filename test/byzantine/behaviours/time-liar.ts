import { PRECOMMIT, type Vote } from '#types/vote.ts';
import type { BehaviourKind } from '../behaviour.ts';
import type { Rig } from '../rig.ts';

const HOUR_NS = 3_600_000_000_000n;
const YEAR_NS = 8_766n * HOUR_NS;
/** The last second of the year 9999 is the last that can be written. Nanoseconds. */
const LAST = 253_402_300_799_000_000_000n;

/** Votes with every time but the right one. */
export const timeLiar: BehaviourKind = {
  attacks: 'block time: a chain whose clock runs away, stands still, or cannot be read any more',
  defence:
    'the weighted median over the commit-flag votes lies between honest times; a block is 1 ms after the last at least; a ' +
    'fresh one far ahead gets nil (median-time-rule, clock guard)',
  create: (rig) => ({
    outgoing: (_peer, message) =>
      message.kind === 'votes'
        ? [{ ...message, votes: message.votes.map((vote) => atWrongTime(rig, vote)) }]
        : [message],
  }),
};

/** The same wrong time for everybody, or its vote would have two signatures. */
function atWrongTime(rig: Rig, vote: Vote): Vote {
  if (!rig.isMine(vote) || vote.type !== PRECOMMIT) return vote;
  const times = [
    1n,
    vote.timestamp - YEAR_NS,
    vote.timestamp - HOUR_NS,
    vote.timestamp + HOUR_NS,
    vote.timestamp + YEAR_NS,
    LAST,
  ];
  rig.note('voted with a wrong time');
  return rig.sign({ ...vote, timestamp: times[(vote.height + vote.round) % times.length] as bigint });
}
