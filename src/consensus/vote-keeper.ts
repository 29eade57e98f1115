import { type BlockId, equalBlockIds, isNilBlockId } from '#types/block-id.ts';
import { hasOneThird } from '#types/quorum.ts';
import type { ValidatorSet } from '#types/validator-set.ts';
import { PRECOMMIT, PREVOTE, type Vote, type VoteType } from '#types/vote.ts';
import { type AddedVote, emptyBitmap, isVoteOf, type Quorum, setBit, VoteSet } from './vote-set.ts';

/** A value that +2/3 agreed on in one round. Never nil. */
export interface Majority {
  readonly round: number;
  readonly blockId: BlockId;
}

interface RoundVotes {
  readonly prevotes: VoteSet;
  readonly precommits: VoteSet;
}

/** Votes of a validator in the highest round ahead of mine that it was seen in. */
interface FutureVotes {
  readonly round: number;
  readonly votes: Map<VoteType, Vote>;
  caught: boolean;
}

/**
 * How often a validator is followed to a higher round while I stay in mine. An honest one that I follow alone runs away
 * only while I am cut off from the rest, and votes that were not wanted are sent again; a faulty one could else have me
 * verify and log votes of two billion rounds.
 */
const MOVES_MAX = 64;

const IGNORED: AddedVote = { added: false, conflict: undefined };
const KEPT: AddedVote = { added: true, conflict: undefined };

/**
 * All votes of one height. Rounds up to the current one have full vote sets; of rounds ahead, only each validator's
 * highest is kept, so that memory does not depend on the round numbers that validators make up.
 */
export class VoteKeeper {
  private readonly height: number;
  private readonly validators: ValidatorSet;
  private readonly isQuorum: Quorum | undefined;
  private readonly rounds = new Map<number, RoundVotes>();
  private readonly future = new Map<number, FutureVotes>();
  /** How often each validator moved to a higher round since I entered mine. */
  private readonly moves = new Map<number, number>();
  /** Power of all validators in `future`: looked at after every input, so it is kept and not summed up. */
  private powerAhead = 0n;
  private readonly polkaList: Majority[] = [];
  private readonly precommitList: Majority[] = [];
  private round = -1;

  constructor(height: number, validators: ValidatorSet, isQuorum?: Quorum) {
    this.height = height;
    this.validators = validators;
    this.isQuorum = isQuorum;
  }

  /** Polkas for a block, in the order in which they came to be. */
  get polkas(): readonly Majority[] {
    return this.polkaList;
  }

  /** +2/3 precommits for a block, in the order in which they came to be. */
  get precommitMajorities(): readonly Majority[] {
    return this.precommitList;
  }

  prevotes(round: number): VoteSet | undefined {
    return this.rounds.get(round)?.prevotes;
  }

  precommits(round: number): VoteSet | undefined {
    return this.rounds.get(round)?.precommits;
  }

  set(round: number, type: VoteType): VoteSet | undefined {
    return type === PREVOTE ? this.prevotes(round) : this.precommits(round);
  }

  /** Rounds of which votes are held, ascending. */
  heldRounds(): readonly number[] {
    const rounds = new Set(this.rounds.keys());
    for (const { round } of this.future.values()) rounds.add(round);
    return [...rounds].sort((a, b) => a - b);
  }

  /** Votes held of one round and type, rounds ahead included. */
  votes(round: number, type: VoteType): readonly Vote[] {
    if (round <= this.round) return this.set(round, type)?.votes() ?? [];
    const held: Vote[] = [];
    for (const entry of this.future.values()) {
      const vote = entry.round === round ? entry.votes.get(type) : undefined;
      if (vote !== undefined) held.push(vote);
    }
    return held.sort((a, b) => a.validatorIndex - b.validatorIndex);
  }

  bitmap(round: number, type: VoteType): Uint8Array {
    const bitmap = emptyBitmap(this.validators.size);
    for (const vote of this.votes(round, type)) setBit(bitmap, vote.validatorIndex);
    return bitmap;
  }

  add(vote: Vote): AddedVote {
    if (vote.height !== this.height || !isVoteOf(this.validators, vote)) return IGNORED;
    if (!isPlaced(vote)) return IGNORED;
    return vote.round <= this.round ? this.addNow(vote) : this.addAhead(vote);
  }

