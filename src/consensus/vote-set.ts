import { type BlockId, blockIdKey, isNilBlockId } from '#types/block-id.ts';
import { type Commit, type CommitSig, FLAG_ABSENT, FLAG_COMMIT, FLAG_NIL } from '#types/commit.ts';
import { hasTwoThirds } from '#types/quorum.ts';
import { ZERO_TIME } from '#types/time.ts';
import type { ValidatorSet } from '#types/validator-set.ts';
import type { Vote, VoteType } from '#types/vote.ts';
import { assert } from '#util/assert.ts';
import { EMPTY_BYTES, equalBytes } from '#util/bytes.ts';

/** Claims of +2/3 that one vote set listens to; further ones are ignored. More peers than a node has. */
const MAX_CLAIMS = 64;

/** Whether `power` of `total` is enough to agree: more than 2/3, save for tests of the checkers. */
export type Quorum = (power: bigint, total: bigint) => boolean;

/** What became of a vote. `conflict` is an earlier vote of the same validator for something else, told once. */
export interface AddedVote {
  readonly added: boolean;
  readonly conflict: Vote | undefined;
}

const NOT_ADDED: AddedVote = { added: false, conflict: undefined };
const ADDED: AddedVote = { added: true, conflict: undefined };

/** Votes for one value. */
interface Tally {
  readonly blockId: BlockId;
  readonly votes: Map<number, Vote>;
  power: bigint;
  /** A peer says that this value has +2/3: a second vote of a validator counts for it. */
  claimed: boolean;
}

/** True when the vote names a validator of the set by both index and address: the check before any other use. */
export function isVoteOf(validators: ValidatorSet, vote: Vote): boolean {
  const validator = validators.get(vote.validatorIndex);
  return validator !== undefined && equalBytes(validator.address, vote.validatorAddress);
}

/** Index -> bit, least significant bit first. */
export function emptyBitmap(size: number): Uint8Array {
  return new Uint8Array((size + 7) >> 3);
}

export function setBit(bitmap: Uint8Array, index: number): void {
  bitmap[index >> 3] = (bitmap[index >> 3] as number) | (1 << (index & 7));
}

export function hasBit(bitmap: Uint8Array, index: number): boolean {
  return ((bitmap[index >> 3] ?? 0) & (1 << (index & 7))) !== 0;
}

/** Votes of one height, round and type, at most one a validator and value, whose signatures were verified. */
export class VoteSet {
  readonly height: number;
  readonly round: number;
  readonly type: VoteType;
  readonly validators: ValidatorSet;
  /** First vote of each validator. */
  private readonly first: (Vote | undefined)[];
  private readonly tallies = new Map<string, Tally>();
  private readonly caught = new Set<number>();
  private readonly claims = new Set<string>();
  private readonly isQuorum: Quorum;
  /** Votes held of validators that voted for another value before. */
  private seconds = 0;
  private power = 0n;
  private agreed: BlockId | undefined;

  constructor(
    place: {
      readonly height: number;
      readonly round: number;
      readonly type: VoteType;
      readonly validators: ValidatorSet;
    },
    isQuorum: Quorum = hasTwoThirds,
  ) {
    this.height = place.height;
    this.round = place.round;
    this.type = place.type;
    this.validators = place.validators;
    this.isQuorum = isQuorum;
    this.first = new Array<Vote | undefined>(place.validators.size).fill(undefined);
  }

  /** The value with +2/3 of the power; NIL_BLOCK_ID when that is nil; undefined while there is none. Never changes once set. */
  get majority(): BlockId | undefined {
    return this.agreed;
  }

  /** +2/3 of the power has voted, for whatever. */
  get hasTwoThirdsAny(): boolean {
    return this.isQuorum(this.power, this.validators.totalPower);
  }

  get(index: number): Vote | undefined {
    return this.first[index];
  }

  /** Every vote held, by validator index; for one value only, if given. */
  votes(blockId?: BlockId): readonly Vote[] {
    const held: Vote[] = [];
    if (blockId === undefined) {
      for (const vote of this.first) if (vote !== undefined) held.push(vote);
      // Peers' gaps are looked for many times a second: nothing to add or to sort is the rule.
      if (this.seconds === 0) return held;
      for (const tally of this.tallies.values())
        for (const [index, vote] of tally.votes) if (this.first[index] !== vote) held.push(vote);
    } else held.push(...(this.tallies.get(blockIdKey(blockId))?.votes.values() ?? []));
    return held.sort((a, b) => a.validatorIndex - b.validatorIndex);
  }

