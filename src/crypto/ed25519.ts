import sodium from 'sodium-native';
import { assert } from '#util/assert.ts';

/**
 * Ed25519 for validators. Which signatures are valid is libsodium's rule (it refuses small-order keys and
 * non-canonical encodings); all nodes must agree on it, so nothing else ever decides.
 */

export const ED25519_PUBLIC_KEY_LENGTH = 32;
/** Seed, then public key. */
export const ED25519_PRIVATE_KEY_LENGTH = 64;
export const ED25519_SIGNATURE_LENGTH = 64;
export const ED25519_SEED_LENGTH = 32;

export interface Ed25519KeyPair {
  readonly publicKey: Uint8Array;
  /** 64 bytes: seed, then public key. */
  readonly privateKey: Uint8Array;
}

/** A new key from the operating system's randomness, or the key of a 32-byte seed. */
export function generateEd25519(seed?: Uint8Array): Ed25519KeyPair {
  const publicKey = new Uint8Array(ED25519_PUBLIC_KEY_LENGTH);
  const privateKey = new Uint8Array(ED25519_PRIVATE_KEY_LENGTH);
  if (seed === undefined) {
    sodium.crypto_sign_keypair(publicKey, privateKey);
  } else {
    assert(seed.length === ED25519_SEED_LENGTH, 'an Ed25519 seed has 32 bytes');
    sodium.crypto_sign_seed_keypair(publicKey, privateKey, seed);
  }
  return { publicKey, privateKey };
}

/** 64 bytes, deterministic. */
export function signEd25519(privateKey: Uint8Array, message: Uint8Array): Uint8Array {
  assert(privateKey.length === ED25519_PRIVATE_KEY_LENGTH, 'an Ed25519 private key has 64 bytes');
  const signature = new Uint8Array(ED25519_SIGNATURE_LENGTH);
  sodium.crypto_sign_detached(signature, message, privateKey);
  return signature;
}

/** False on any wrong length; never throws. */
export function verifyEd25519(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.length !== ED25519_PUBLIC_KEY_LENGTH || signature.length !== ED25519_SIGNATURE_LENGTH) return false;
  return sodium.crypto_sign_verify_detached(signature, message, publicKey);
}
