import { ripemd160, sha256 } from '#crypto/hash.ts';
import { unreachable } from '#util/assert.ts';
import { BizraError } from '#util/errors.ts';
import { decodeBech32 } from './bech32.ts';
import type { CryptoErrorCode } from './errors.ts';

export { decodeBech32, encodeBech32 } from './bech32.ts';

/** Bytes of an address that is made from one key. */
export const ADDRESS_LENGTH = 20;

/** Bytes of an address that is made by a module. */
export const MODULE_ADDRESS_LENGTH = 32;

/** First 20 bytes of sha256 (ed25519), or ripemd160(sha256) (secp256k1), as CometBFT has it. */
export function validatorAddress(pubKey: {
  readonly type: 'ed25519' | 'secp256k1';
  readonly bytes: Uint8Array;
}): Uint8Array {
  switch (pubKey.type) {
    case 'ed25519':
      return sha256(pubKey.bytes).slice(0, ADDRESS_LENGTH);
    case 'secp256k1':
      return accountAddress(pubKey.bytes);
    default:
      return unreachable(pubKey.type);
  }
}

/** ripemd160(sha256(key)) of a 33-byte compressed secp256k1 key. */
export function accountAddress(publicKey: Uint8Array): Uint8Array {
  return ripemd160(sha256(publicKey));
}

/** Bytes of an address with the given prefix; 20 or 32 of them. Throws `bad_address`. */
export function decodeAddress(prefix: string, text: string): Uint8Array {
  const decoded = decodeBech32(text);
  if (decoded.prefix !== prefix) {
    throw badAddress(`invalid Bech32 prefix; expected ${prefix}, got ${decoded.prefix}`);
  }
  if (decoded.bytes.length !== ADDRESS_LENGTH && decoded.bytes.length !== MODULE_ADDRESS_LENGTH) {
    throw badAddress(`address ${text} has ${decoded.bytes.length} bytes; expected 20 or 32`);
  }
  return decoded.bytes;
}

function badAddress(message: string): BizraError<CryptoErrorCode> {
  return new BizraError('bad_address', message);
}
