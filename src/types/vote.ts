import type { BlockId } from './block-id.ts';
import type { Time } from './time.ts';

export const PREVOTE = 1;
export const PRECOMMIT = 2;
export const PROPOSAL = 32;
export type VoteType = typeof PREVOTE | typeof PRECOMMIT;

/** A vote without its signature; what the signer is given. */
export interface UnsignedVote {
  readonly type: VoteType;
  readonly height: number;
  readonly round: number;
  /** NIL_BLOCK_ID for a nil vote. */
  readonly blockId: BlockId;
  readonly timestamp: Time;
  readonly validatorAddress: Uint8Array;
  readonly validatorIndex: number;
}

export interface Vote extends UnsignedVote {
  readonly signature: Uint8Array;
}
