import assert from 'node:assert/strict';
import { CONTROL_NAMES, CONTROLS, firstCatch, runControl } from './controls.ts';

describe('sim: each broken rule is caught, and a correct node passes in the same setting', function () {
  this.timeout(120_000);

  it('has all twelve', () => assert.equal(CONTROL_NAMES.length, 12));

  for (const name of CONTROL_NAMES) {
    const { broken, checkers, seeds } = CONTROLS[name];
    it(`${checkers.join(' or ')}: ${broken}`, async () => {
      const caught = await firstCatch(name);
      assert.ok(caught !== undefined, `${name} was not caught in ${seeds} seeds`);
      const { failure, tail } = await runControl(name, caught.seed, false);
      assert.equal(failure, undefined, `a correct node:\n${tail.join('\n')}\n${failure?.stack}`);
    });
  }
});
