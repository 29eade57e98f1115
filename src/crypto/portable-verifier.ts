import { ed25519 } from '@noble/curves/ed25519.js';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { sha256, sha512 } from '@noble/hashes/sha2.js';
import { unreachable } from '#util/assert.ts';
import { concatBytes, equalBytes } from '#util/bytes.ts';
import { hasSecp256k1KeyForm, hasSecp256k1SignatureForm } from './secp256k1-form.ts';
import type { Verifier, VerifyItem } from './verifier.ts';

/** Plain JavaScript, for browsers and for cross-checks in tests. Gives the native verifier's answers, slowly. */
export class PortableVerifier implements Verifier {
  async verify(items: readonly VerifyItem[]): Promise<boolean[]> {
    return items.map((item) => this.verifySync(item));
  }

  verifySync(item: VerifyItem): boolean {
    switch (item.type) {
      case 'ed25519':
        return verifyEd25519Portable(item.publicKey, item.message, item.signature);
      case 'secp256k1':
        return verifySecp256k1Portable(item.publicKey, item.digest ?? sha256(item.message), item.signature);
      default:
        return unreachable(item.type);
    }
  }
}

/**
 * What `verifyEd25519` says: libsodium's rule, which is neither RFC 8032's letter nor ZIP 215. The key must be canonical
 * and neither it nor R of small order, s below the group's order, and R is compared as bytes with sB - kA (so without
 * the cofactor). Never throws.
 */
export function verifyEd25519Portable(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.length !== 32 || signature.length !== 64) return false;
  const nonce = signature.subarray(0, 32);
  const s = littleEndian(signature.subarray(32));
  const key = readPoint(publicKey, false);
  const isKeyGood = key !== undefined && !key.isSmallOrder();
  if (!isKeyGood || s >= ed25519.Point.Fn.ORDER || readPoint(nonce, true)?.isSmallOrder() !== false) return false;
  const challenge = littleEndian(sha512(concatBytes(nonce, publicKey, message))) % ed25519.Point.Fn.ORDER;
  const expected = ed25519.Point.BASE.multiplyUnsafe(s).subtract(key.multiplyUnsafe(challenge));
  return equalBytes(expected.toBytes(), nonce);
}

/** What `verifySecp256k1` says. Never throws. */
export function verifySecp256k1Portable(publicKey: Uint8Array, digest: Uint8Array, signature: Uint8Array): boolean {
  if (digest.length !== 32) return false;
  if (!hasSecp256k1KeyForm(publicKey) || !hasSecp256k1SignatureForm(signature)) return false;
  try {
    return secp256k1.verify(signature, digest, publicKey, { prehash: false, lowS: true });
  } catch {
    return false; // the key is not a point on the curve
  }
}

/** Undefined when the bytes are no point; with `zip215`, non-canonical ones are points, too. */
function readPoint(encoded: Uint8Array, zip215: boolean): InstanceType<typeof ed25519.Point> | undefined {
  try {
    return ed25519.Point.fromBytes(encoded, zip215);
  } catch {
    return undefined; // not on the curve: an answer here, not an error
  }
}

function littleEndian(bytes: Uint8Array): bigint {
  let value = 0n;
  for (let i = bytes.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i] as number);
  return value;
}
