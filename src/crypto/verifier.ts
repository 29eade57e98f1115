import { sha256 } from '#crypto/hash.ts';
import { unreachable } from '#util/assert.ts';
import { verifyEd25519 } from './ed25519.ts';
import { verifySecp256k1 } from './secp256k1.ts';

/** One signature to check. */
export interface VerifyItem {
  readonly type: 'ed25519' | 'secp256k1';
  readonly publicKey: Uint8Array;
  /** Sign bytes. For secp256k1 their SHA-256 is what was signed. */
  readonly message: Uint8Array;
  /** secp256k1 only: SHA-256 of `message`, where the caller has it already. */
  readonly digest?: Uint8Array;
  readonly signature: Uint8Array;
}

/**
 * Checks signatures, many at once. The answer has one entry an item, in order, and equals checking one by one;
 * malformed keys and signatures are false. Rejects only when the verifier itself fails: that is never an answer.
 */
export interface Verifier {
  verify(items: readonly VerifyItem[]): Promise<boolean[]>;
}

/** Checks at once, in the calling thread. */
export interface SyncVerifier extends Verifier {
  verifySync(item: VerifyItem): boolean;
}

/** Native code, in the calling thread. */
export class InlineVerifier implements SyncVerifier {
  async verify(items: readonly VerifyItem[]): Promise<boolean[]> {
    return items.map((item) => this.verifySync(item));
  }

  verifySync(item: VerifyItem): boolean {
    switch (item.type) {
      case 'ed25519':
        return verifyEd25519(item.publicKey, item.message, item.signature);
      case 'secp256k1':
        return verifySecp256k1(item.publicKey, item.digest ?? sha256(item.message), item.signature);
      default:
        return unreachable(item.type);
    }
  }
}
