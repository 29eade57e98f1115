import assert from 'node:assert/strict';
import { restoredAlone, restoredToldSlowly } from './adversaries/restored.ts';
import { Violation } from './checkers/checkers.ts';
import type { SimOptions, SimResult } from './world/sim-options.ts';
import { World } from './world/world.ts';

const SEEDS = 3;

function run(seed: number, options: Partial<SimOptions>): Promise<SimResult> {
  return new World({ seed, nodes: 4, heights: 0, byzantine: [], changing: false, ...options }).run();
}

async function keepsItsPromises(options: Partial<SimOptions>, reached: readonly string[]): Promise<void> {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const { failure, tail, coverage } = await run(seed, options);
    assert.equal(failure, undefined, `seed ${seed}:\n${tail.join('\n')}\n${failure?.stack}`);
    for (const name of reached) assert.ok((coverage.get(name) ?? 0) > 0, `seed ${seed}: ${name}`);
  }
}

describe('sim: a validator restored from a backup', function () {
  this.timeout(300_000);

  it('signs nothing twice with its record, alone at an old height', () =>
    keepsItsPromises({ nodes: 7, script: restoredAlone('kept') }, [
      'restored with its record',
      'restored from an old backup',
    ]));

  it('signs nothing twice without its record, and signs again in the end', () =>
    keepsItsPromises({ nodes: 7, script: restoredAlone('lost') }, [
      'restored without its record',
      'signed again after its record was lost',
    ]));

  it('signs nothing twice when it is told slowly of heights at which it was away', () =>
    keepsItsPromises({ script: restoredToldSlowly }, ['signed again after its record was lost']));

  it('is caught by the checkers where nobody looks after the key', async () => {
    const careless = { nodes: 7, script: restoredAlone('emptied'), unguardedKeys: true, onlyChecker: 'double sign' };
    for (let seed = 1; seed <= SEEDS; seed++) {
      const { failure } = await run(seed, careless);
      assert.ok(failure instanceof Violation && failure.checker === 'double sign', `seed ${seed}: ${failure?.message}`);
    }
  });
});