  /** Whether `add` would change anything. */
  wants(vote: Vote): boolean {
    if (!isPlaced(vote) || !isVoteOf(this.validators, vote)) return false;
    if (vote.round <= this.round) return this.set(vote.round, vote.type)?.wants(vote) ?? true;
    const kept = this.future.get(vote.validatorIndex);
    if (kept === undefined) return true;
    if (kept.round !== vote.round) return kept.round < vote.round && this.mayMove(vote.validatorIndex);
    const earlier = kept.votes.get(vote.type);
    return earlier === undefined || !(kept.caught || equalBlockIds(earlier.blockId, vote.blockId));
  }

  /** A peer's claim of +2/3; heard for rounds up to the current one, and repeated by peers. */
  claim(peer: string, round: number, type: VoteType, blockId: BlockId): void {
    if (!Number.isSafeInteger(round) || round < 0 || round > this.round) return;
    const votes = this.open(round);
    if (type === PREVOTE) votes.prevotes.claim(peer, blockId);
    else if (type === PRECOMMIT) votes.precommits.claim(peer, blockId);
  }

  /** Makes `round` the current one: votes kept for rounds up to it get their place. */
  advance(round: number): void {
    this.round = round;
    this.moves.clear();
    for (const [index, entry] of [...this.future].sort(([a], [b]) => a - b)) {
      if (entry.round > round) continue;
      this.future.delete(index);
      this.powerAhead -= this.powerOf(index);
      for (const vote of entry.votes.values()) this.addNow(vote);
    }
  }

  /** L55: the highest round ahead that more than 1/3 of the power has reached or passed. */
  skipTarget(): number | undefined {
    if (!hasOneThird(this.powerAhead, this.validators.totalPower)) return undefined;
    const reached = [...this.future].map(([index, entry]) => ({ round: entry.round, power: this.powerOf(index) }));
    reached.sort((a, b) => b.round - a.round);
    let power = 0n;
    for (const entry of reached) {
      power += entry.power;
      if (hasOneThird(power, this.validators.totalPower)) return entry.round;
    }
    return undefined;
  }

  private mayMove(index: number): boolean {
    return (this.moves.get(index) ?? 0) < MOVES_MAX;
  }

  private powerOf(index: number): bigint {
    return this.validators.get(index)?.votingPower ?? 0n;
  }

  private addNow(vote: Vote): AddedVote {
    const set = this.open(vote.round)[vote.type === PREVOTE ? 'prevotes' : 'precommits'];
    const before = set.majority;
    const outcome = set.add(vote);
    const majority = set.majority;
    if (before === undefined && majority !== undefined && !isNilBlockId(majority))
      (vote.type === PREVOTE ? this.polkaList : this.precommitList).push({ round: vote.round, blockId: majority });
    return outcome;
  }

  private addAhead(vote: Vote): AddedVote {
    const kept = this.future.get(vote.validatorIndex);
    if (kept === undefined || kept.round < vote.round) {
      if (kept === undefined) this.powerAhead += this.powerOf(vote.validatorIndex);
      else this.moves.set(vote.validatorIndex, (this.moves.get(vote.validatorIndex) ?? 0) + 1);
      this.future.set(vote.validatorIndex, { round: vote.round, votes: new Map([[vote.type, vote]]), caught: false });
      return KEPT;
    }
    if (kept.round > vote.round) return IGNORED;
    const earlier = kept.votes.get(vote.type);
    if (earlier === undefined) {
      kept.votes.set(vote.type, vote);
      return KEPT;
    }
    if (kept.caught || equalBlockIds(earlier.blockId, vote.blockId)) return IGNORED;
    kept.caught = true;
    return { added: false, conflict: earlier };
  }

  /** Rounds that were skipped get their sets only when a vote for them arrives. */
  private open(round: number): RoundVotes {
    let votes = this.rounds.get(round);
    if (votes === undefined) {
      const place = { height: this.height, round, validators: this.validators };
      votes = {
        prevotes: new VoteSet({ ...place, type: PREVOTE }, this.isQuorum),
        precommits: new VoteSet({ ...place, type: PRECOMMIT }, this.isQuorum),
      };
      this.rounds.set(round, votes);
    }
    return votes;
  }
}

/** A round and a type that a vote can have. */
function isPlaced({ round, type }: Vote): boolean {
  return Number.isSafeInteger(round) && round >= 0 && (type === PREVOTE || type === PRECOMMIT);
}
