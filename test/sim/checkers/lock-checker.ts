import { blockIdKey, NIL_BLOCK_ID } from '#types/block-id.ts';
import { hasTwoThirds } from '#types/quorum.ts';
import type { ValidatorSet } from '#types/validator-set.ts';
import { PRECOMMIT, PREVOTE } from '#types/vote.ts';
import { toLatin1 } from '#util/bytes.ts';
import type { Coverage } from '../world/coverage.ts';
import { Violation } from './checkers.ts';

const NIL = blockIdKey(NIL_BLOCK_ID);

interface Vote {
  readonly height: number;
  readonly round: number;
  readonly type: number;
  readonly value: string;
}

interface Lock {
  readonly round: number;
  readonly value: string;
}

/** All that was signed at one height. */
class Height {
  readonly locks = new Map<string, Lock>();
  /** Who prevoted a value in a round, by `round/value`. */
  readonly prevotes = new Map<string, Set<string>>();
  private readonly validators: ValidatorSet;
  private readonly addressOf: ReadonlyMap<string, Uint8Array>;
  /** Of those that are not watched: they may have prevoted anything. */
  private readonly unwatched: bigint;

  constructor(validators: ValidatorSet, addressOf: ReadonlyMap<string, Uint8Array>) {
    this.validators = validators;
    this.addressOf = addressOf;
    const watched = new Set([...addressOf.values()].map(toLatin1));
    this.unwatched = validators.validators
      .filter(({ address }) => !watched.has(toLatin1(address)))
      .reduce((sum, { votingPower }) => sum + votingPower, 0n);
  }

  hasPolka(round: number, value: string): boolean {
    let power = this.unwatched;
    for (const machine of this.prevotes.get(`${round}/${value}`) ?? []) power += this.powerOf(machine);
    return hasTwoThirds(power, this.validators.totalPower);
  }

  private powerOf(machine: string): bigint {
    const address = this.addressOf.get(machine);
    return address === undefined ? 0n : (this.validators.get(this.validators.indexOf(address))?.votingPower ?? 0n);
  }
}

/**
 * Locks, over the shoulder of all honest keys at once: a precommit needs a polka of its own round (L36), and a locked
 * key prevotes another value only after a newer polka for it (L28). Votes are noted as they are signed, so whatever a
 * node can have seen is known here. Powers are those of the height's own validators.
 */
export class LockChecker {
  /** Addresses of the honest machines. */
  private readonly addressOf: ReadonlyMap<string, Uint8Array>;
  private readonly coverage: Coverage | undefined;
  private readonly heights = new Map<number, Height>();

  constructor(addressOf: ReadonlyMap<string, Uint8Array>, coverage?: Coverage) {
    this.addressOf = addressOf;
    this.coverage = coverage;
  }

  /** Called before anybody signs at `height`. */
  begins(height: number, validators: ValidatorSet): void {
    if (!this.heights.has(height)) this.heights.set(height, new Height(validators, this.addressOf));
  }

  /** Throws a Violation. */
  signed(machine: string, vote: Vote): void {
    const { round, type, value } = vote;
    const height = this.heights.get(vote.height);
    if (height === undefined || value === NIL) return;
    if (type === PREVOTE) prevoted(height, machine, vote);
    if (type !== PRECOMMIT) return;
    if (!height.hasPolka(round, value))
      throw new Violation('locks', `${machine} precommitted at ${vote.height}/${round} without a polka of that round`);
    const lock = height.locks.get(machine);
    if (lock === undefined) this.coverage?.hit('locked');
    else if (lock.value !== value && lock.round < round) this.coverage?.hit('lock then newer polka');
    if (lock === undefined || lock.round < round) height.locks.set(machine, { round, value });
  }
}

function prevoted(height: Height, machine: string, vote: Vote): void {
  const { round, value } = vote;
  const lock = height.locks.get(machine);
  if (lock !== undefined && lock.round < round && lock.value !== value && !hasNewerPolka(height, lock.round, vote))
    throw new Violation(
      'locks',
      `${machine} is locked since ${vote.height}/${lock.round} and prevoted another value in round ${round}`,
    );
  const key = `${round}/${value}`;
  const voters = height.prevotes.get(key) ?? new Set();
  height.prevotes.set(key, voters.add(machine));
}

function hasNewerPolka(height: Height, lockedRound: number, { round, value }: Vote): boolean {
  for (let newer = lockedRound + 1; newer < round; newer++) if (height.hasPolka(newer, value)) return true;
  return false;
}
