import type { Block } from '#types/block.ts';
import type { BlockId } from '#types/block-id.ts';
import type { Commit } from '#types/commit.ts';
import type { UnsignedProposal } from '#types/proposal.ts';
import type { UnsignedVote, Vote } from '#types/vote.ts';
import type { Input, SignedMessage, TimeoutStep } from './input.ts';

/** What the core asks of the engine, to be carried out in order. */
export type Effect =
  /** Sign once all inputs so far are durable. Answered by `signed` or `signRefused`. */
  | {
      readonly kind: 'sign';
      readonly message:
        | { readonly kind: 'vote'; readonly vote: UnsignedVote }
        | { readonly kind: 'proposal'; readonly proposal: UnsignedProposal };
    }
  /** Send an own signed message to all peers. */
  | { readonly kind: 'publish'; readonly message: SignedMessage }
  /** Replaces an earlier timer of the same step. Answered by `timeout`, also for a delay of 0. */
  | {
      readonly kind: 'schedule';
      readonly height: number;
      readonly round: number;
      readonly step: TimeoutStep;
      readonly delayMs: number;
    }
  /** I propose: reap and build on top of `lastCommit`. Answered by `blockBuilt`. */
  | {
      readonly kind: 'buildBlock';
      readonly height: number;
      readonly round: number;
      readonly lastCommit: Commit;
      readonly time: bigint;
    }
  /** A block that I need and lack. Answered by `block`. Repeated calls for one id are one request. */
  | { readonly kind: 'requestBlock'; readonly height: number; readonly round: number; readonly blockId: BlockId }
  /** Check against the state of height-1. Answered by `blockValidity`. */
  | { readonly kind: 'validate'; readonly blockId: BlockId; readonly block: Block }
  /** A polka exists: execution may begin, ahead of the decision. */
  | { readonly kind: 'execute'; readonly blockId: BlockId; readonly block: Block }
  /** Decided. Execute, write the height's batch, then answer with `newHeight`. */
  | { readonly kind: 'commit'; readonly blockId: BlockId; readonly block: Block; readonly commit: Commit }
  /** Two conflicting votes of one validator. */
  | { readonly kind: 'evidence'; readonly voteA: Vote; readonly voteB: Vote }
  /**
   * Messages of this height that were held while the previous one was applied, and late precommits of that one. Each
   * is to be handed back as an input of its own, through the log: a lock that rests on them must survive a restart,
   * and the log of a height starts at its `newHeight`.
   */
  | { readonly kind: 'redeliver'; readonly inputs: readonly Input[] }
  /** My height, round, step or vote bitmaps changed: tell peers. */
  | { readonly kind: 'progress' };
