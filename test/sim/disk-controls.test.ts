import assert from 'node:assert/strict';
import { Violation } from './checkers/checkers.ts';
import { runCrashPoint } from './crash-points.ts';
import type { DiskBreak } from './disk/disk-port.ts';
import { World } from './world/world.ts';

const HEIGHTS = 15;
/** Runs in which a broken promise of the disk must show: one of four or five shows it, and which do is chance. */
const SEEDS = 30;

/** The checker that finds the break. */
async function finderOf(brokenRule: DiskBreak): Promise<string> {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const { failure } = await new World({ seed, nodes: 4, heights: HEIGHTS, changing: false, brokenRule }).run();
    if (failure === undefined) continue;
    assert.ok(failure instanceof Violation, failure.stack);
    return failure.checker;
  }
  return assert.fail(`nothing was found in ${SEEDS} runs`);
}

describe('sim: a disk that breaks a promise is found out', function () {
  this.timeout(300_000);

  it('a signer without fsync', async () => {
    assert.match(await finderOf('signerNotSynced'), /^(signing record|restart)$/);
  });

  it('a log that is not synced', async () => {
    assert.equal(await finderOf('walNotSynced'), 'wal replay');
  });

  it('a height that is written as two batches', async () => {
    // A random crash seldom falls between the two: the crash point does.
    const checkers = new Set<string>();
    for (let seed = 1; seed <= SEEDS && checkers.size === 0; seed++) {
      const { result } = await runCrashPoint('height: batch synced, not told', seed, undefined, 'batchSplit');
      if (result.failure instanceof Violation) checkers.add(result.failure.checker);
    }
    assert.match([...checkers].join(), /^(restart|durability)$/);
  });
});
