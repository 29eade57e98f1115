import type { Consensus } from '#consensus/consensus.ts';

/** Newest rounds whose votes may still change something: skips, polkas in the making, late precommits. */
const NEWEST_ROUNDS = 10;
/** Older rounds that a lock, a valid value or a decision rests on; the newest polka is what L28 and L42 need. */
const OLDER_ROUNDS = 4;

/**
 * Rounds of this height whose votes are told, compared and repaired, ascending. Bounded, because a height can have
 * thousands: a report of all would outgrow its message, and repairing all would starve the newest.
 */
export function relevantRounds(consensus: Consensus): readonly number[] {
  const held = consensus.voteRounds();
  const newest = held.slice(-NEWEST_ROUNDS);
  const first = newest[0] ?? 0;
  const older = consensus.majorities.map(({ round }) => round).filter((round) => round < first);
  return [...[...new Set(older)].sort((a, b) => a - b).slice(-OLDER_ROUNDS), ...newest];
}
