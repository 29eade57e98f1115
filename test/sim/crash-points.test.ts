import assert from 'node:assert/strict';
import { type CrashRun, runCrashPoint } from './crash-points.ts';
import { CRASH_POINTS } from './disk/disk-points.ts';

/** Seeds until a point is reached: most are with the first. */
const TRIES = 4;

function story({ point, seed, result }: CrashRun): string {
  const replay = `npm run sim -- --crash-points --point "${point}" --seed ${seed} --trace`;
  return `${result.tail.join('\n')}\n${result.failure?.stack}\nreplay: ${replay}`;
}

describe('R14: a machine that dies anywhere starts again without help and keeps its promises', function () {
  this.timeout(120_000);

  it('has at least 30 places to die, each with a name of its own', () => {
    assert.ok(CRASH_POINTS.length >= 30);
    assert.equal(new Set(CRASH_POINTS).size, CRASH_POINTS.length);
  });

  for (const [index, point] of CRASH_POINTS.entries()) {
    it(point, async () => {
      // Seeds take turns between kill and power cut, one machine and all.
      for (let seed = 1 + index; seed <= index + TRIES; seed++) {
        const run = await runCrashPoint(point, seed);
        assert.equal(run.result.failure, undefined, story(run));
        if (run.isHit) return;
      }
      assert.fail(`the point was not reached in ${TRIES} runs`);
    });
  }
});
