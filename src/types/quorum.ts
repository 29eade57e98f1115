/** Thresholds over voting power. Integers only, so no rounding: power > total * 2/3 is 3 * power > 2 * total. */

/** More than two thirds of `total`: a polka or a commit. */
export function hasTwoThirds(power: bigint, total: bigint): boolean {
  return power * 3n > total * 2n;
}

/** More than one third of `total`: at least one correct validator. */
export function hasOneThird(power: bigint, total: bigint): boolean {
  return power * 3n > total;
}
