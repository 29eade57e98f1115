import type { Block } from '#types/block.ts';
import { type BlockId, equalBlockIds } from '#types/block-id.ts';
import type { Commit } from '#types/commit.ts';
import type { Proposal } from '#types/proposal.ts';
import type { Validator } from '#types/validator-set.ts';
import type { HeightContext } from './input.ts';
import { KnownBlocks } from './known-blocks.ts';
import { LastCommit } from './last-commit.ts';
import { MAX_BLOCK_BYTES } from './proposal-rules.ts';
import { ProposerRotation } from './proposer.ts';
import { type Majority, VoteKeeper } from './vote-keeper.ts';
import type { Quorum } from './vote-set.ts';

/** `newHeight` is the pause before round 0, `commit` the time between the decision and the next height. */
export type Step = 'newHeight' | 'propose' | 'prevote' | 'precommit' | 'commit';

export interface Decision {
  readonly blockId: BlockId;
  readonly block: Block;
  readonly commit: Commit;
}

/** L1-9: all that a node knows of the height that it is deciding. The paper's variables keep their names. */
export class HeightState {
  readonly context: HeightContext;
  readonly height: number;
  /** My place in the validator set; -1 when I am not in it. */
  readonly myIndex: number;
  readonly votes: VoteKeeper;
  readonly blocks = new KnownBlocks();
  /** Accepted proposals by round: the current one, the one before, and a few ahead. */
  readonly proposals = new Map<number, Proposal>();
  readonly proposers: ProposerRotation;
  readonly lastCommit: LastCommit | undefined;
  /** Bytes that a block of this height may have; bounds what a proposal may announce. */
  readonly maxBlockBytes: number;
  /** My clock when I decided the previous height. */
  readonly decidedBefore: bigint;

  /** -1 during the pause before round 0. */
  round = -1;
  step: Step = 'newHeight';
  locked: Majority | undefined;
  valid: Majority | undefined;
  decided: Decision | undefined;
  /** Something to put into a block is known, or an empty block is due as if there were. */
  work: boolean;

  /** What was asked already, so that it is asked once: signatures, bodies, executions. */
  readonly askedToSign = new Set<string>();
  readonly requested = new Map<string, number>();
  readonly executed = new Set<string>();
  /** Rounds whose vote timers were started ("for the first time" in L34 and L47). */
  prevoteWaitRound = -1;
  precommitWaitRound = -1;

  constructor(
    context: HeightContext,
    options: {
      readonly address: Uint8Array | undefined;
      readonly decidedBefore: bigint;
      readonly isQuorum?: Quorum | undefined;
    },
  ) {
    this.context = context;
    this.height = context.height;
    this.myIndex = options.address === undefined ? -1 : context.validators.indexOf(options.address);
    this.votes = new VoteKeeper(context.height, context.validators, options.isQuorum);
    this.proposers = new ProposerRotation(context.validators);
    this.lastCommit =
      context.lastCommit === undefined || context.lastValidators === undefined
        ? undefined
        : new LastCommit(context.lastCommit, context.lastValidators, options.isQuorum);
    this.maxBlockBytes = context.maxBlockBytes ?? MAX_BLOCK_BYTES;
    this.decidedBefore = options.decidedBefore;
    this.work = context.proofBlockDue;
  }

  get lockedRound(): number {
    return this.locked?.round ?? -1;
  }

  get validRound(): number {
    return this.valid?.round ?? -1;
  }

  /** The proposal of the current round. */
  get proposal(): Proposal | undefined {
    return this.proposals.get(this.round);
  }

  get me(): Validator | undefined {
    return this.myIndex < 0 ? undefined : this.context.validators.get(this.myIndex);
  }

  get isProposer(): boolean {
    const me = this.me;
    return me !== undefined && this.context.validators.indexOf(this.proposers.at(this.round).address) === this.myIndex;
  }

  /** True for a value that some rule still waits for: the only blocks that are kept. */
  isWanted(blockId: BlockId): boolean {
    const same = (other: { readonly blockId: BlockId }): boolean => equalBlockIds(other.blockId, blockId);
    for (const proposal of this.proposals.values()) if (same(proposal)) return true;
    if (this.locked !== undefined && same(this.locked)) return true;
    if (this.valid !== undefined && same(this.valid)) return true;
    if (this.votes.precommitMajorities.some(same)) return true;
    return this.votes.polkas.some((polka) => polka.round > this.validRound && same(polka));
  }

  /** Forgets proposals and blocks that a new round has no use for. */
  prune(): void {
    for (const round of [...this.proposals.keys()]) if (round < this.round - 1) this.proposals.delete(round);
    this.blocks.prune((blockId) => this.isWanted(blockId));
  }
}
