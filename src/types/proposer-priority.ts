import { compareBytes } from '#util/bytes.ts';
import type { PublicKey } from './public-key.ts';

/**
 * Weighted round robin, as CometBFT's `types/validator_set.go` does it: every turn each validator's priority grows by
 * its power, and the highest proposes and pays the total. The arithmetic is int64 and stops at its ends.
 */

/** A validator whose numbers may change while a new set is computed. */
export interface Seat {
  readonly address: Uint8Array;
  readonly pubKey: PublicKey;
  votingPower: bigint;
  proposerPriority: bigint;
}

const MAX_INT64 = 2n ** 63n - 1n;
const MIN_INT64 = -(2n ** 63n);

/** Priorities stay within this many times the total power of each other. */
const WINDOW_FACTOR = 2n;

function clamp(value: bigint): bigint {
  if (value > MAX_INT64) return MAX_INT64;
  return value < MIN_INT64 ? MIN_INT64 : value;
}

/** Newcomers start at -1.125 times the total, so that leaving and coming back never pays. */
export function newcomerPriority(totalAfterUpdates: bigint): bigint {
  return -(totalAfterUpdates + (totalAfterUpdates >> 3n));
}

/** Shrinks priorities until they fit into the window. Division truncates toward zero. */
export function rescale(seats: readonly Seat[], totalPower: bigint): void {
  let max = MIN_INT64;
  let min = MAX_INT64;
  for (const { proposerPriority } of seats) {
    if (proposerPriority > max) max = proposerPriority;
    if (proposerPriority < min) min = proposerPriority;
  }
  const window = WINDOW_FACTOR * totalPower;
  const difference = clamp(max - min);
  if (window <= 0n || difference <= window) return;
  const ratio = (difference + window - 1n) / window;
  for (const seat of seats) seat.proposerPriority /= ratio;
}

/** Moves the average to zero. The average is rounded down, also below zero. */
export function center(seats: readonly Seat[]): void {
  let sum = 0n;
  for (const { proposerPriority } of seats) sum += proposerPriority;
  const count = BigInt(seats.length);
  const truncated = sum / count;
  const average = sum < 0n && truncated * count !== sum ? truncated - 1n : truncated;
  for (const seat of seats) seat.proposerPriority = clamp(seat.proposerPriority - average);
}

/** One turn. Returns the index of the proposer: the highest priority, among equals the smaller address. */
export function rotate(seats: readonly Seat[], totalPower: bigint): number {
  let best = 0;
  for (let i = 0; i < seats.length; i++) {
    const seat = seats[i] as Seat;
    seat.proposerPriority = clamp(seat.proposerPriority + seat.votingPower);
    const leader = seats[best] as Seat;
    const isHigher = seat.proposerPriority > leader.proposerPriority;
    const isEqual = seat.proposerPriority === leader.proposerPriority;
    if (isHigher || (isEqual && compareBytes(seat.address, leader.address) < 0)) best = i;
  }
  const proposer = seats[best] as Seat;
  proposer.proposerPriority = clamp(proposer.proposerPriority - totalPower);
  return best;
}

/** A set's order: power descending, then address ascending. */
export function byPowerThenAddress(
  a: { readonly votingPower: bigint; readonly address: Uint8Array },
  b: { readonly votingPower: bigint; readonly address: Uint8Array },
): number {
  if (a.votingPower !== b.votingPower) return a.votingPower > b.votingPower ? -1 : 1;
  return compareBytes(a.address, b.address);
}
