import { sha256 } from '#crypto/hash.ts';
import { toLatin1 } from '#util/bytes.ts';
import type { Verifier, VerifyItem } from './verifier.ts';

/** Valid signatures that are remembered at least: those of a hundred heights with a hundred validators. Some 100 bytes each. */
const REMEMBERED = 16_384;

/**
 * Pays for a signature once: that of a precommit stands in the commit that decided a block and again in the next block.
 * What is remembered is key, message and signature, so the answer is always the one that checking gives.
 */
export class RememberingVerifier implements Verifier {
  private readonly inner: Verifier;
  private readonly capacity: number;
  /** Two generations: dropping the older one costs nothing. */
  private young = new Set<string>();
  private old = new Set<string>();

  constructor(inner: Verifier, capacity = REMEMBERED) {
    this.inner = inner;
    this.capacity = capacity;
  }

  async verify(items: readonly VerifyItem[]): Promise<boolean[]> {
    const keys = items.map(keyOf);
    const open = new Map<string, VerifyItem>();
    for (const [i, key] of keys.entries()) if (!this.knows(key)) open.set(key, items[i] as VerifyItem);
    if (open.size === 0) return keys.map(() => true);
    const verdicts = await this.inner.verify([...open.values()]);
    const invalid = new Set<string>();
    for (const [i, key] of [...open.keys()].entries()) {
      if (verdicts[i] === true) this.remember(key);
      else invalid.add(key);
    }
    return keys.map((key) => !invalid.has(key));
  }

  private knows(key: string): boolean {
    return this.young.has(key) || this.old.has(key);
  }

  private remember(key: string): void {
    if (this.young.size >= this.capacity) {
      this.old = this.young;
      this.young = new Set();
    }
    this.young.add(key);
  }
}

/** Lengths first: no two items have the same bytes here. */
function keyOf({ type, publicKey, message, digest, signature }: VerifyItem): string {
  const body = digest ?? message;
  const bytes = new Uint8Array(6 + publicKey.length + signature.length + body.length);
  bytes[0] = type === 'ed25519' ? 0 : 1;
  bytes[1] = digest === undefined ? 0 : 1;
  const view = new DataView(bytes.buffer);
  view.setUint16(2, publicKey.length);
  view.setUint16(4, signature.length);
  bytes.set(publicKey, 6);
  bytes.set(signature, 6 + publicKey.length);
  bytes.set(body, 6 + publicKey.length + signature.length);
  return toLatin1(sha256(bytes));
}
