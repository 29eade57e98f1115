import assert from 'node:assert/strict';
import { hasBit, isVoteOf, VoteSet } from '#consensus/vote-set.ts';
import { type BlockId, NIL_BLOCK_ID } from '#types/block-id.ts';
import { PRECOMMIT, type Vote } from '#types/vote.ts';
import { flags, idOf, makeValidators, makeVote } from './bench.ts';

const A = idOf('A');
const B = idOf('B');
const validators = makeValidators([1n, 1n, 1n, 1n]);

function precommit(index: number, blockId: BlockId): Vote {
  return makeVote(validators, index, { type: PRECOMMIT, height: 2, round: 0, blockId });
}

function votes(...entries: readonly (readonly [index: number, blockId: BlockId])[]): VoteSet {
  const set = new VoteSet({ height: 2, round: 0, type: PRECOMMIT, validators });
  for (const [index, blockId] of entries) set.add(precommit(index, blockId));
  return set;
}

describe('VoteSet', () => {
  it('agrees at more than 2/3 for one value', () => {
    assert.equal(votes([0, A], [1, A]).majority, undefined);
    assert.equal(votes([0, A], [1, A], [2, B]).majority, undefined);
    assert.equal(votes([0, A], [1, A], [2, A]).majority, A);
    assert.equal(votes([0, NIL_BLOCK_ID], [1, NIL_BLOCK_ID], [2, NIL_BLOCK_ID]).majority, NIL_BLOCK_ID);
  });

  it('knows +2/3 of any votes', () => {
    assert.equal(votes([0, A], [1, B]).hasTwoThirdsAny, false);
    assert.equal(votes([0, A], [1, B], [2, NIL_BLOCK_ID]).hasTwoThirdsAny, true);
  });

  it('counts a vote once', () => {
    const set = votes([0, A], [1, A]);
    assert.deepEqual(set.add(precommit(1, A)), { added: false, conflict: undefined });
    assert.equal(set.hasTwoThirdsAny, false);
    assert.equal(set.majority, undefined);
  });

  it('tells of a double vote once, and keeps the first', () => {
    const set = votes([0, A]);
    assert.deepEqual(set.add(precommit(0, B)), { added: false, conflict: precommit(0, A) });
    assert.deepEqual(set.add(precommit(0, NIL_BLOCK_ID)), { added: false, conflict: undefined });
    assert.deepEqual(set.votes(), [precommit(0, A)]);
    // Also where others voted for the second value: only a peer's claim makes it count.
    const shared = votes([0, A], [1, B], [2, B]);
    assert.equal(shared.add(precommit(0, B)).added, false);
    assert.equal(shared.majority, undefined);
  });

  it('counts a second vote for a value that a peer claims, without counting the validator twice', () => {
    const set = votes([0, A], [1, B], [2, B]);
    set.claim('peer', B);
    assert.deepEqual(set.add(precommit(0, B)), { added: true, conflict: precommit(0, A) });
    assert.equal(set.majority, B);
    assert.equal(set.votes().length, 4);
    assert.equal(hasBit(set.bitmap(B), 0) && hasBit(set.bitmap(A), 0), true);
    assert.equal(hasBit(set.bitmap(B), 3), false);
    assert.equal(flags(set.makeCommit(B)), 'CCC-');
    const two = votes([0, A], [1, B]);
    two.claim('peer', B);
    assert.equal(two.add(precommit(0, B)).added, true);
    assert.equal(two.hasTwoThirdsAny, false);
  });

  it('hears each peer once, and 64 of them', () => {
    const set = votes([0, A]);
    set.claim('peer', idOf('X'));
    set.claim('peer', B);
    assert.equal(set.add(precommit(0, B)).added, false);
    for (let peer = 0; peer < 100; peer++) set.claim(`peer ${peer}`, idOf(`P${peer}`));
    set.claim('late peer', B);
    assert.equal(set.add(precommit(0, B)).added, false);
    assert.equal(set.add(precommit(0, idOf('P5'))).added, true);
    assert.equal(set.add(precommit(0, idOf('P80'))).added, false);
  });

  it('never changes its majority', () => {
    const set = votes([0, A], [1, A], [2, A]);
    set.claim('peer', B);
    for (const index of [0, 1, 2, 3]) set.add(precommit(index, B));
    assert.equal(set.majority, A);
  });

  it('commit-foreign-signatures: a commit has precommits for its block or nil, all others are absent', () => {
    const set = votes([0, B], [1, A], [2, A], [3, NIL_BLOCK_ID]);
    assert.equal(flags(set.makeCommit(A)), '-CCN');
    const [absent, commit] = set.makeCommit(A).signatures;
    assert.equal(absent?.signature.length, 0);
    assert.equal(absent?.validatorAddress.length, 0);
    assert.deepEqual(commit?.validatorAddress, validators.get(1)?.address);
  });

  it('vote-index-bounds: an index outside of the set, or of another validator, is no vote', () => {
    for (const index of [-1, 4, 5, 1.5, Number.NaN, 2 ** 31, 2 ** 53, Number.POSITIVE_INFINITY]) {
      const vote = { ...precommit(0, A), validatorIndex: index };
      assert.equal(isVoteOf(validators, vote), false);
      assert.deepEqual(votes().add(vote), { added: false, conflict: undefined });
    }
    assert.equal(isVoteOf(validators, { ...precommit(0, A), validatorIndex: 1 }), false);
    assert.equal(isVoteOf(validators, { ...precommit(0, A), validatorAddress: new Uint8Array() }), false);
    assert.equal(isVoteOf(validators, precommit(3, A)), true);
  });

  it('refuses the vote of another place: that is a fault of the program', () => {
    assert.throws(() => votes().add({ ...precommit(0, A), round: 1 }), /height, round and type/);
  });

  it("live-object-published: what it hands out is the caller's", () => {
    const set = votes([0, A]);
    set.bitmap().fill(0xff);
    (set.votes() as Vote[]).length = 0;
    assert.deepEqual([...set.bitmap()], [1]);
    assert.equal(set.votes().length, 1);
  });

  it('sums powers as they are', () => {
    const heavy = makeValidators([2n ** 59n, 2n ** 58n, 1n]);
    const set = new VoteSet({ height: 2, round: 0, type: PRECOMMIT, validators: heavy });
    const vote = (index: number) => makeVote(heavy, index, { type: PRECOMMIT, height: 2, round: 0, blockId: A });
    set.add(vote(0));
    assert.equal(set.majority, undefined);
    set.add(vote(1));
    assert.equal(set.majority, A);
  });
});
