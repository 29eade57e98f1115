import assert from 'node:assert/strict';
import { generateEd25519, signEd25519 } from '#crypto/ed25519.ts';
import { sha256 } from '#crypto/hash.ts';
import { RememberingVerifier } from '#crypto/remembering-verifier.ts';
import { InlineVerifier, type Verifier, type VerifyItem } from '#crypto/verifier.ts';

const pair = generateEd25519(sha256(Uint8Array.of(1)));

function item(number: number, valid = true): VerifyItem {
  const message = Uint8Array.of(number, 1, 2, 3);
  const signature = signEd25519(pair.privateKey, message);
  if (!valid) signature[0] = (signature[0] as number) ^ 1;
  return { type: 'ed25519', publicKey: pair.publicKey, message, signature };
}

/** Counts what it is given. */
class CountingVerifier implements Verifier {
  readonly asked: number[] = [];
  private readonly inner = new InlineVerifier();

  verify(items: readonly VerifyItem[]): Promise<boolean[]> {
    this.asked.push(items.length);
    return this.inner.verify(items);
  }
}

describe('RememberingVerifier', () => {
  it('checks a valid signature once, also within one batch', async () => {
    const inner = new CountingVerifier();
    const verifier = new RememberingVerifier(inner);
    assert.deepEqual(await verifier.verify([item(1), item(2), item(1)]), [true, true, true]);
    assert.deepEqual(await verifier.verify([item(2), item(3), item(1)]), [true, true, true]);
    assert.deepEqual(await verifier.verify([item(3)]), [true]);
    assert.deepEqual(inner.asked, [2, 1]);
  });

  it('never remembers an invalid one, and answers in order', async () => {
    const inner = new CountingVerifier();
    const verifier = new RememberingVerifier(inner);
    for (let time = 0; time < 2; time++)
      assert.deepEqual(await verifier.verify([item(1, false), item(1), item(1, false)]), [false, true, false]);
    assert.deepEqual(inner.asked, [2, 1]);
  });

  it('knows a signature by all that was signed: another key, message, digest or signature is another one', async () => {
    const inner = new CountingVerifier();
    const verifier = new RememberingVerifier(inner);
    const known = item(1);
    await verifier.verify([known]);
    const others: VerifyItem[] = [
      { ...known, publicKey: generateEd25519(sha256(Uint8Array.of(2))).publicKey },
      { ...known, message: Uint8Array.of(1, 1, 2, 4) },
      { ...known, signature: known.signature.map((byte, i) => (i === 63 ? byte ^ 1 : byte)) },
      { ...known, type: 'secp256k1' },
      // The same bytes, cut elsewhere.
      {
        ...known,
        signature: known.signature.subarray(0, 63),
        message: new Uint8Array([...known.signature.subarray(63), ...known.message]),
      },
    ];
    assert.deepEqual(await verifier.verify(others), [false, false, false, false, false]);
  });

  it('holds at most twice its capacity, and the newest at least', async () => {
    const inner = new CountingVerifier();
    const verifier = new RememberingVerifier(inner, 10);
    for (let number = 0; number < 100; number++) await verifier.verify([item(number)]);
    inner.asked.length = 0;
    await verifier.verify(Array.from({ length: 10 }, (_, i) => item(90 + i)));
    assert.deepEqual(inner.asked, []);
    await verifier.verify(Array.from({ length: 80 }, (_, i) => item(i)));
    assert.deepEqual(inner.asked, [80]);
  });

  it('passes on that the verifier failed, and remembers nothing of it', async () => {
    let fails = true;
    const inner = new CountingVerifier();
    const verifier = new RememberingVerifier({
      verify: (items) => (fails ? Promise.reject(new Error('broken')) : inner.verify(items)),
    });
    await assert.rejects(verifier.verify([item(1)]), /broken/);
    fails = false;
    assert.deepEqual(await verifier.verify([item(1)]), [true]);
    assert.deepEqual(inner.asked, [1]);
  });
});
