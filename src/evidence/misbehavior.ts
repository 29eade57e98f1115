import type { Evidence } from '#types/evidence.ts';
import type { Time } from '#types/time.ts';
import { type Accused, accusedBy, evidenceHeight } from './evidence.ts';

/** What the ledger is told of one validator's offence: CometBFT's `abci.Misbehavior`. */
export interface Misbehavior {
  readonly kind: Evidence['kind'];
  /** The validator, with its power at `height`. */
  readonly validator: Accused;
  readonly height: number;
  readonly time: Time;
  readonly totalVotingPower: bigint;
}

/** One for each validator that a block's evidence accuses, in order. */
export function misbehaviorOf(list: readonly Evidence[]): Misbehavior[] {
  return list.flatMap((evidence) =>
    accusedBy(evidence).map((validator) => ({
      kind: evidence.kind,
      validator,
      height: evidenceHeight(evidence),
      time: evidence.timestamp,
      totalVotingPower: evidence.totalVotingPower,
    })),
  );
}
