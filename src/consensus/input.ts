import type { Block } from '#types/block.ts';
import type { BlockId } from '#types/block-id.ts';
import type { Commit } from '#types/commit.ts';
import type { Proposal } from '#types/proposal.ts';
import type { Time } from '#types/time.ts';
import type { ValidatorSet } from '#types/validator-set.ts';
import type { Vote, VoteType } from '#types/vote.ts';
import type { Verdict } from './known-blocks.ts';

/** Round steps whose waiting is bounded by a timer. `newHeight` ends the pause before round 0. */
export type TimeoutStep = 'newHeight' | 'propose' | 'prevoteWait' | 'precommitWait';

/** All that a height needs to know of what came before it. */
export interface HeightContext {
  readonly chainId: string;
  readonly height: number;
  readonly initialHeight: number;
  /** Validators that sign this height, with the priorities of round 0. */
  readonly validators: ValidatorSet;
  /** Validators that sign the next height: their messages are held until then. */
  readonly nextValidators: ValidatorSet;
  /** Validators that signed the previous height; undefined at the initial height. */
  readonly lastValidators: ValidatorSet | undefined;
  /** Commit that decided the previous height (more precommits may join it); undefined at the initial height. */
  readonly lastCommit: Commit | undefined;
  /** Block time of the previous height; genesis time at the initial height. */
  readonly lastBlockTime: Time;
  /** True when a block is due even though the mempool is empty: the initial height, or after a block that changed state. */
  readonly proofBlockDue: boolean;
  /** On-chain limit of a block's size, -1 for none; absent means CometBFT's cap. Bounds what a proposal announces. */
  readonly maxBlockBytes?: number;
  /** On-chain pace, milliseconds. */
  readonly blockIntervalMinMs: number;
  readonly emptyBlockIntervalMs: number;
}

/**
 * What the core consumes. Signatures were verified and blocks were checked to match their id before an input is made.
 * `now` is the wall clock at arrival; the core reads no other.
 */
export type Input = { readonly now: Time } & (
  | { readonly kind: 'newHeight'; readonly context: HeightContext }
  | { readonly kind: 'proposal'; readonly proposal: Proposal }
  /** A complete block whose header hash and rebuilt part set equal `blockId`. */
  | { readonly kind: 'block'; readonly blockId: BlockId; readonly block: Block }
  | { readonly kind: 'vote'; readonly vote: Vote }
  | { readonly kind: 'timeout'; readonly height: number; readonly round: number; readonly step: TimeoutStep }
  | { readonly kind: 'blockValidity'; readonly blockId: BlockId; readonly verdict: Verdict }
  | {
      readonly kind: 'blockBuilt';
      readonly height: number;
      readonly round: number;
      readonly blockId: BlockId;
      readonly block: Block;
    }
  | { readonly kind: 'signed'; readonly message: SignedMessage }
  | {
      readonly kind: 'signRefused';
      readonly height: number;
      readonly round: number;
      readonly type: VoteType | 'proposal';
    }
  /**
   * A reap would return something now, or there is evidence to propose. Given after each `newHeight` while it holds, and
   * when it becomes true; outside the pause before round 0 it is ignored, since that work may be in the block.
   */
  | { readonly kind: 'workAvailable' }
  /** A block with a verified commit, from block sync or a peer that is ahead. */
  | { readonly kind: 'decided'; readonly block: Block; readonly commit: Commit }
  /** A peer says that it saw +2/3 of one type for `blockId` in a round. */
  | {
      readonly kind: 'peerClaim';
      readonly peer: string;
      readonly height: number;
      readonly round: number;
      readonly type: VoteType;
      readonly blockId: BlockId;
    }
);

export type SignedMessage =
  | { readonly kind: 'vote'; readonly vote: Vote }
  | { readonly kind: 'proposal'; readonly proposal: Proposal };
