import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DamageRig } from '../../support/damage-rig.ts';
import { runTrials } from '../../support/damage-trials.ts';

const POSITIONS = 40;
const CONTROL_POSITIONS = 120;
const CONTROL_STEP = 12;

describe('one flipped byte in the database of a node', function () {
  this.timeout(120_000);
  let directory: string;

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'bizra-damage-'));
    await DamageRig.create(directory);
  });

  after(() => rm(directory, { recursive: true }));

  it('no wrong answer and no wrong signature leaves', async () => {
    const trials = await runTrials(directory, 0, POSITIONS, true);
    assert.deepEqual(
      trials.flatMap((trial) => (trial === undefined || trial.wrong.length === 0 ? [] : [trial])),
      [],
    );
    const noticed = trials.filter((trial) => trial?.outcome !== 'right').length;
    assert.ok(noticed > POSITIONS / 4, `${noticed} of ${POSITIONS} noticed`);
  });

  it('wrong answers leave where files are trusted', async () => {
    // In steps, because LevelDB aborts some.
    let wrong = 0;
    for (let from = 0; from < CONTROL_POSITIONS && wrong === 0; from += CONTROL_STEP) {
      const trials = await runTrials(directory, from, from + CONTROL_STEP, false);
      wrong += trials.filter((trial) => (trial?.wrong.length ?? 0) > 0).length;
    }
    assert.ok(wrong > 0);
  });
});
