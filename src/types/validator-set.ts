import { validatorAddress } from '#crypto/address.ts';
import { merkleRoot } from '#crypto/merkle.ts';
import { assert } from '#util/assert.ts';
import { compareBytes, equalBytes, toHex, toLatin1 } from '#util/bytes.ts';
import { check } from './errors.ts';
import { MAX_TOTAL_VOTING_POWER, MAX_VALIDATORS } from './limits.ts';
import { byPowerThenAddress, center, newcomerPriority, rescale, rotate, type Seat } from './proposer-priority.ts';
import { isWellFormedKey, type PublicKey } from './public-key.ts';
import { checkValidator, readValidators, type Validator, writeSimpleValidator, writeValidators } from './validator.ts';
import { decodeWhole } from './wire.ts';
import { encodeEach, encodeWith } from './wire-writer.ts';

export type { PublicKey } from './public-key.ts';
export type { Validator } from './validator.ts';

/** Power 0 removes the validator. */
export interface ValidatorUpdate {
  readonly pubKey: PublicKey;
  readonly power: bigint;
}

/** A validator with a 33-byte key takes some 90 bytes, and the proposer is there twice. */
export const MAX_VALIDATOR_SET_BYTES = (MAX_VALIDATORS + 1) * 128;

/** What stays the same when only priorities move, so that rotation need not compute it again. */
interface Shared {
  readonly totalPower: bigint;
  readonly indexes: ReadonlyMap<string, number>;
  hash: Uint8Array | undefined;
}

/**
 * The validators of a height, power descending, then address ascending, and whose turn it is to propose. Immutable.
 * All rules are CometBFT's `types/validator_set.go`, so that light clients compute the same hashes and proposers.
 */
export class ValidatorSet {
  readonly validators: readonly Validator[];
  readonly proposer: Validator;
  private readonly shared: Shared;

  private constructor(validators: readonly Validator[], proposer: Validator, shared: Shared) {
    this.validators = validators;
    this.proposer = proposer;
    this.shared = shared;
  }

  /** The set of a genesis: an update of nothing, then one turn. Throws `bad_validator_set`. */
  static create(validators: readonly { readonly pubKey: PublicKey; readonly votingPower: bigint }[]): ValidatorSet {
    const updates = validators.map(({ pubKey, votingPower }) => ({ pubKey, power: votingPower }));
    check(updates.length > 0, 'bad_validator_set', () => 'a validator set cannot be empty');
    check(
      updates.every(({ power }) => power > 0n),
      'bad_validator_set',
      () => 'a first validator has no voting power',
    );
    return ValidatorSet.fromSeats(applyUpdates([], 0n, updates), undefined).incremented(1);
  }

  /**
   * A set as it was stored or sent: in order, with its priorities. Throws `bad_validator_set` when order, addresses,
   * powers or the proposer cannot be those of a set.
   */
  static restore(validators: readonly Validator[], proposerAddress: Uint8Array): ValidatorSet {
    check(validators.length > 0, 'bad_validator_set', () => 'a validator set cannot be empty');
    check(validators.length <= MAX_VALIDATORS, 'bad_validator_set', () => `${validators.length} validators`);
    let previous: Validator | undefined;
    for (const validator of validators) {
      checkValidator(validator);
      const ordered = previous === undefined || byPowerThenAddress(previous, validator) < 0;
      check(ordered, 'bad_validator_set', () => `validator ${toHex(validator.address)} is out of order`);
      previous = validator;
    }
    const addresses = new Set(validators.map(({ address }) => toLatin1(address)));
    check(addresses.size === validators.length, 'bad_validator_set', () => 'a validator is there twice');
    checkTotal(sumPowers(validators));
    const set = ValidatorSet.fromSeats(validators.map(seatOf), proposerAddress);
    check(
      equalBytes(set.proposer.address, proposerAddress),
      'bad_validator_set',
      () => `proposer ${toHex(proposerAddress)} is not in the set`,
    );
    return set;
  }

  private static fromSeats(seats: readonly Seat[], proposerAddress: Uint8Array | undefined): ValidatorSet {
    const validators = Object.freeze(seats.map(validatorOf));
    const indexes = new Map(validators.map(({ address }, index) => [toLatin1(address), index]));
    assert(indexes.size === validators.length, 'addresses in a validator set differ');
    const known = proposerAddress && validators.find(({ address }) => equalBytes(address, proposerAddress));
    const shared = { totalPower: sumPowers(validators), indexes, hash: undefined };
    return new ValidatorSet(validators, known ?? mostDue(validators), shared);
  }

  get totalPower(): bigint {
    return this.shared.totalPower;
  }

  get size(): number {
    return this.validators.length;
  }

  /** Position in `validators`, or -1. */
  indexOf(address: Uint8Array): number {
    return this.shared.indexes.get(toLatin1(address)) ?? -1;
  }

  /** Undefined for any number that is not a position. */
  get(index: number): Validator | undefined {
    return this.validators[index];
  }

  /** A copy after `times` turns (at least 1), whose proposer had the last of them. */
  incremented(times: number): ValidatorSet {
    assert(Number.isSafeInteger(times) && times > 0, 'a proposer rotation is by one turn or more');
    const seats = this.validators.map(seatOf);
    rescale(seats, this.totalPower);
    center(seats);
    let proposer = 0;
    for (let turn = 0; turn < times; turn++) proposer = rotate(seats, this.totalPower);
    const validators = Object.freeze(seats.map(validatorOf));
    return new ValidatorSet(validators, validators[proposer] as Validator, this.shared);
  }

