import assert from 'node:assert/strict';
import { Pace } from '#cli/load/pace.ts';

describe('load pace', () => {
  it('spreads a rate evenly, from the start on', () => {
    const pace = new Pace(100);
    assert.deepEqual(
      [0, 9.9, 10, 25, 1_000].map((elapsed) => pace.dueCount(elapsed)),
      [1, 1, 2, 3, 101],
    );
    assert.deepEqual(
      [0, 1, 2, 100].map((index) => pace.dueMs(index)),
      [0, 10, 20, 1_000],
    );
  });

  it('counts what a stall held back from when it was due, not from when it left', () => {
    const pace = new Pace(1_000);
    // Nothing was sent for two seconds: 2,001 are due, and the first of them for two seconds already.
    assert.equal(pace.dueCount(2_000), 2_001);
    assert.equal(2_000 - pace.dueMs(0), 2_000);
    assert.equal(2_000 - pace.dueMs(1_999), 1);
  });

  it('takes rates far above and below one a millisecond', () => {
    assert.equal(new Pace(4_000).dueCount(1), 5);
    assert.equal(new Pace(1).dueCount(999), 1);
    assert.equal(new Pace(1).dueMs(3), 3_000);
  });
});
