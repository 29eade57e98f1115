import assert from 'node:assert/strict';
import { Violation } from './checkers/checkers.ts';
import { withoutRealTime } from './time/guard.ts';
import type { SimOptions, SimResult } from './world/sim-options.ts';
import { World } from './world/world.ts';

const SEEDS = 25;
const HEIGHTS = 15;
/** Runs in which a broken rule must show. */
const CONTROL_SEEDS = 12;

function simulate(options: Partial<SimOptions> & { readonly seed: number }): Promise<SimResult> {
  return new World({ nodes: 4, heights: HEIGHTS, ...options }).run();
}

function replay({ seed, failure, tail }: SimResult): string {
  return `${tail.join('\n')}\n${failure?.stack}\nreplay: npm run sim -- --seed ${seed} --heights ${HEIGHTS} --trace`;
}

/** Runs seeds until the checker finds what it is for: the number of runs that it took. */
async function runsUntil(checker: string, options: Partial<SimOptions>): Promise<number> {
  for (let seed = 1; seed <= CONTROL_SEEDS; seed++) {
    const { failure } = await simulate({ seed, onlyChecker: checker, ...options });
    if (failure instanceof Violation && failure.checker === checker) return seed;
  }
  throw new Error(`the ${checker} checker found nothing in ${CONTROL_SEEDS} runs`);
}

describe('sim: networks of real nodes under faults', function () {
  this.timeout(300_000);

  for (let seed = 1; seed <= SEEDS; seed++) {
    it(`keeps its promises: 4 nodes, seed ${seed}`, async () => {
      const result = await simulate({ seed });
      assert.equal(result.failure, undefined, replay(result));
      assert.ok(result.heights >= HEIGHTS && result.coverage.size > 0, 'it went far enough, and something was broken');
    });
  }

  it('keeps its promises: 7 nodes', async () => {
    const result = await simulate({ seed: 1, nodes: 7 });
    assert.equal(result.failure, undefined, replay(result));
  });

  it('decides transactions when nothing is wrong, in one round each', async () => {
    const result = await simulate({ seed: 1, faults: false });
    assert.equal(result.failure, undefined, replay(result));
    assert.ok(result.txs > 0 && result.maxRound === 0, `${result.txs} transactions, round ${result.maxRound}`);
  });

  it('runs the same way twice, and another way with another seed', async () => {
    const hashes = [];
    for (const seed of [5, 5, 6]) hashes.push((await simulate({ seed })).traceHash);
    assert.equal(hashes[0], hashes[1]);
    assert.notEqual(hashes[0], hashes[2]);
  });

  it('refuses real time and chance', async () => {
    for (const use of [() => Date.now(), () => Math.random(), () => performance.now(), () => setTimeout(() => {}, 1)])
      await assert.rejects(
        withoutRealTime(async () => use()),
        /inside the simulation/,
      );
    assert.ok(Date.now() > 0, 'and gives them back');
  });
});

/** The twelve broken rules are in `controls.test.ts`. */
describe('sim: each checker finds what it is for', function () {
  this.timeout(300_000);

  it('double sign: a signer and a log that forget', () => runsUntil('double sign', { forgetful: true }));
});
