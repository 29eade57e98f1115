import assert from 'node:assert/strict';
import { relevantRounds, repeatedMajorities } from '#engine/relevant-rounds.ts';
import { Bench } from '../consensus/bench.ts';

/** In round 6, with polkas of rounds 1 to 5 and, seen last of all, of round 0. */
function manyPolkas(): Bench {
  const b = new Bench().start();
  for (let round = 1; round < 6; round++) {
    b.prevotes(round, `B${round}`, [0, 1, 2]);
    b.precommits(round, 'nil', [0, 1]);
  }
  b.precommits(6, 'nil', [0, 1]);
  b.prevotes(0, 'A', [0, 1, 2]);
  return b;
}

describe('what is repeated to peers', () => {
  const rounds = (b: Bench, round: number, step: 'propose' | 'prevote'): number[] =>
    repeatedMajorities(b.core, { round, step }).map((majority) => majority.round);

  it('is what was agreed on in the newest rounds, in whatever order it was seen', () => {
    const b = manyPolkas();
    assert.equal(b.core.round, 6);
    assert.deepEqual(rounds(b, 6, 'propose'), [2, 3, 4, 5]);
  });

  it('is the polka that a proposal names, however old, to those who still wait for it', () => {
    const b = manyPolkas();
    b.proposal(6, 'A', 0);
    assert.deepEqual(rounds(b, 6, 'propose'), [0, 2, 3, 4, 5]);
    const [first] = repeatedMajorities(b.core, { round: 6, step: 'propose' });
    assert.equal(first?.isAwaited, true);
    assert.deepEqual(rounds(b, 6, 'prevote'), [2, 3, 4, 5]);
    assert.deepEqual(rounds(b, 5, 'propose'), [2, 3, 4, 5]);
  });

  it('is not a polka of the same round for something else', () => {
    const b = manyPolkas();
    b.proposal(6, 'X', 0);
    assert.deepEqual(rounds(b, 6, 'propose'), [2, 3, 4, 5]);
  });

  it('rounds that are told and compared are bounded, and those with a majority are among them', () => {
    const b = manyPolkas();
    for (let round = 7; round < 60; round++) b.precommits(round, 'nil', [0, 1]);
    const told = relevantRounds(b.core);
    assert.equal(told.length, 14);
    assert.deepEqual(told.slice(0, 4), [2, 3, 4, 5]);
    assert.deepEqual(told.slice(4), [50, 51, 52, 53, 54, 55, 56, 57, 58, 59]);
  });
});