  /**
   * A copy with changed powers, newcomers, and without those of power 0. The order of updates does not matter.
   * Throws `bad_validator_set` on duplicates, negative powers, unknown removals, an empty result, or too much power.
   */
  withUpdates(updates: readonly ValidatorUpdate[]): ValidatorSet {
    if (updates.length === 0) return this;
    const seats = applyUpdates(this.validators, this.totalPower, updates);
    return ValidatorSet.fromSeats(seats, this.proposer.address);
  }

  /** Merkle root over keys and powers: a header's validators_hash. Not to be changed. */
  hash(): Uint8Array {
    this.shared.hash ??= merkleRoot(encodeEach(this.validators, writeSimpleValidator));
    return this.shared.hash;
  }

  /** CometBFT's ValidatorSet message with priorities and proposer; the total is left out, as Go does when hashing. */
  encode(): Uint8Array {
    return encodeWith((writer) => writeValidators(writer, this.validators, this.proposer));
  }

  /** Throws `bad_encoding` or `bad_validator_set`. */
  static decode(bytes: Uint8Array): ValidatorSet {
    const { validators, proposer } = decodeWhole(bytes, 'ValidatorSet', MAX_VALIDATOR_SET_BYTES, readValidators);
    const set = ValidatorSet.restore(validators, proposer.address);
    const { votingPower, proposerPriority } = set.proposer;
    const isCopy = votingPower === proposer.votingPower && proposerPriority === proposer.proposerPriority;
    check(isCopy, 'bad_validator_set', () => `proposer ${toHex(proposer.address)} differs from its entry in the set`);
    return set;
  }
}

interface Change {
  readonly address: Uint8Array;
  readonly pubKey: PublicKey;
  readonly power: bigint;
}

/** CometBFT's `updateWithChangeSet`: powers, then priorities of newcomers, removals, rescaling, centering, order. */
function applyUpdates(
  current: readonly Validator[],
  currentTotal: bigint,
  updates: readonly ValidatorUpdate[],
): Seat[] {
  const changes = new Map<string, Change>();
  for (const { pubKey, power } of updates) addChange(changes, pubKey, power);
  const seats = new Map(current.map((validator) => [toLatin1(validator.address), seatOf(validator)]));
  const { removedPower, totalBeforeRemovals } = sumChanges(changes, seats, currentTotal);
  checkTotal(totalBeforeRemovals - removedPower);
  for (const [key, change] of changes) {
    const seat = seats.get(key);
    if (change.power === 0n) continue;
    if (seat !== undefined) seat.votingPower = change.power;
    else seats.set(key, { ...newSeat(change), proposerPriority: newcomerPriority(totalBeforeRemovals) });
  }
  for (const [key, change] of changes) if (change.power === 0n) seats.delete(key);
  check(seats.size > 0, 'bad_validator_set', () => 'the updates would leave no validator');
  check(seats.size <= MAX_VALIDATORS, 'bad_validator_set', () => `the updates would make ${seats.size} validators`);
  const result = [...seats.values()].sort(byPowerThenAddress);
  rescale(result, totalBeforeRemovals - removedPower);
  center(result);
  return result;
}

function addChange(changes: Map<string, Change>, pubKey: PublicKey, power: bigint): void {
  check(
    isWellFormedKey(pubKey),
    'bad_validator_set',
    () => `${toHex(pubKey.bytes.subarray(0, 64))} is not a ${pubKey.type} public key`,
  );
  const address = validatorAddress(pubKey);
  const key = toLatin1(address);
  check(!changes.has(key), 'bad_validator_set', () => `validator ${toHex(address)} is updated twice`);
  check(
    power >= 0n && power <= MAX_TOTAL_VOTING_POWER,
    'bad_validator_set',
    () => `update of validator ${toHex(address)} to power ${power}; expected 0 to ${MAX_TOTAL_VOTING_POWER}`,
  );
  changes.set(key, { address, pubKey, power });
}

function sumChanges(
  changes: ReadonlyMap<string, Change>,
  seats: ReadonlyMap<string, Seat>,
  currentTotal: bigint,
): { removedPower: bigint; totalBeforeRemovals: bigint } {
  let removedPower = 0n;
  let totalBeforeRemovals = currentTotal;
  for (const [key, change] of changes) {
    const seat = seats.get(key);
    if (change.power > 0n) {
      totalBeforeRemovals += change.power - (seat?.votingPower ?? 0n);
    } else {
      check(seat !== undefined, 'bad_validator_set', () => `removed validator ${toHex(change.address)} is unknown`);
      removedPower += seat.votingPower;
    }
  }
  return { removedPower, totalBeforeRemovals };
}

function checkTotal(total: bigint): void {
  check(
    total <= MAX_TOTAL_VOTING_POWER,
    'bad_validator_set',
    () => `total voting power ${total} is above ${MAX_TOTAL_VOTING_POWER}`,
  );
}

function newSeat({ address, pubKey, power }: Change): Omit<Seat, 'proposerPriority'> {
  const ownKey = Object.freeze({ type: pubKey.type, bytes: Uint8Array.from(pubKey.bytes) });
  return { address, pubKey: ownKey, votingPower: power };
}

function seatOf(validator: Validator): Seat {
  return { ...validator };
}

function validatorOf(seat: Seat): Validator {
  return Object.freeze({ ...seat });
}

function sumPowers(validators: readonly Validator[]): bigint {
  let total = 0n;
  for (const { votingPower } of validators) total += votingPower;
  return total;
}

/** The highest priority; among equals the smaller address. */
function mostDue(validators: readonly Validator[]): Validator {
  return validators.reduce((best, next) => {
    if (next.proposerPriority !== best.proposerPriority) {
      return next.proposerPriority > best.proposerPriority ? next : best;
    }
    return compareBytes(next.address, best.address) < 0 ? next : best;
  });
}
