import assert from 'node:assert/strict';
import { SnapshotOffers } from '#sync/snapshot-offers.ts';
import { PeersBench, type Serve } from './state-sync-bench.ts';

const offering =
  (...heights: readonly number[]): Serve =>
  () => ({ snapshots: heights.map((height) => ({ height, id: new Uint8Array(32).fill(height), chunks: 1 })) });

describe('offers of snapshots', () => {
  async function offersOf(serving: Readonly<Record<string, Serve>>) {
    const bench = new PeersBench(serving);
    const offers = new SnapshotOffers(bench.peers);
    offers.refresh((error) => assert.fail(String(error)));
    await bench.clock.drain();
    const heights = () => offers.candidates().map(({ height }) => height);
    return { bench, offers, heights };
  }

  it('are tried in order: what several peers have, then what is newer', async () => {
    const { heights } = await offersOf({ a: offering(9, 4), b: offering(4, 9), c: offering(15, 12) });
    assert.deepEqual(heights(), [9, 4, 15, 12]);
  });

  it('of those who did not give what they offered come after those of others, whatever they offer', async () => {
    const { offers, heights } = await offersOf({ a: offering(9, 8), b: offering(9, 8), c: offering(4) });
    const [first] = offers.candidates();
    assert.ok(first !== undefined);
    offers.failed(first);
    assert.deepEqual(heights(), [4, 9, 8]);
  });

  it('of a liar do not count any more, and what is gone is no offer', async () => {
    const { bench, offers, heights } = await offersOf({ a: offering(9, 4), b: offering(12) });
    bench.peers.lied('b', 'something');
    offers.gone('a', { height: 9, id: new Uint8Array(32).fill(9) });
    assert.deepEqual(heights(), [4]);
  });
});
