import assert from 'node:assert/strict';
import { VoteKeeper } from '#consensus/vote-keeper.ts';
import { NIL_BLOCK_ID } from '#types/block-id.ts';
import { PRECOMMIT, PREVOTE, type Vote, type VoteType } from '#types/vote.ts';
import { idOf, makeValidators, makeVote } from './bench.ts';

const validators = makeValidators([1n, 1n, 1n, 1n]);

function vote(index: number, type: VoteType, round: number, blockId = idOf('A')): Vote {
  return makeVote(validators, index, { type, height: 2, round, blockId });
}

function keeper(round: number): VoteKeeper {
  const votes = new VoteKeeper(2, validators);
  votes.advance(round);
  return votes;
}

describe('VoteKeeper', () => {
  it('keeps of each validator its highest round ahead, both types of it', () => {
    const votes = keeper(0);
    votes.add(vote(0, PREVOTE, 3));
    votes.add(vote(0, PRECOMMIT, 3));
    assert.equal(votes.add(vote(0, PREVOTE, 2)).added, false);
    assert.equal(votes.votes(3, PREVOTE).length + votes.votes(3, PRECOMMIT).length, 2);
    votes.add(vote(0, PREVOTE, 5));
    assert.deepEqual(votes.heldRounds(), [5]);
    assert.deepEqual([...votes.bitmap(5, PREVOTE)], [1]);
    assert.deepEqual([...votes.bitmap(3, PREVOTE)], [0]);
  });

  it('holds a bounded number of votes, whatever rounds validators make up', () => {
    const votes = keeper(0);
    for (let round = 1; round < 2000; round++)
      for (const index of [0, 1, 2, 3])
        for (const type of [PREVOTE, PRECOMMIT] as const) votes.add(vote(index, type, round));
    assert.deepEqual(votes.heldRounds(), [1999]);
  });

  it('puts votes of rounds ahead into their place when the round comes, and those that were passed too', () => {
    const votes = keeper(0);
    votes.add(vote(0, PREVOTE, 2));
    votes.add(vote(1, PREVOTE, 4));
    votes.add(vote(2, PREVOTE, 6));
    votes.advance(4);
    assert.equal(votes.prevotes(2)?.votes().length, 1);
    assert.equal(votes.prevotes(4)?.votes().length, 1);
    assert.equal(votes.prevotes(6), undefined);
    assert.deepEqual(votes.heldRounds(), [2, 4, 6]);
  });

  it('knows polkas and precommit majorities of all rounds, nil ones not among them', () => {
    const votes = keeper(3);
    for (const index of [0, 1, 2]) {
      votes.add(vote(index, PREVOTE, 1));
      votes.add(vote(index, PREVOTE, 2, NIL_BLOCK_ID));
      votes.add(vote(index, PRECOMMIT, 3, idOf('B')));
    }
    assert.deepEqual(votes.polkas, [{ round: 1, blockId: idOf('A') }]);
    assert.deepEqual(votes.precommitMajorities, [{ round: 3, blockId: idOf('B') }]);
  });

  it('finds a polka that was complete before its round came', () => {
    const votes = keeper(0);
    for (const index of [0, 1, 2]) votes.add(vote(index, PREVOTE, 2));
    assert.deepEqual(votes.polkas, []);
    votes.advance(2);
    assert.deepEqual(votes.polkas, [{ round: 2, blockId: idOf('A') }]);
  });

  it('tells of a double vote in a round ahead, once', () => {
    const votes = keeper(0);
    votes.add(vote(0, PREVOTE, 2));
    assert.deepEqual(votes.add(vote(0, PREVOTE, 2, idOf('B'))), { added: false, conflict: vote(0, PREVOTE, 2) });
    assert.equal(votes.add(vote(0, PREVOTE, 2, idOf('C'))).conflict, undefined);
  });

  it('skips by power: the highest round that more than 1/3 reached or passed', () => {
    const votes = keeper(0);
    assert.equal(votes.skipTarget(), undefined);
    votes.add(vote(0, PREVOTE, 9));
    assert.equal(votes.skipTarget(), undefined);
    votes.add(vote(1, PRECOMMIT, 3));
    assert.equal(votes.skipTarget(), 3);
    votes.add(vote(2, PRECOMMIT, 5));
    assert.equal(votes.skipTarget(), 5);
  });

  it('forgets the power of those whom it caught up with, and counts each once', () => {
    const votes = keeper(0);
    for (let round = 1; round < 5; round++) votes.add(vote(0, PREVOTE, round));
    assert.equal(votes.skipTarget(), undefined);
    votes.advance(4);
    votes.add(vote(1, PREVOTE, 9));
    assert.equal(votes.skipTarget(), undefined);
    votes.add(vote(2, PREVOTE, 7));
    assert.equal(votes.skipTarget(), 7);
  });

  it('hears a claim before the first vote of its round, but not for rounds ahead', () => {
    const votes = keeper(1);
    votes.claim('peer', 1, PREVOTE, idOf('B'));
    votes.claim('peer', 2, PREVOTE, idOf('B'));
    votes.add(vote(0, PREVOTE, 1));
    assert.equal(votes.add(vote(0, PREVOTE, 1, idOf('B'))).added, true);
    assert.equal(votes.add(vote(0, PRECOMMIT, 1)).added, true);
    assert.equal(votes.add(vote(0, PRECOMMIT, 1, idOf('B'))).added, false);
    assert.equal(votes.prevotes(2), undefined);
  });

  it('vote-index-bounds: ignores what is out of place', () => {
    const votes = keeper(1);
    const good = vote(0, PREVOTE, 0);
    for (const bad of [
      { ...good, height: 3 },
      { ...good, round: -1 },
      { ...good, round: 0.5 },
      { ...good, round: Number.NaN },
      { ...good, validatorIndex: 4 },
      { ...good, validatorIndex: 2 ** 31 },
      { ...good, type: 3 as VoteType },
      { ...good, validatorAddress: new Uint8Array(20) },
    ])
      assert.deepEqual(votes.add(bad), { added: false, conflict: undefined });
    assert.deepEqual(votes.heldRounds(), []);
  });
});
