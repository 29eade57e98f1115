/** Codes of the errors that this folder makes. */
export const STATE_ERROR_CODES = [
  /** The database has no state yet: it must be initialised from the genesis file first. */
  'state_missing',
  /** The leaves do not give the root that the head record names. */
  'state_corrupt',
  /** More entries than node or key numbers. */
  'state_full',
  /** The height is older than what is kept. */
  'height_pruned',
  /** The height is not decided yet. */
  'height_unknown',
  /** No store has this name. */
  'unknown_store',
  /** The walk would touch more than its budget. */
  'query_too_large',
  /** Others ask about old heights already: later. */
  'query_busy',
  /** The view was kept open for too long. */
  'view_expired',
  /** A proof does not show what it claims. */
  'bad_proof',
  /** A chunk or a manifest is not one of the state that it is said to be of. */
  'bad_snapshot',
  /** The database already holds a state, or the beginning of another snapshot. */
  'import_refused',
] as const;

export type StateErrorCode = (typeof STATE_ERROR_CODES)[number];
