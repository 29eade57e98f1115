import assert from 'node:assert/strict';
import { CatchUpVerifier } from '#crypto/catch-up-verifier.ts';
import { generateEd25519, signEd25519 } from '#crypto/ed25519.ts';
import { sha256 } from '#crypto/hash.ts';
import type { VerifyItem } from '#crypto/verifier.ts';
import { WorkerVerifier } from '#crypto/worker-verifier.ts';

const pair = generateEd25519(sha256(Uint8Array.of(1)));
const BROKEN = new URL('data:text/javascript,throw new Error("broken")');

function batch(count: number): VerifyItem[] {
  return Array.from({ length: count }, (_, i): VerifyItem => {
    const message = Uint8Array.of(i);
    const signature = signEd25519(pair.privateKey, message);
    if (i % 3 === 0) signature[0] = (signature[0] as number) ^ 1;
    return { type: 'ed25519', publicKey: pair.publicKey, message, signature };
  });
}
const expected = (count: number) => Array.from({ length: count }, (_, i) => i % 3 !== 0);

/** Counts the batches that threads were given. */
class CountedWorker extends WorkerVerifier {
  batches = 0;
  closes = 0;

  override verify(items: readonly VerifyItem[]): Promise<boolean[]> {
    this.batches++;
    return super.verify(items);
  }

  override close(): Promise<void> {
    this.closes++;
    return super.close();
  }
}

describe('CatchUpVerifier', () => {
  it('uses a thread for large batches while the node is far behind, and none before and after', async () => {
    const workers: CountedWorker[] = [];
    const verifier = new CatchUpVerifier(() => {
      const worker = new CountedWorker({ threads: 1 });
      workers.push(worker);
      return worker;
    });
    assert.deepEqual(await verifier.verify(batch(40)), expected(40));
    assert.equal(workers.length, 0);
    verifier.setBehind(true);
    verifier.setBehind(true);
    assert.deepEqual(await verifier.verify(batch(40)), expected(40));
    assert.deepEqual(await verifier.verify(batch(4)), expected(4));
    assert.deepEqual(
      workers.map(({ batches }) => batches),
      [1],
    );
    verifier.setBehind(false);
    assert.deepEqual(await verifier.verify(batch(40)), expected(40));
    assert.deepEqual(
      workers.map(({ batches, closes }) => [batches, closes]),
      [[1, 1]],
    );
    verifier.setBehind(true);
    assert.deepEqual(await verifier.verify(batch(40)), expected(40));
    assert.equal(workers.length, 2, 'a new one each time');
    await verifier.close();
    assert.equal(workers[1]?.closes, 1);
  });

  it('answers what was under way when it ended, and what a broken thread could not', async () => {
    let closedAt = -1;
    let answered = 0;
    class Watched extends CountedWorker {
      override close(): Promise<void> {
        closedAt = answered;
        return super.close();
      }
    }
    const verifier = new CatchUpVerifier(() => new Watched({ threads: 1 }));
    verifier.setBehind(true);
    const answer = verifier.verify(batch(100)).then((verdicts) => {
      answered++;
      return verdicts;
    });
    verifier.setBehind(false);
    assert.deepEqual(await answer, expected(100));
    await verifier.close();
    assert.equal(closedAt, 1, 'the thread answered before it ended');
    const broken = new CatchUpVerifier(() => new WorkerVerifier({ threads: 1, entry: BROKEN }));
    broken.setBehind(true);
    assert.deepEqual(await broken.verify(batch(100)), expected(100));
    await broken.close();
  });

  it('starts nothing once it is closed', async () => {
    let made = 0;
    const verifier = new CatchUpVerifier(() => {
      made++;
      return new WorkerVerifier({ threads: 1 });
    });
    await verifier.close();
    verifier.setBehind(true);
    assert.deepEqual(await verifier.verify(batch(20)), expected(20));
    assert.equal(made, 0);
  });
});
