import { BizraError } from '#util/errors.ts';

/** Codes of the `BizraError`s that this folder throws. */
export const LIGHT_ERROR_CODES = [
  /** Options that no light client can be safe with. */
  'bad_light_options',
  /** A provider sent a light block that is not what it has to be: its fault. */
  'bad_light_block',
  /** Too few of those who are trusted have signed: a block in between may help. */
  'not_enough_trust',
  /** What is trusted is older than the trusting period: a newer trusted header is needed. */
  'trust_expired',
  /** A header is ahead of this machine's clock, which may be wrong: another provider is asked, and nobody blamed. */
  'header_from_future',
  /** The provider does not have that height, not yet, or not on the trusted chain. Nobody's proven fault. */
  'no_light_block',
  /** The provider does not answer. */
  'provider_failed',
  /** No witness that was named confirms what the primary says. */
  'no_witness',
  /** Two headers of one height are signed: the client stops. */
  'light_client_attack',
  /** One call would take more blocks than allowed; what was verified is kept, so another call goes on. */
  'too_many_steps',
  'bad_proof',
] as const;

export type LightErrorCode = (typeof LIGHT_ERROR_CODES)[number];

export function lightError(code: LightErrorCode, message: string, options?: ErrorOptions): BizraError<LightErrorCode> {
  return new BizraError(code, message, options);
}

export function isLightError(error: unknown, ...codes: readonly LightErrorCode[]): error is BizraError<LightErrorCode> {
  return error instanceof BizraError && (codes as readonly string[]).includes(error.code);
}

/** Throws `code` with `message()` unless the condition holds. */
export function check(condition: boolean, code: LightErrorCode, message: () => string): asserts condition {
  if (!condition) throw lightError(code, message());
}
