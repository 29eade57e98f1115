import { hash } from 'node:crypto';
import sodium from 'sodium-native';

/**
 * Hashes in native code. A browser gets `hash.browser.ts` instead (the `browser` condition of package.json's
 * imports), which is why every file, also in this folder, imports it as `#crypto/hash.ts`.
 */

/** Bytes of a SHA-256 digest. */
export const HASH_LENGTH = 32;

/** Bytes of a RIPEMD-160 digest. */
export const RIPEMD160_LENGTH = 20;

/**
 * Inputs up to this many bytes go to libsodium, which costs less to call (0.2 against 0.6 us for 32 bytes);
 * longer ones to OpenSSL, whose SHA-256 uses the processor's own instructions (equal at about 300 bytes).
 */
const SHORT_INPUT_MAX_BYTES = 256;

/** SHA-256. The result belongs to the caller. */
export function sha256(bytes: Uint8Array): Uint8Array {
  const out = new Uint8Array(HASH_LENGTH);
  sha256Into(out, bytes);
  return out;
}

/** SHA-256 into 32 bytes that the caller owns; `out` may be part of `bytes`. */
export function sha256Into(out: Uint8Array, bytes: Uint8Array): void {
  if (bytes.length <= SHORT_INPUT_MAX_BYTES) sodium.crypto_hash_sha256(out, bytes);
  else out.set(hash('sha256', bytes, 'buffer'));
}

/** RIPEMD-160. The result belongs to the caller. */
export function ripemd160(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(hash('ripemd160', bytes, 'buffer'));
}
