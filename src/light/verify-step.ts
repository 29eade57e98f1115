import type { Verifier } from '#crypto/verifier.ts';
import {
  DEFAULT_TRUST_LEVEL,
  type TrustLevel,
  verifyCommit,
  verifyCommitLight,
  verifyCommitLightTrusting,
} from '#types/commit-verification.ts';
import type { TypesErrorCode } from '#types/errors.ts';
import { type Header, hashHeader } from '#types/header.ts';
import type { LightBlock } from '#types/light-block.ts';
import { formatTime, type Time } from '#types/time.ts';
import type { ValidatorSet } from '#types/validator-set.ts';
import { equalBytes } from '#util/bytes.ts';
import { BizraError } from '#util/errors.ts';
import { check, lightError } from './errors.ts';
import { checkLightBlock } from './light-block.ts';

/** Nanoseconds that a header may be ahead of this machine's clock: CometBFT's default. */
export const DEFAULT_CLOCK_DRIFT_NS = 10_000_000_000n;

/** By what a step is judged. */
export interface StepRules {
  readonly chainId: string;
  /** A header is trusted for so long after its time. Shorter than stake takes to unbond: who signed must have something to lose. */
  readonly trustingPeriodNs: bigint;
  readonly maxClockDriftNs?: bigint;
  /** The share of trusted power that must have signed a header that is not the next one: from 1/3 to 1. */
  readonly trustLevel?: TrustLevel;
  /**
   * `all` (default): every signature in a commit must be valid, as for a block that is executed, so that what was
   * verified can be stored, handed on, and held against those who signed. `enough`: CometBFT's light client, which
   * stops at two thirds and leaves forged signatures behind them unseen.
   */
  readonly signatures?: 'all' | 'enough';
}

/** A header that is believed, with its own validators or (where only they are known) those of the next height. */
export interface TrustedHeader {
  readonly header: Header;
  readonly validators: ValidatorSet;
}

/**
 * One step forward, from a trusted header to a later one, at the time `now` (CometBFT's `light.Verify`). The next
 * header's validators are those that the trusted header names; of any later header's, more than `trustLevel` of the
 * trusted power must have signed, else `not_enough_trust`. Throws that, `trust_expired`, `header_from_future`, or
 * `bad_light_block`, which is the sender's fault.
 */
export async function verifyStep(
  verifier: Verifier,
  rules: StepRules,
  trusted: TrustedHeader,
  next: LightBlock,
  now: Time,
): Promise<void> {
  checkNotExpired(rules, trusted.header, now);
  checkLightBlock(rules.chainId, next);
  checkForward(rules, trusted.header, next.header, now);
  if (next.header.height === trusted.header.height + 1) {
    check(
      equalBytes(next.header.validatorsHash, trusted.header.nextValidatorsHash),
      'bad_light_block',
      () => `the validators of height ${next.header.height} are not those that the header before it announces`,
    );
  } else await verifyTrusted(verifier, rules, trusted, next);
  await verifyOwnCommit(verifier, rules, next);
}

/**
 * One step back by the hash link: `previous` is the block that `header` names as its last one. Nobody's signature is
 * needed for that, and none is looked at. Throws `bad_light_block`.
 */
export function verifyBackwards(chainId: string, header: Header, previous: LightBlock): void {
  checkLightBlock(chainId, previous);
  check(
    previous.header.height === header.height - 1 && equalBytes(hashHeader(previous.header), header.lastBlockId.hash),
    'bad_light_block',
    () => `header ${previous.header.height} is not the one that header ${header.height} names as its last`,
  );
  check(
    previous.header.time < header.time,
    'bad_light_block',
    () => `header ${previous.header.height} is not earlier than the one after it`,
  );
}

/** More than two thirds of the block's own validators signed it. Throws `bad_light_block`. */
export async function verifyOwnCommit(
  verifier: Verifier,
  { chainId, signatures = 'all' }: Pick<StepRules, 'chainId' | 'signatures'>,
  { header, commit, validators }: LightBlock,
): Promise<void> {
  const verify = signatures === 'all' ? verifyCommit : verifyCommitLight;
  try {
    await verify(verifier, chainId, validators, commit.blockId, header.height, commit);
  } catch (error) {
    throw asBadBlock(error, header);
  }
}

/** Whether `now` is still within the trusting period of a header. */
export function isExpired(
  { trustingPeriodNs }: Pick<StepRules, 'trustingPeriodNs'>,
  header: Header,
  now: Time,
): boolean {
  return header.time + trustingPeriodNs <= now;
}

export function checkNotExpired(rules: Pick<StepRules, 'trustingPeriodNs'>, header: Header, now: Time): void {
  check(
    !isExpired(rules, header, now),
    'trust_expired',
    () =>
      `trusted header ${header.height} of ${formatTime(header.time)} is older than the trusting period; ` +
      'give the height and hash of a newer header from a source that you trust',
  );
}

function checkForward(
  { maxClockDriftNs = DEFAULT_CLOCK_DRIFT_NS }: StepRules,
  trusted: Header,
  next: Header,
  now: Time,
): void {
  check(
    next.height > trusted.height,
    'bad_light_block',
    () => `header ${next.height} is not above the trusted one, ${trusted.height}`,
  );
  check(
    next.time > trusted.time,
    'bad_light_block',
    () => `header ${next.height} is not later in time than header ${trusted.height}`,
  );
  check(
    next.time < now + maxClockDriftNs,
    'header_from_future',
    () =>
      `header ${next.height} is of ${formatTime(next.time)}, here it is ${formatTime(now)}: one of the clocks is wrong`,
  );
}

async function verifyTrusted(
  verifier: Verifier,
  { chainId, trustLevel = DEFAULT_TRUST_LEVEL }: StepRules,
  trusted: TrustedHeader,
  { header, commit }: LightBlock,
): Promise<void> {
  try {
    await verifyCommitLightTrusting(verifier, chainId, trusted.validators, commit, trustLevel);
  } catch (error) {
    if (!(error instanceof BizraError) || error.code !== 'not_enough_power') throw asBadBlock(error, header);
    throw lightError(
      'not_enough_trust',
      `too few of the validators of height ${trusted.header.height} have signed height ${header.height}`,
      { cause: error },
    );
  }
}

const COMMIT_FAULTS: readonly string[] = ['bad_commit', 'bad_signature', 'not_enough_power'] satisfies TypesErrorCode[];

/** What is wrong with a commit is wrong with the block; a verifier that fails is no verdict. */
function asBadBlock(error: unknown, { height }: Header): unknown {
  if (!(error instanceof BizraError) || !COMMIT_FAULTS.includes(error.code)) return error;
  return lightError('bad_light_block', `height ${height}: ${error.message}`, { cause: error });
}
