import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  decodeEvidenceGossip,
  decodeTxBatch,
  encodeEvidenceGossip,
  encodeTxBatch,
  MAX_BATCH_TXS,
  TX_BATCH_BYTES,
} from '#network/gossip-codec.ts';
import { BizraError } from '#util/errors.ts';
import { bytesOf, evidence } from './support/samples.ts';

const LIMITS = { maxBlockBytes: 100_000, maxTxBytes: 1_000 };

describe('gossip batches', () => {
  it('any batch comes back in order', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ minLength: 1, maxLength: 1_000 }), { minLength: 1 }), (txs) => {
        assert.deepEqual(decodeTxBatch(encodeTxBatch(txs), LIMITS), txs);
      }),
    );
  });

  it('mempool-heap-amplification: empty entries, none at all, too long ones and too many are refused', () => {
    const empties = new Uint8Array(4 * 10_000);
    assert.throws(() => decodeTxBatch(empties, LIMITS), { code: 'malformed' });
    assert.throws(() => decodeTxBatch(new Uint8Array(0), LIMITS), { code: 'malformed' });
    assert.throws(() => decodeTxBatch(encodeTxBatch([bytesOf(1_001, 1)]), LIMITS), { code: 'too_large' });
    const many = Array.from({ length: MAX_BATCH_TXS + 1 }, () => bytesOf(1, 1));
    assert.throws(() => decodeTxBatch(encodeTxBatch(many), LIMITS), { code: 'too_large' });
    assert.equal(decodeTxBatch(encodeTxBatch(many.slice(1)), LIMITS).length, MAX_BATCH_TXS);
    const large = Array.from({ length: 200 }, () => bytesOf(1_000, 1));
    assert.throws(() => decodeTxBatch(encodeTxBatch(large), LIMITS), { code: 'too_large' });
  });

  it('mempool-heap-amplification: a bad entry at the end is found before the first one is made', () => {
    const txs = Array.from({ length: 60 }, () => bytesOf(1_000, 1));
    const batch = Uint8Array.of(...encodeTxBatch(txs), 0, 0, 0, 0);
    const before = process.memoryUsage().arrayBuffers;
    for (let i = 0; i < 200; i++) assert.throws(() => decodeTxBatch(batch, LIMITS), { code: 'malformed' });
    // 200 times 60 KB would be 12 MB of copies.
    assert.ok(process.memoryUsage().arrayBuffers - before < 2_000_000);
  });

  it('a largest transaction alone fits, whatever the batch size', () => {
    const limits = { ...LIMITS, maxTxBytes: 4 * TX_BATCH_BYTES };
    const tx = bytesOf(4 * TX_BATCH_BYTES, 1);
    assert.deepEqual(decodeTxBatch(encodeTxBatch([tx]), limits), [tx]);
  });

  it('cuts and random bytes are refused with a BizraError', () => {
    const batch = encodeTxBatch([bytesOf(5, 1), bytesOf(6, 2)]);
    for (let length = 0; length < batch.length; length++) {
      if (length === 9) continue; // exactly the first transaction: a whole batch
      assert.throws(() => decodeTxBatch(batch.subarray(0, length), LIMITS), BizraError);
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        for (const decode of [decodeTxBatch, decodeEvidenceGossip]) {
          try {
            decode(bytes, LIMITS);
          } catch (error) {
            assert.ok(error instanceof BizraError, String(error));
          }
        }
      }),
    );
  });

  it('evidence comes back; an empty list is refused', () => {
    assert.deepEqual(decodeEvidenceGossip(encodeEvidenceGossip([evidence()]), LIMITS), [evidence()]);
    assert.throws(() => decodeEvidenceGossip(encodeEvidenceGossip([]), LIMITS), { code: 'malformed' });
  });

  it('transactions do not share memory with the batch', () => {
    const batch = encodeTxBatch([bytesOf(5, 1)]);
    const [tx] = decodeTxBatch(Buffer.from(batch.buffer), LIMITS);
    batch.fill(0);
    assert.deepEqual(tx, bytesOf(5, 1));
  });
});
