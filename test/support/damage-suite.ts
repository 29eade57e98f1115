import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DamageRig } from './damage-rig.ts';
import { runTrials, tally } from './damage-trials.ts';

/** From shortly before the first that gives a wrong answer: a short run meets it soon, and goes on where it has moved. */
const CONTROL_FROM = 132;
const CONTROL_POSITIONS = 360;
const CONTROL_STEP = 12;

/** Of all files of a node's database, at rest and while the node runs. */
export function describeDamage(positions: number, timeoutMs: number): void {
  describe(`one flipped byte in the database of a node, at ${positions} places`, function () {
    this.timeout(timeoutMs);
    let directory: string;

    before(async () => {
      directory = await mkdtemp(join(tmpdir(), 'bizra-damage-'));
      await DamageRig.create(directory);
    });

    after(() => rm(directory, { recursive: true }));

    it('no wrong answer and no wrong signature leaves', async () => {
      const trials = await runTrials(directory, 0, positions, true);
      for (const [outcome, count] of Object.entries(tally(trials))) console.log(`      ${outcome}: ${count}`);
      assert.deepEqual(
        trials.flatMap((trial) => (trial === undefined || trial.wrong.length === 0 ? [] : [trial])),
        [],
      );
      const noticed = trials.filter((trial) => trial?.outcome !== 'right').length;
      assert.ok(noticed > positions / 4, `${noticed} of ${positions} noticed`);
    });

    it('wrong answers leave where files are trusted', async () => {
      // In steps, because LevelDB aborts some.
      let wrong = 0;
      for (let from = CONTROL_FROM; from < CONTROL_POSITIONS && wrong === 0; from += CONTROL_STEP) {
        const trials = await runTrials(directory, from, from + CONTROL_STEP, false);
        wrong += trials.filter((trial) => (trial?.wrong.length ?? 0) > 0).length;
      }
      assert.ok(wrong > 0);
    });
  });
}
