import { ripemd160 as nobleRipemd160 } from '@noble/hashes/legacy.js';
import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js';

/** The exports of `hash.ts` in plain JavaScript, for browsers and for cross-checks in tests. */

export const HASH_LENGTH = 32;

export const RIPEMD160_LENGTH = 20;

export function sha256(bytes: Uint8Array): Uint8Array {
  return nobleSha256(bytes);
}

export function sha256Into(out: Uint8Array, bytes: Uint8Array): void {
  out.set(nobleSha256(bytes));
}

export function ripemd160(bytes: Uint8Array): Uint8Array {
  return nobleRipemd160(bytes);
}
