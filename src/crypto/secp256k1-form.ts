/**
 * What a secp256k1 key or signature must look like before any curve arithmetic, the same for every backend:
 * backends differ in what they tolerate, and nodes must not.
 */

export const SECP256K1_PUBLIC_KEY_LENGTH = 33;
export const SECP256K1_SIGNATURE_LENGTH = 64;

/** Order of the group, big endian. */
const ORDER = bigEndian(0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n);
/** (n - 1) / 2: the largest low S. */
const HALF_ORDER = bigEndian(0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0n);

/** 33 bytes that start with 02 or 03. Whether it is on the curve is the backend's question. */
export function hasSecp256k1KeyForm(publicKey: Uint8Array): boolean {
  return publicKey.length === SECP256K1_PUBLIC_KEY_LENGTH && (publicKey[0] === 2 || publicKey[0] === 3);
}

/** 64 bytes R | S with 1 <= r < n and 1 <= s <= (n - 1) / 2. */
export function hasSecp256k1SignatureForm(signature: Uint8Array): boolean {
  if (signature.length !== SECP256K1_SIGNATURE_LENGTH) return false;
  if (isZero(signature, 0) || isZero(signature, 32)) return false;
  return compareAt(signature, 0, ORDER) < 0 && compareAt(signature, 32, HALF_ORDER) <= 0;
}

function isZero(bytes: Uint8Array, offset: number): boolean {
  for (let i = offset; i < offset + 32; i++) if (bytes[i] !== 0) return false;
  return true;
}

function compareAt(bytes: Uint8Array, offset: number, bound: readonly number[]): number {
  for (let i = 0; i < 32; i++) {
    const difference = (bytes[offset + i] as number) - (bound[i] as number);
    if (difference !== 0) return difference;
  }
  return 0;
}

function bigEndian(value: bigint): readonly number[] {
  return Array.from({ length: 32 }, (_, i) => Number((value >> BigInt(8 * (31 - i))) & 0xffn));
}