  /** Validators whose vote is held; whose vote for one value is held, if given. */
  bitmap(blockId?: BlockId): Uint8Array {
    const bitmap = emptyBitmap(this.first.length);
    for (const vote of this.votes(blockId)) setBit(bitmap, vote.validatorIndex);
    return bitmap;
  }

  /** Takes a vote of this height, round and type. A vote of a stranger is ignored. */
  add(vote: Vote): AddedVote {
    assert(
      vote.height === this.height && vote.round === this.round && vote.type === this.type,
      'a vote is put into the set of its height, round and type',
    );
    if (!isVoteOf(this.validators, vote)) return NOT_ADDED;
    const index = vote.validatorIndex;
    const key = blockIdKey(vote.blockId);
    const earlier = this.first[index];
    if (earlier === undefined) {
      this.first[index] = vote;
      this.power += this.powerOf(index);
      this.count(key, vote);
      return ADDED;
    }
    if (blockIdKey(earlier.blockId) === key) return NOT_ADDED;
    return { added: this.addSecond(key, vote), conflict: this.caughtFirst(index) ? earlier : undefined };
  }

  /** Whether `add` would change anything: what it would not is neither verified nor logged. */
  wants(vote: Vote): boolean {
    if (!isVoteOf(this.validators, vote)) return false;
    const earlier = this.first[vote.validatorIndex];
    const key = blockIdKey(vote.blockId);
    if (earlier === undefined) return true;
    if (blockIdKey(earlier.blockId) === key) return false;
    return !this.caught.has(vote.validatorIndex) || this.takesSecond(key, vote);
  }

  /**
   * A peer saw +2/3 for `blockId`: from now on second votes of validators count for it, else a validator that voted
   * twice could keep me from ever seeing what others saw. Each peer is heard once.
   */
  claim(peer: string, blockId: BlockId): void {
    if (this.claims.size >= MAX_CLAIMS || this.claims.has(peer)) return;
    this.claims.add(peer);
    this.tally(blockIdKey(blockId), blockId).claimed = true;
  }

  /** The commit for `blockId`: precommits for it or nil; those for anything else are left out as absent. */
  makeCommit(blockId: BlockId): Commit {
    const votes = this.tallies.get(blockIdKey(blockId))?.votes;
    const signatures = this.first.map((first, index): CommitSig => {
      const vote = votes?.get(index);
      if (vote !== undefined) return commitSig(FLAG_COMMIT, vote);
      if (first !== undefined && isNilBlockId(first.blockId)) return commitSig(FLAG_NIL, first);
      return { flag: FLAG_ABSENT, validatorAddress: EMPTY_BYTES, timestamp: ZERO_TIME, signature: EMPTY_BYTES };
    });
    return { height: this.height, round: this.round, blockId, signatures };
  }

  private powerOf(index: number): bigint {
    const validator = this.validators.get(index);
    assert(validator !== undefined, 'a vote in the set has a validator');
    return validator.votingPower;
  }

  private tally(key: string, blockId: BlockId): Tally {
    let tally = this.tallies.get(key);
    if (tally === undefined) {
      tally = { blockId, votes: new Map(), power: 0n, claimed: false };
      this.tallies.set(key, tally);
    }
    return tally;
  }

  private count(key: string, vote: Vote): void {
    const tally = this.tally(key, vote.blockId);
    tally.votes.set(vote.validatorIndex, vote);
    tally.power += this.powerOf(vote.validatorIndex);
    if (this.agreed === undefined && this.isQuorum(tally.power, this.validators.totalPower))
      this.agreed = tally.blockId;
  }

  /** A second value of a validator is kept only where it matters, or one validator could fill the memory. */
  private addSecond(key: string, vote: Vote): boolean {
    if (!this.takesSecond(key, vote)) return false;
    this.seconds++;
    this.count(key, vote);
    return true;
  }

  private takesSecond(key: string, vote: Vote): boolean {
    const tally = this.tallies.get(key);
    if (tally === undefined || tally.votes.has(vote.validatorIndex)) return false;
    return tally.claimed || tally.blockId === this.agreed;
  }

  private caughtFirst(index: number): boolean {
    if (this.caught.has(index)) return false;
    this.caught.add(index);
    return true;
  }
}

function commitSig(flag: typeof FLAG_COMMIT | typeof FLAG_NIL, vote: Vote): CommitSig {
  return { flag, validatorAddress: vote.validatorAddress, timestamp: vote.timestamp, signature: vote.signature };
}
