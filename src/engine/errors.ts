import { BizraError } from '#util/errors.ts';

/** What can be wrong with a block, as seen by `valid(v)`; also labels of the rejected-blocks metric. */
export type InvalidBlockCode =
  | 'wrong_version'
  | 'wrong_chain_id'
  | 'wrong_height'
  | 'wrong_last_block_id'
  | 'wrong_app_hash'
  | 'wrong_consensus_hash'
  | 'wrong_last_results_hash'
  | 'wrong_validators_hash'
  | 'wrong_next_validators_hash'
  | 'wrong_last_commit'
  | 'wrong_proposer'
  | 'wrong_time'
  | 'too_much_evidence'
  | 'repeated_evidence'
  | 'invalid_evidence'
  | 'non_canonical_tx'
  | 'too_large'
  | 'too_much_gas';

/** Throws `state_mismatch` with `message()` unless what a state says of its chain agrees with the chain's headers. */
export function mustAgree(condition: boolean, message: () => string): asserts condition {
  if (!condition) throw new BizraError('state_mismatch', message());
}
