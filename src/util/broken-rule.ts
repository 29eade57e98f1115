/**
 * A rule that a test leaves out on purpose, to see that the checkers of the simulator notice. Handed to constructors by
 * `test/` alone; a node that is started in earnest never has one.
 */
export type BrokenRule =
  /** L22, L28: a locked node prevotes whatever is valid. */
  | 'lock'
  /** One half of the power is a quorum. */
  | 'quorum'
  /** L36: a polka of an older round is precommitted in this one. */
  | 'polkaRound'
  /** L28, L36: the clock guard of L22 plays a part. */
  | 'clockGuardAtLock'
  /** Signatures of a commit are verified up to 2/3 of the power. */
  | 'commitSignatures'
  /** Validator updates of H sign from H+1. */
  | 'validatorsEarly'
  /** The log lacks the blocks that were precommitted. */
  | 'bodyNotKept'
  /** A transaction whose signatures were found in order once is remembered by its hash, whatever state says later. */
  | 'cacheByHash'
  /** One height less is kept than the settings say. */
  | 'prunedEarly';
