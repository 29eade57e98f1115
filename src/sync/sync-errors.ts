import { BizraError } from '#util/errors.ts';

/** Why a node cannot begin with a snapshot. */
export type StateSyncErrorCode =
  /** Nobody offers one that can be verified and fetched. */
  | 'no_snapshot'
  /** What the operator trusts is not what peers have, or too old. */
  | 'bad_trust'
  /** Two chains are signed by the same validators. */
  | 'light_client_attack'
  /** The process was told to end. */
  | 'stopped';

export class StateSyncError extends BizraError<StateSyncErrorCode> {}
