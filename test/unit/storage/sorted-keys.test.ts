import assert from 'node:assert/strict';
import { SortedKeys } from '#storage/sorted-keys.ts';
import { seededRandom } from '../../support/seeded-random.ts';

const STEPS = 6_000;
/** Keys are drawn from so many, so that some are added and deleted more than once. */
const KEYS = 4_000;

describe('sorted keys', () => {
  it('hold what a sorted array holds, through thousands of changes', () => {
    const uniform = seededRandom(1);
    const key = (): string => Math.floor(uniform() * KEYS).toString(36);
    const keys = new SortedKeys();
    const model = new Set<string>();
    for (let step = 0; step < STEPS; step++) {
      const changed = key();
      if (uniform() < 0.7) {
        keys.add(changed);
        model.add(changed);
      } else {
        keys.delete(changed);
        model.delete(changed);
      }
      if (step % 50 !== 0) continue;
      const [from, to] = [key(), uniform() < 0.5 ? key() : undefined];
      const expected = [...model].filter((each) => each >= from && (to === undefined || each < to)).sort();
      assert.deepEqual(keys.between(from, to), expected, `after ${step} steps`);
    }
    for (const left of model) keys.delete(left);
    assert.deepEqual(keys.between('', undefined), []);
  });
});
