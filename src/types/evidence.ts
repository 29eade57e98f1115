import type { Commit } from './commit.ts';
import type { Header } from './header.ts';
import type { Time } from './time.ts';
import type { Validator } from './validator-set.ts';
import type { Vote } from './vote.ts';

/** Two votes of one validator for different values at one height, round and type; voteA has the smaller block id. */
export interface DuplicateVoteEvidence {
  readonly kind: 'duplicate-vote';
  readonly voteA: Vote;
  readonly voteB: Vote;
  readonly totalVotingPower: bigint;
  readonly validatorPower: bigint;
  /** Block time of the votes' height. */
  readonly timestamp: Time;
}

export interface LightClientAttackEvidence {
  readonly kind: 'light-client-attack';
  readonly conflictingBlock: { readonly header: Header; readonly commit: Commit; readonly validators: readonly Validator[] };
  readonly commonHeight: number;
  readonly byzantineValidators: readonly Validator[];
  readonly totalVotingPower: bigint;
  readonly timestamp: Time;
}

export type Evidence = DuplicateVoteEvidence | LightClientAttackEvidence;
