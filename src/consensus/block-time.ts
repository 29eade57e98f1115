import { type Commit, medianTime } from '#types/commit.ts';
import type { Time } from '#types/time.ts';
import { assert } from '#util/assert.ts';
import type { HeightContext } from './input.ts';

export const NS_PER_MS = 1_000_000n;

/** Block and vote times advance by at least this much. */
const MIN_TIME_STEP_NS = NS_PER_MS;

/**
 * A fresh proposal further ahead of my clock than this gets nil. Far above honest clock error; small enough that a
 * coalition above 1/3, which can steer the median, cannot run away with chain time while a correct third watches.
 */
export const MAX_AHEAD_NS = 60_000n * NS_PER_MS;

type TimeContext = Pick<HeightContext, 'height' | 'initialHeight' | 'lastBlockTime' | 'lastValidators'>;

/** Time of a block on top of `lastCommit`: the only one that is valid. Genesis time at the initial height. */
export function blockTime(context: TimeContext, lastCommit: Commit): Time {
  if (context.height === context.initialHeight) return context.lastBlockTime;
  assert(context.lastValidators !== undefined, 'a height after the initial one knows the validators before it');
  const median = medianTime(lastCommit, context.lastValidators);
  const earliest = context.lastBlockTime + MIN_TIME_STEP_NS;
  return median > earliest ? median : earliest;
}

/**
 * Timestamp of a vote: my clock, but later than the block it follows, so that the median of a commit is always later
 * than the block that it commits.
 */
export function voteTime(now: Time, after: Time | undefined): Time {
  if (after === undefined) return now;
  const earliest = after + MIN_TIME_STEP_NS;
  return now > earliest ? now : earliest;
}

/**
 * The clock guard of L22. A block at exactly previous + 1 ms passes whatever my clock says: time that does advance by
 * the smallest step is no attempt to run ahead, and a chain whose time got ahead must be able to go on.
 */
export function isTooFarAhead(time: Time, lastBlockTime: Time, now: Time): boolean {
  return time > now + MAX_AHEAD_NS && time !== lastBlockTime + MIN_TIME_STEP_NS;
}
