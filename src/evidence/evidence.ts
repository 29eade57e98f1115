import { sha256 } from '#crypto/hash.ts';
import { type Evidence, encodeInner } from '#types/evidence.ts';
import { hashHeader } from '#types/header.ts';
import type { ConsensusParams } from '#types/params.ts';
import type { Time } from '#types/time.ts';
import type { Validator } from '#types/validator-set.ts';

const HASH_BYTES = 32;

/** The height whose validators answer for it: that of the votes, or the last one that the attacked client had right. */
export function evidenceHeight(evidence: Evidence): number {
  return evidence.kind === 'duplicate-vote' ? evidence.voteA.height : evidence.commonHeight;
}

/**
 * CometBFT's `Evidence.Hash()`: one offence is committed once under it. Of an attack on light clients it covers the
 * conflicting block and the common height alone, so that other selections of signatures under the same block are the
 * same offence; CometBFT copies one byte of the block's hash less than it has (wire-formats 5.6).
 */
export function evidenceHash(evidence: Evidence): Uint8Array {
  if (evidence.kind === 'duplicate-vote') return sha256(encodeInner(evidence));
  const height = zigZagVarint(evidence.commonHeight);
  const bytes = new Uint8Array(HASH_BYTES + height.length);
  bytes.set(hashHeader(evidence.conflictingBlock.header).subarray(0, HASH_BYTES - 1));
  bytes.set(height, HASH_BYTES);
  return sha256(bytes);
}

/** Who is punished for it, and with what power: in the order of the evidence. None for an amnesia attack. */
export interface Accused {
  readonly address: Uint8Array;
  readonly power: bigint;
}

export function accusedBy(evidence: Evidence): Accused[] {
  if (evidence.kind === 'duplicate-vote') {
    return [{ address: evidence.voteA.validatorAddress, power: evidence.validatorPower }];
  }
  return evidence.byzantineValidators.map(({ address, votingPower }: Validator) => ({ address, power: votingPower }));
}

/** Evidence is too old only when both limits are passed: few blocks in a long time, or many in a short one, are not. */
export function isExpired(
  params: ConsensusParams['evidence'],
  now: { readonly height: number; readonly time: Time },
  then: { readonly height: number; readonly time: Time },
): boolean {
  return now.height - then.height > params.maxAgeNumBlocks && now.time - then.time > params.maxAgeDurationNs;
}

/** Go's `binary.PutVarint`. */
function zigZagVarint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt(value) << 1n;
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}
