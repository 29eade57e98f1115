import assert from 'node:assert/strict';
import { bestDecisionsMs, oneWayMs, REGIONS, shortestMs } from './wan/regions.ts';
import { runWan } from './wan/wan.ts';

/** Above what distances ask for: some turns of a disk in each of three steps, and jitter. Virtual milliseconds. */
const ABOVE_BEST_MS = 80;

describe('sim: validators all over the world', function () {
  this.timeout(120_000);

  it('knows the way between any two regions, the same both ways', () => {
    for (let a = 0; a < REGIONS.length; a++)
      for (let b = 0; b < REGIONS.length; b++) {
        assert.equal(oneWayMs(a, b), oneWayMs(b, a));
        assert.ok(oneWayMs(a, b) > 0 && oneWayMs(a, b) < 250, `${REGIONS[a]} to ${REGIONS[b]}`);
      }
  });

  it('three messages are the bound: proposal, +2/3 prevotes, +2/3 precommits', () => {
    const ways = [
      [0, 10, 10, 100],
      [10, 0, 10, 100],
      [10, 10, 0, 100],
      [100, 100, 100, 0],
    ];
    // The three that are near decide without the fourth, which needs two more ways than the proposal's.
    assert.deepEqual(bestDecisionsMs(ways, 0), [30, 30, 30, 120]);
  });

  it('messages go over the shortest links that there are', () => {
    const line = shortestMs(3, (a, b) => Math.abs(a - b) === 1);
    assert.equal(line[0]?.[2], oneWayMs(0, 1) + oneWayMs(1, 2));
  });

  for (const topology of ['full mesh', 'sparse'] as const)
    it(`${topology}: heights take little more than the distances, in one round each`, async () => {
      const figures = await runWan({ nodes: 12, topology, withTxs: false });
      assert.equal(figures.lateRounds, 0);
      assert.ok(figures.overMs.p95 < ABOVE_BEST_MS, `${figures.overMs.p95} ms above the bound`);
    });
});
