import { type Ed25519KeyPair, signEd25519 } from '#crypto/ed25519.ts';
import { InlineVerifier, type SyncVerifier, type VerifyItem } from '#crypto/verifier.ts';
import type { SignBytes } from '#signer/signer.ts';
import { toLatin1 } from '#util/bytes.ts';

/** One run in this many has real Ed25519 signatures of votes and proposals. Transactions always have real ones. */
const REAL_EVERY = 20;
const SIGNATURE_BYTES = 64;
const WORDS = SIGNATURE_BYTES / 4;

/** How validators sign in one run, and how that is checked. */
export interface Signatures {
  readonly sign: SignBytes;
  readonly verifier: SyncVerifier;
}

/** Verifying is a third of a run's time, so most runs have keyed hashes: a hash of the message under the public key. */
export function signaturesOf(seed: number, keys: readonly Ed25519KeyPair[]): Signatures {
  if (seed % REAL_EVERY === 0) return { sign: signEd25519, verifier: new InlineVerifier() };
  const keysOf = new Map(keys.map(({ privateKey, publicKey }) => [toLatin1(privateKey), publicKey]));
  return {
    sign: (privateKey, message) => {
      const publicKey = keysOf.get(toLatin1(privateKey));
      return publicKey === undefined ? signEd25519(privateKey, message) : keyedHash(publicKey, message);
    },
    verifier: new KeyedVerifier(),
  };
}

/** Takes real signatures, too: a byzantine machine that signs on its own has those. */
class KeyedVerifier extends InlineVerifier {
  override verifySync(item: VerifyItem): boolean {
    if (item.type === 'ed25519' && isKeyedHash(item.publicKey, item.message, item.signature)) return true;
    return super.verifySync(item);
  }
}

function keyedHash(publicKey: Uint8Array, message: Uint8Array): Uint8Array {
  const signature = new Uint8Array(SIGNATURE_BYTES);
  const words = new Words(publicKey, message);
  for (let i = 0; i < WORDS; i++) writeWord(signature, i, words.next());
  return signature;
}

function isKeyedHash(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (signature.length !== SIGNATURE_BYTES) return false;
  const words = new Words(publicKey, message);
  for (let i = 0; i < WORDS; i++) if (readWord(signature, i) !== words.next()) return false;
  return true;
}

/** Two lanes of 32 bits over key and message (multiply and rotate, as murmur hashes do), then as many words as wanted. */
class Words {
  private a = 0x9e3779b9;
  private b = 0x85ebca6b;

  constructor(publicKey: Uint8Array, message: Uint8Array) {
    this.absorb(publicKey);
    this.absorb(message);
  }

  next(): number {
    this.mix(0);
    return (this.a ^ this.b) >>> 0;
  }

  private absorb(bytes: Uint8Array): void {
    for (let i = 0; i < bytes.length; i++) this.mix((bytes[i] as number) + 1);
    this.mix(bytes.length);
  }

  private mix(value: number): void {
    const a = Math.imul(this.a ^ value, 0xcc9e2d51);
    const b = Math.imul(this.b ^ value, 0x1b873593) + a;
    this.a = ((a << 15) | (a >>> 17)) ^ b;
    this.b = (b << 13) | (b >>> 19);
  }
}

function writeWord(bytes: Uint8Array, index: number, word: number): void {
  for (let i = 0; i < 4; i++) bytes[4 * index + i] = word >>> (8 * i);
}

function readWord(bytes: Uint8Array, index: number): number {
  let word = 0;
  for (let i = 3; i >= 0; i--) word = (word << 8) | (bytes[4 * index + i] as number);
  return word >>> 0;
}
