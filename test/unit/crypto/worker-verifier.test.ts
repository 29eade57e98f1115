import assert from 'node:assert/strict';
import { generateEd25519, signEd25519 } from '#crypto/ed25519.ts';
import { sha256 } from '#crypto/hash.ts';
import { secp256k1PublicKey, signSecp256k1 } from '#crypto/secp256k1.ts';
import { InlineVerifier, type VerifyItem } from '#crypto/verifier.ts';
import { packItems, unpackItems } from '#crypto/verify-codec.ts';
import { WorkerVerifier } from '#crypto/worker-verifier.ts';
import { EMPTY_BYTES } from '#util/bytes.ts';

const pair = generateEd25519(sha256(Uint8Array.of(1)));
const secret = sha256(Uint8Array.of(2));

/** Every third is invalid, both key types, with and without digest, and some malformed. */
function batch(count: number): VerifyItem[] {
  return Array.from({ length: count }, (_, i): VerifyItem => {
    const message = Uint8Array.of(i, i >> 8);
    if (i % 7 === 6) return { type: 'ed25519', publicKey: EMPTY_BYTES, message: EMPTY_BYTES, signature: EMPTY_BYTES };
    const ed = i % 2 === 0;
    const signature = ed ? signEd25519(pair.privateKey, message) : signSecp256k1(secret, sha256(message));
    if (i % 3 === 0) signature[10] = (signature[10] as number) ^ 1;
    return {
      type: ed ? 'ed25519' : 'secp256k1',
      publicKey: ed ? pair.publicKey : secp256k1PublicKey(secret),
      message,
      signature,
      ...(i % 4 === 1 ? { digest: sha256(message) } : {}),
    };
  });
}

describe('WorkerVerifier', () => {
  const inline = new InlineVerifier();
  let verifier: WorkerVerifier;
  beforeEach(() => {
    verifier = new WorkerVerifier({ threads: 2 });
  });
  afterEach(() => verifier.close());

  it('gives the inline answers in order, for small and large batches and several at once', async () => {
    const batches = [0, 1, 15, 16, 17, 100].map(batch);
    const answers = await Promise.all(batches.map((items) => verifier.verify(items)));
    for (const [i, items] of batches.entries()) assert.deepEqual(answers[i], await inline.verify(items));
  });

  it('leaves the caller its arrays', async () => {
    const items = batch(20);
    await verifier.verify(items);
    assert.ok(items.every(({ signature }) => signature.buffer.byteLength > 0 || signature.length === 0));
  });

  it('refuses more waiting items than its queue holds', async () => {
    const small = new WorkerVerifier({ threads: 1, queueMaxItems: 40 });
    const first = small.verify(batch(30));
    await assert.rejects(small.verify(batch(20)), { name: 'BizraError', code: 'verifier_full' });
    assert.equal((await first).length, 30);
    assert.equal((await small.verify(batch(20))).length, 20, 'room again');
    await small.close();
  });

  it('rejects what is in flight when it is closed, and everything afterwards', async () => {
    const pending = verifier.verify(batch(50));
    const settled = assert.rejects(pending, { code: 'verifier_closed' });
    await verifier.close();
    await settled;
    await assert.rejects(verifier.verify(batch(1)), { code: 'verifier_closed' });
  });

  it('rejects the batch of a thread that died, and starts another one for the next', async () => {
    const program = (body: string): URL => new URL(`data:text/javascript,${encodeURIComponent(body)}`);
    const onMessage = "import { parentPort } from 'node:worker_threads'; parentPort.once('message', () => ";
    for (const body of [`${onMessage} { throw new Error('broken'); });`, `${onMessage} process.exit(3));`]) {
      const broken = new WorkerVerifier({ threads: 1, entry: program(body), queueMaxItems: 20 });
      await assert.rejects(broken.verify(batch(20)), { code: 'verifier_failed' });
      await assert.rejects(broken.verify(batch(20)), { code: 'verifier_failed' }, 'the queue has room again');
      await broken.close();
    }
  });
});

describe('verify codec', () => {
  it('keeps every item', () => {
    const items = batch(30);
    const expected = items.map((item) => (item.digest === undefined ? item : { ...item, message: item.digest }));
    assert.deepEqual(unpackItems(packItems(items)), expected);
  });
});
