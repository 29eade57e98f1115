import secp256k1 from 'secp256k1';
import { assert } from '#util/assert.ts';
import { BizraError } from '#util/errors.ts';
import type { CryptoErrorCode } from './errors.ts';
import { hasSecp256k1KeyForm, hasSecp256k1SignatureForm } from './secp256k1-form.ts';

/** secp256k1 for accounts, by libsecp256k1. Digests are 32 bytes: the SHA-256 of what is signed. */

export const SECP256K1_PRIVATE_KEY_LENGTH = 32;
const DIGEST_LENGTH = 32;

/** The 33-byte compressed public key. Throws `bad_key` when the private key is zero or not below the group's order. */
export function secp256k1PublicKey(privateKey: Uint8Array): Uint8Array {
  if (privateKey.length !== SECP256K1_PRIVATE_KEY_LENGTH || !secp256k1.privateKeyVerify(privateKey)) {
    throw new BizraError<CryptoErrorCode>('bad_key', 'invalid secp256k1 private key: 32 bytes, 1 <= key < n expected');
  }
  return secp256k1.publicKeyCreate(privateKey, true);
}

/** 64 bytes R | S, low S, nonce by RFC 6979. */
export function signSecp256k1(privateKey: Uint8Array, digest: Uint8Array): Uint8Array {
  assert(digest.length === DIGEST_LENGTH, 'secp256k1 signs a 32-byte digest');
  return secp256k1.ecdsaSign(digest, privateKey).signature;
}

/** False on a wrong length, key prefix, high S, r or s out of range, or a key off the curve; never throws. */
export function verifySecp256k1(publicKey: Uint8Array, digest: Uint8Array, signature: Uint8Array): boolean {
  if (digest.length !== DIGEST_LENGTH) return false;
  if (!hasSecp256k1KeyForm(publicKey) || !hasSecp256k1SignatureForm(signature)) return false;
  try {
    return secp256k1.ecdsaVerify(signature, digest, publicKey);
  } catch {
    return false; // the binding throws when the key is not a point on the curve
  }
}

/** True for a 33-byte compressed key that is a point on the curve. */
export function isSecp256k1PublicKey(publicKey: Uint8Array): boolean {
  return hasSecp256k1KeyForm(publicKey) && secp256k1.publicKeyVerify(publicKey);
}
