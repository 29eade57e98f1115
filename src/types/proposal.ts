import type { BlockId } from './block-id.ts';
import type { Time } from './time.ts';

export interface UnsignedProposal {
  readonly height: number;
  readonly round: number;
  /** Round of the polka that the proposer re-proposes from; -1 for a fresh value. */
  readonly polRound: number;
  readonly blockId: BlockId;
  readonly timestamp: Time;
}

export interface Proposal extends UnsignedProposal {
  readonly signature: Uint8Array;
}
