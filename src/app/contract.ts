import type { Misbehavior } from '#evidence/misbehavior.ts';
import type { ChangeSet } from '#state/store.ts';
import type { Commit } from '#types/commit.ts';
import type { ConsensusParams } from '#types/params.ts';
import type { LedgerEvent, TxResult } from '#types/results.ts';
import type { Time } from '#types/time.ts';
import type { ValidatorSet, ValidatorUpdate } from '#types/validator-set.ts';

/** Result of CheckTx, in CometBFT's terms. Code 0 admits. */
export interface CheckResult {
  readonly code: number;
  readonly codespace: string;
  readonly log: string;
  readonly gasWanted: bigint;
  readonly gasUsed: bigint;
}

/** What a block's execution is given. Nothing else may influence its outcome. */
export interface BlockRequest {
  readonly height: number;
  readonly time: Time;
  readonly proposerAddress: Uint8Array;
  /** Raw transactions in block order; those that cannot be decoded get a failing result of their own. */
  readonly txs: readonly Uint8Array[];
  readonly lastCommit: Commit;
  readonly lastValidators: ValidatorSet | undefined;
  /** The set that the block's validator updates act on: it signs `height + 2`. */
  readonly nextValidators: ValidatorSet;
  /** What the block's evidence says of validators. */
  readonly misbehavior: readonly Misbehavior[];
}

export interface BlockExecution {
  /** One a transaction, in order. */
  readonly txResults: readonly TxResult[];
  /** Begin- and end-block events. */
  readonly blockEvents: readonly LedgerEvent[];
  readonly validatorUpdates: readonly ValidatorUpdate[];
  /** Set when the block changed the consensus parameters. */
  readonly consensusParams: ConsensusParams | undefined;
  readonly changes: ChangeSet;
}
