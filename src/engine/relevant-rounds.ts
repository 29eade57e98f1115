import type { Consensus, TypedMajority } from '#consensus/consensus.ts';
import type { RoundStepMessage } from '#network/messages.ts';
import { equalBlockIds } from '#types/block-id.ts';
import { PREVOTE } from '#types/vote.ts';

/** Newest rounds whose votes may still change something: skips, polkas in the making, late precommits. */
const NEWEST_ROUNDS = 10;
/** Older rounds that a lock, a valid value or a decision rests on; the newest polka is what L28 and L42 need. */
const OLDER_ROUNDS = 4;
/** Majorities repeated to a peer: those of the newest rounds are what one that is stuck can use. */
const REPEATED_MAJORITIES = 4;

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

/** `isAwaited`: the peer cannot vote on the proposal of its round before it has this polka (L28), and its timer runs. */
export type RepeatedMajority = TypedMajority & { readonly isAwaited: boolean };

/** What is repeated to a peer at the same height: the newest majorities by round, and the awaited one however old. */
export function repeatedMajorities(
  consensus: Consensus,
  { round, step }: Pick<RoundStepMessage, 'round' | 'step'>,
): readonly RepeatedMajority[] {
  const proposal = step === 'propose' ? consensus.proposal(round) : undefined;
  const isAwaited = (majority: TypedMajority): boolean =>
    proposal !== undefined &&
    majority.type === PREVOTE &&
    majority.round === proposal.polRound &&
    equalBlockIds(majority.blockId, proposal.blockId);
  // They come in the order in which they were seen: the polka of an old round can be the latest.
  const all = consensus.majorities
    .map((majority) => ({ ...majority, isAwaited: isAwaited(majority) }))
    .sort((a, b) => a.round - b.round);
  return all.filter((majority, index) => majority.isAwaited || index >= all.length - REPEATED_MAJORITIES);
}
