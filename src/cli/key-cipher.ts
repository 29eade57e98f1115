import { createCipheriv, createDecipheriv, randomBytes, scrypt } from 'node:crypto';
import { BizraError } from '#util/errors.ts';
import type { CliErrorCode } from './errors.ts';

/**
 * Encryption of a key at rest: scrypt makes a key of the passphrase, AES-256-GCM hides and seals. 2^17 is OWASP's
 * floor for scrypt (128 MiB and most of a second a try).
 */
const SCRYPT_N = 131_072;
const SCRYPT_R = 8;
const SCRYPT_P = 1;
/** A file may ask for more work than we do, up to this: a hostile file must not take all memory. */
const SCRYPT_N_MAX = 1_048_576;
const KEY_BYTES = 32;
const SALT_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const CIPHER = 'aes-256-gcm';

export interface EncryptedKey {
  readonly kdf: 'scrypt';
  readonly n: number;
  readonly r: number;
  readonly p: number;
  /** Base64, as are the next two. */
  readonly salt: string;
  readonly cipher: typeof CIPHER;
  readonly nonce: string;
  /** Followed by the 16-byte tag. */
  readonly ciphertext: string;
}

function deriveKey(passphrase: string, salt: Uint8Array, n: number): Promise<Buffer> {
  const options = { N: n, r: SCRYPT_R, p: SCRYPT_P, maxmem: 256 * n * SCRYPT_R };
  return new Promise((resolve, reject) => {
    // NFKC: the same passphrase typed on another keyboard or system gives the same bytes.
    scrypt(passphrase.normalize('NFKC'), salt, KEY_BYTES, options, (error, key) => {
      if (error === null) resolve(key);
      else reject(error);
    });
  });
}

/** `context` is sealed with the secret: a file whose name or public key was exchanged does not open. */
export async function encryptSecret(secret: Uint8Array, passphrase: string, context: string): Promise<EncryptedKey> {
  const salt = randomBytes(SALT_BYTES);
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, await deriveKey(passphrase, salt, SCRYPT_N), nonce);
  cipher.setAAD(Buffer.from(context));
  const ciphertext = Buffer.concat([cipher.update(secret), cipher.final(), cipher.getAuthTag()]);
  return {
    kdf: 'scrypt',
    n: SCRYPT_N,
    r: SCRYPT_R,
    p: SCRYPT_P,
    salt: salt.toString('base64'),
    cipher: CIPHER,
    nonce: nonce.toString('base64'),
    ciphertext: ciphertext.toString('base64'),
  };
}

/** False when the parameters are not ours or ask for more work than is allowed. */
export function isEncryptedKey(value: unknown): value is EncryptedKey {
  if (typeof value !== 'object' || value === null) return false;
  const { kdf, n, r, p, salt, cipher, nonce, ciphertext } = value as Record<string, unknown>;
  const powerOfTwo = typeof n === 'number' && Number.isInteger(Math.log2(n));
  return (
    kdf === 'scrypt' &&
    cipher === CIPHER &&
    powerOfTwo &&
    n >= SCRYPT_N &&
    n <= SCRYPT_N_MAX &&
    r === SCRYPT_R &&
    p === SCRYPT_P &&
    [salt, nonce, ciphertext].every((text) => typeof text === 'string')
  );
}

/** Throws `bad_passphrase`, in the same words whether the passphrase is wrong or the file was altered. */
export async function decryptSecret(key: EncryptedKey, passphrase: string, context: string): Promise<Uint8Array> {
  const sealed = Buffer.from(key.ciphertext, 'base64');
  const derived = await deriveKey(passphrase, Buffer.from(key.salt, 'base64'), key.n);
  try {
    const decipher = createDecipheriv(CIPHER, derived, Buffer.from(key.nonce, 'base64'), { authTagLength: TAG_BYTES });
    decipher.setAAD(Buffer.from(context));
    decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
    return new Uint8Array(Buffer.concat([decipher.update(sealed.subarray(0, -TAG_BYTES)), decipher.final()]));
  } catch {
    throw new BizraError<CliErrorCode>('bad_passphrase', 'the passphrase does not open this key; try again');
  }
}
