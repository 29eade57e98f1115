import type { TimeoutStep } from './input.ts';

/** How long a round waits. Milliseconds. */
export interface Timeouts {
  /** For a complete proposal, from the moment it is due. */
  readonly proposeMs: number;
  readonly proposeStepMs: number;
  readonly proposeMaxMs: number;
  /** For more votes, once +2/3 of the power has voted without agreement. */
  readonly voteMs: number;
  readonly voteStepMs: number;
  readonly voteMaxMs: number;
}

/**
 * Each round waits a fixed step longer than the one before, so that rounds outgrow the network's real delay after it
 * heals; the caps keep a long outage from leaving rounds that last minutes. A dead proposer costs 600 ms.
 */
export const DEFAULT_TIMEOUTS: Timeouts = {
  proposeMs: 600,
  proposeStepMs: 250,
  proposeMaxMs: 5_000,
  voteMs: 200,
  voteStepMs: 200,
  voteMaxMs: 2_000,
};

/** Milliseconds that a step of a round may wait. */
export function timeoutMs(timeouts: Timeouts, step: Exclude<TimeoutStep, 'newHeight'>, round: number): number {
  return step === 'propose'
    ? Math.min(timeouts.proposeMs + timeouts.proposeStepMs * round, timeouts.proposeMaxMs)
    : Math.min(timeouts.voteMs + timeouts.voteStepMs * round, timeouts.voteMaxMs);
}
