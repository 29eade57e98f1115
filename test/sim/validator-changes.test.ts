import assert from 'node:assert/strict';
import { ValidatorSet } from '#types/validator-set.ts';
import { changesAt } from './chain/validator-changes.ts';
import { World } from './world/world.ts';

const HEIGHTS = 300;

function keyOf(index: number) {
  return { type: 'ed25519' as const, bytes: new Uint8Array(32).fill(index + 1) };
}

describe('sim: changing validators', function () {
  this.timeout(120_000);

  it('leaves enough of them, and those that are fixed alone and below a third', () => {
    const pool = Array.from({ length: 6 }, (_, index) => keyOf(index));
    const fixed = pool.slice(0, 1);
    let validators = ValidatorSet.create(pool.slice(0, 4).map((pubKey) => ({ pubKey, votingPower: 100n })));
    const seen = new Set<string>();
    for (let height = 1; height <= HEIGHTS; height++) {
      const updates = changesAt({ seed: 1, pool, fixed }, height, validators, []);
      for (const { pubKey, power } of updates) {
        assert.notEqual(pubKey, fixed[0], 'a fixed key is left alone');
        seen.add(`${pubKey.bytes[0]} ${power === 0n ? 'leaves' : 'has power'}`);
      }
      validators = validators.withUpdates(updates);
      assert.ok(validators.size >= 3, `${validators.size} validators at height ${height}`);
      assert.ok(100n * 3n < validators.totalPower, 'the fixed key has less than a third');
    }
    assert.equal(seen.size, 2 * (pool.length - 1), 'each other key came and went');
  });

  it('all promises are kept while they change, and a machine that is behind takes such heights from its peers', async () => {
    const seen = new Set<string>();
    for (let seed = 1; seed <= 3; seed++) {
      const { failure, tail, coverage } = await new World({ seed, nodes: 4, heights: 20, changing: true }).run();
      assert.equal(failure, undefined, `${tail.join('\n')}\n${failure?.stack}`);
      for (const name of coverage.keys()) seen.add(name);
    }
    for (const name of ['validator joined', 'validator left', 'block sync during a change of validators'])
      assert.ok(seen.has(name), name);
  });
});
