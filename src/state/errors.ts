/** Codes of the errors that this folder makes. */
export const STATE_ERROR_CODES = [
  /** The database has no state yet: it must be initialised from the genesis file first. */
  'state_missing',
  /** The leaves do not give the root that the head record names. */
  'state_corrupt',
  /** The height is older than what is kept. */
  'height_pruned',
  /** The height is not decided yet. */
  'height_unknown',
  /** No store has this name. */
  'unknown_store',
  /** The walk would touch more than its budget. */
  'query_too_large',
  /** The view was kept open for too long. */
  'view_expired',
  /** A proof does not show what it claims. */
  'bad_proof',
] as const;

export type StateErrorCode = (typeof STATE_ERROR_CODES)[number];
