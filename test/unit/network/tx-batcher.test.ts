import assert from 'node:assert/strict';
import { decodeTxBatch, TX_BATCH_BYTES } from '#network/gossip-codec.ts';
import { MAX_WAITING_BYTES, MIN_BATCH_INTERVAL_MS, TxBatcher } from '#network/tx-batcher.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { bytesOf } from './support/samples.ts';

const LIMITS = { maxBlockBytes: 1e7, maxTxBytes: 1e6 };

function setup(publishers = 4) {
  const clock = new ManualClock();
  const batches: Uint8Array[][] = [];
  const sizes: number[] = [];
  const batcher = new TxBatcher({
    clock,
    // The upper end of the jitter.
    random: { uniform: () => 1, bytes: (length) => new Uint8Array(length) },
    publish: (batch) => {
      batches.push(decodeTxBatch(batch, LIMITS));
      sizes.push(batch.length);
    },
    publishers: () => publishers,
  });
  return { clock, batches, sizes, batcher };
}

describe('transaction batches', () => {
  it('what comes within ten milliseconds leaves together, in order', () => {
    const { clock, batches, batcher } = setup();
    batcher.add([bytesOf(200, 1)]);
    clock.advance(5);
    batcher.add([bytesOf(200, 2), bytesOf(200, 3)]);
    clock.advance(MIN_BATCH_INTERVAL_MS - 5 - 1);
    assert.equal(batches.length, 0);
    clock.advance(1);
    assert.deepEqual(batches, [[bytesOf(200, 1), bytesOf(200, 2), bytesOf(200, 3)]]);
    clock.advance(1_000);
    assert.equal(batches.length, 1);
  });

  it('a full batch leaves at once, the next ones with a gap, none above 64 KiB of transactions', () => {
    const { clock, batches, batcher } = setup();
    const txs = Array.from({ length: 1_000 }, (_, index) => bytesOf(300, index & 255));
    assert.equal(batcher.add(txs), 1_000);
    assert.equal(batches.length, 1);
    clock.advance(100);
    assert.deepEqual(batches.flat(), txs);
    for (const batch of batches) assert.ok(batch.length * 300 <= TX_BATCH_BYTES);
    assert.equal(batches.length, Math.ceil(1_000 / Math.floor(TX_BATCH_BYTES / 300)));
  });

  it('a transaction larger than a batch travels alone', () => {
    const { clock, batches, batcher } = setup();
    const large = bytesOf(3 * TX_BATCH_BYTES, 1);
    batcher.add([bytesOf(10, 1), large, bytesOf(10, 2)]);
    clock.advance(100);
    assert.deepEqual(batches, [[bytesOf(10, 1)], [large], [bytesOf(10, 2)]]);
  });

  it('a full batch overtakes a pending timer', () => {
    const { batches, batcher } = setup();
    batcher.add([bytesOf(10, 1)]);
    assert.equal(batches.length, 0);
    batcher.add([bytesOf(TX_BATCH_BYTES - 10, 2)]);
    assert.equal(batches.length, 1);
  });

  it('the interval grows with the network, so that all together stay within the budget', () => {
    const { clock, batches, batcher } = setup(100);
    batcher.add([bytesOf(10, 1)]);
    clock.advance(199);
    assert.equal(batches.length, 0);
    clock.advance(1);
    assert.equal(batches.length, 1);
  });

  it('what waits is bounded: the rest is left to the caller', () => {
    const { batcher } = setup();
    const tx = bytesOf(1_000_000, 1);
    // The first leaves at once, since it fills a batch.
    const taken = batcher.add(Array.from({ length: 20 }, () => tx));
    assert.equal(taken, Math.floor(MAX_WAITING_BYTES / tx.length));
  });

  it('publishes nothing after stop', () => {
    const { clock, batches, batcher } = setup();
    batcher.add([bytesOf(10, 1)]);
    batcher.stop();
    clock.advance(1_000);
    assert.equal(batcher.add([bytesOf(10, 1)]), 0);
    assert.equal(batches.length, 0);
  });
});
