import { type BlockId, equalBlockIds, NIL_BLOCK_ID } from '#types/block-id.ts';
import { type Commit, FLAG_ABSENT, FLAG_COMMIT } from '#types/commit.ts';
import type { ValidatorSet } from '#types/validator-set.ts';
import { PRECOMMIT, type Vote } from '#types/vote.ts';
import { assert } from '#util/assert.ts';
import { type AddedVote, type Quorum, VoteSet } from './vote-set.ts';

/**
 * Precommits that decided the previous height. Late ones join until the proposal is built: a validator that was a
 * moment slow is not reported absent.
 */
export class LastCommit {
  readonly round: number;
  readonly blockId: BlockId;
  private readonly votes: VoteSet;

  constructor(commit: Commit, validators: ValidatorSet, isQuorum?: Quorum) {
    assert(commit.signatures.length === validators.size, 'the last commit has an entry for each of its validators');
    this.round = commit.round;
    this.blockId = commit.blockId;
    this.votes = new VoteSet({ height: commit.height, round: commit.round, type: PRECOMMIT, validators }, isQuorum);
    for (const vote of votesOf(commit)) this.votes.add(vote);
    assert(
      this.votes.majority !== undefined && equalBlockIds(this.votes.majority, commit.blockId),
      'the last commit carries +2/3 of its validators',
    );
  }

  get height(): number {
    return this.votes.height;
  }

  /** Ignores precommits of other rounds: they could not be in the same commit. */
  add(vote: Vote): AddedVote {
    if (vote.round !== this.round || vote.type !== PRECOMMIT) return { added: false, conflict: undefined };
    return this.votes.add(vote);
  }

  /** Whether `add` would change anything. */
  wants(vote: Vote): boolean {
    return vote.round === this.round && vote.type === PRECOMMIT && this.votes.wants(vote);
  }

  has(validatorIndex: number): boolean {
    return this.votes.get(validatorIndex) !== undefined;
  }

  commit(): Commit {
    return this.votes.makeCommit(this.blockId);
  }

  precommits(): readonly Vote[] {
    return this.votes.votes();
  }

  bitmap(): Uint8Array {
    return this.votes.bitmap();
  }
}

/** The votes that a commit was made of. */
function* votesOf(commit: Commit): Generator<Vote> {
  for (const [index, entry] of commit.signatures.entries()) {
    if (entry.flag === FLAG_ABSENT) continue;
    yield {
      type: PRECOMMIT,
      height: commit.height,
      round: commit.round,
      blockId: entry.flag === FLAG_COMMIT ? commit.blockId : NIL_BLOCK_ID,
      timestamp: entry.timestamp,
      validatorAddress: entry.validatorAddress,
      validatorIndex: index,
      signature: entry.signature,
    };
  }
}
