import type { Verifier, VerifyItem } from '#crypto/verifier.ts';
import { equalBytes, toHex, toLatin1 } from '#util/bytes.ts';
import { type BlockId, equalBlockIds } from './block-id.ts';
import { type Commit, type CommitSig, commitSignBytes, FLAG_ABSENT, FLAG_COMMIT } from './commit.ts';
import { check } from './errors.ts';
import { hasTwoThirds } from './quorum.ts';
import { ZERO_TIME } from './time.ts';
import type { Validator, ValidatorSet } from './validator-set.ts';

/** A share of the voting power: more than numerator / denominator of it must have signed. */
export interface TrustLevel {
  readonly numerator: bigint;
  readonly denominator: bigint;
}

/** CometBFT's default for light clients: at least one correct validator of the trusted set has signed. */
export const DEFAULT_TRUST_LEVEL: TrustLevel = Object.freeze({ numerator: 1n, denominator: 3n });

/**
 * Checks a commit before a block is executed on it: it is for this height and block, entry i is validator i's or blank, more
 * than two thirds of the power voted for the block, and *every* signature present is valid, those for nil included;
 * one bad signature anywhere refuses the whole commit. Throws `bad_commit`, `not_enough_power` or `bad_signature`.
 */
export async function verifyCommit(
  verifier: Verifier,
  chainId: string,
  validators: ValidatorSet,
  blockId: BlockId,
  height: number,
  commit: Commit,
): Promise<void> {
  checkSubject(validators, blockId, height, commit);
  const signed: Signed[] = [];
  let power = 0n;
  for (const [index, sig] of commit.signatures.entries()) {
    if (sig.flag === FLAG_ABSENT) {
      checkBlank(index, sig);
      continue;
    }
    const validator = checkOwner(validators, index, sig);
    signed.push({ index, validator });
    if (sig.flag === FLAG_COMMIT) power += validator.votingPower;
  }
  checkPower(power, validators.totalPower, hasTwoThirds(power, validators.totalPower));
  await checkSignatures(verifier, chainId, commit, signed);
}

export type CommitVerification = typeof verifyCommit;

/**
 * As light clients do it: looks at votes for the block alone, in order, and only until more than two thirds of the
 * power are reached. Not for blocks that will be executed.
 */
export async function verifyCommitLight(
  verifier: Verifier,
  chainId: string,
  validators: ValidatorSet,
  blockId: BlockId,
  height: number,
  commit: Commit,
): Promise<void> {
  checkSubject(validators, blockId, height, commit);
  const signed: Signed[] = [];
  let power = 0n;
  for (const [index, sig] of commit.signatures.entries()) {
    if (sig.flag !== FLAG_COMMIT) continue;
    const validator = checkOwner(validators, index, sig);
    signed.push({ index, validator });
    power += validator.votingPower;
    if (hasTwoThirds(power, validators.totalPower)) break;
  }
  checkPower(power, validators.totalPower, hasTwoThirds(power, validators.totalPower));
  await checkSignatures(verifier, chainId, commit, signed);
}

/**
 * Whether more than `trustLevel` of an older, trusted set's power voted for the commit's block; entries are found by
 * address and count once. The caller has compared the commit's block id with the header.
 */
export async function verifyCommitLightTrusting(
  verifier: Verifier,
  chainId: string,
  trusted: ValidatorSet,
  commit: Commit,
  trustLevel: TrustLevel = DEFAULT_TRUST_LEVEL,
): Promise<void> {
  const { numerator, denominator } = trustLevel;
  const sane = denominator > 0n && numerator * 3n >= denominator && numerator <= denominator;
  check(sane, 'bad_commit', () => `trust level ${numerator}/${denominator} is not within 1/3 and 1`);
  const isEnough = (power: bigint): boolean => power * denominator > trusted.totalPower * numerator;
  const signed: Signed[] = [];
  const seen = new Set<string>();
  let power = 0n;
  for (const [index, sig] of commit.signatures.entries()) {
    if (sig.flag !== FLAG_COMMIT) continue;
    const validator = trusted.get(trusted.indexOf(sig.validatorAddress));
    if (validator === undefined) continue;
    const key = toLatin1(sig.validatorAddress);
    check(!seen.has(key), 'bad_commit', () => `validator ${toHex(sig.validatorAddress)} is in the commit twice`);
    seen.add(key);
    signed.push({ index, validator });
    power += validator.votingPower;
    if (isEnough(power)) break;
  }
  checkPower(power, trusted.totalPower, isEnough(power));
  await checkSignatures(verifier, chainId, commit, signed);
}

interface Signed {
  readonly index: number;
  readonly validator: Validator;
}

function checkSubject(validators: ValidatorSet, blockId: BlockId, height: number, commit: Commit): void {
  const entries = commit.signatures.length;
  check(
    entries === validators.size,
    'bad_commit',
    () => `commit has ${entries} entries for ${validators.size} validators`,
  );
  check(commit.height === height, 'bad_commit', () => `commit is of height ${commit.height}; expected ${height}`);
  check(
    equalBlockIds(commit.blockId, blockId),
    'bad_commit',
    () => `commit of height ${height} is for block ${toHex(commit.blockId.hash)}; expected ${toHex(blockId.hash)}`,
  );
}

/** The address is not signed: only its place says whose power it is. */
function checkOwner(validators: ValidatorSet, index: number, sig: CommitSig): Validator {
  const validator = validators.get(index);
  check(
    validator !== undefined && equalBytes(validator.address, sig.validatorAddress),
    'bad_commit',
    () => `address ${toHex(sig.validatorAddress)} does not belong to entry ${index}`,
  );
  return validator;
}

/** Nothing vouches for what an absent entry says, so it says nothing. */
function checkBlank(index: number, { validatorAddress, timestamp, signature }: CommitSig): void {
  check(
    validatorAddress.length === 0 && signature.length === 0 && timestamp === ZERO_TIME,
    'bad_commit',
    () => `absent entry ${index} has content`,
  );
}

function checkPower(power: bigint, total: bigint, enough: boolean): void {
  check(enough, 'not_enough_power', () => `commit carries voting power ${power} of ${total}, which is not enough`);
}

async function checkSignatures(
  verifier: Verifier,
  chainId: string,
  commit: Commit,
  signed: readonly Signed[],
): Promise<void> {
  const items = signed.map(
    ({ index, validator }): VerifyItem => ({
      type: validator.pubKey.type,
      publicKey: validator.pubKey.bytes,
      message: commitSignBytes(chainId, commit, index),
      signature: (commit.signatures[index] as CommitSig).signature,
    }),
  );
  const verdicts = await verifier.verify(items);
  const firstBad = signed[verdicts.findIndex((valid) => !valid)];
  check(
    verdicts.length === items.length && firstBad === undefined,
    'bad_signature',
    () => `signature of entry ${firstBad?.index} in the commit of height ${commit.height} is invalid`,
  );
}
