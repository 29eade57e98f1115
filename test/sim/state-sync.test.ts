import assert from 'node:assert/strict';
import { emptiedAgainAndAgain } from './adversaries/emptied.ts';
import type { SimOptions } from './world/sim-options.ts';
import { World } from './world/world.ts';

const SEEDS = 4;

describe('sim: a validator without data', function () {
  this.timeout(300_000);

  async function beginsAnew(options: Partial<SimOptions>): Promise<void> {
    let begun = 0;
    for (let seed = 1; seed <= SEEDS; seed++) {
      const world = new World({ nodes: 4, heights: 0, byzantine: [], changing: false, ...options, seed });
      const { failure, tail, coverage } = await world.run();
      assert.equal(failure, undefined, `seed ${seed}:\n${tail.join('\n')}\n${failure?.stack}`);
      begun += coverage.get('state sync') ?? 0;
    }
    // Some fetch all blocks instead.
    assert.ok(begun > SEEDS / 3, `${begun} began with a snapshot`);
  }

  it('begins with a snapshot wherever its process dies, and its vote counts again', () =>
    beginsAnew({ script: emptiedAgainAndAgain }));

  it('does so while validators change (statesync-priorities)', () =>
    beginsAnew({ script: emptiedAgainAndAgain, changing: true }));

  it('does so with a peer that lies about snapshots, chunks and headers', () =>
    beginsAnew({ script: emptiedAgainAndAgain, byzantine: ['lying-snapshot-peer'] }));
});
