/** Codes of the `BizraError`s that this folder throws. */
export const CRYPTO_ERROR_CODES = [
  'bad_address',
  'bad_key',
  'bad_signature',
  'native_missing',
  'verifier_closed',
  'verifier_failed',
  'verifier_full',
] as const;

export type CryptoErrorCode = (typeof CRYPTO_ERROR_CODES)[number];
