import assert from 'node:assert/strict';
import { Consensus } from '#consensus/consensus.ts';
import { isWellFormedProposal } from '#consensus/proposal-rules.ts';
import { NIL_BLOCK_ID } from '#types/block-id.ts';
import type { Proposal } from '#types/proposal.ts';
import { PRECOMMIT, PREVOTE, type Vote, type VoteType } from '#types/vote.ts';
import { type Bench, idOf, makeVote, START, signatureOf, useBenches } from './bench.ts';

const NUMBERS = [-1, 0.5, Number.NaN, 2 ** 31, 2 ** 53, 2 ** 63, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];

function proposal(more: Partial<Proposal> = {}): Proposal {
  const base = { height: 2, round: 0, polRound: -1, blockId: idOf('A'), timestamp: START, signature: signatureOf(0) };
  return { ...base, ...more };
}

describe('unproven input', () => {
  const bench = useBenches();

  const give = (b: Bench, vote: Vote): string[] => b.feed({ kind: 'vote', now: START, vote });
  const voteOf = (b: Bench, more: Partial<Vote>): Vote => {
    const base = makeVote(b.validators, 0, { type: PREVOTE, height: 2, round: 0, blockId: idOf('A') });
    return { ...base, ...more };
  };

  it('vote-index-bounds: odd indexes, rounds, heights, types and addresses are ignored', () => {
    const b = bench().start();
    const before = b.summary;
    for (const odd of NUMBERS) {
      assert.deepEqual(give(b, voteOf(b, { validatorIndex: odd })), []);
      assert.deepEqual(give(b, voteOf(b, { height: odd })), []);
      if (!Number.isSafeInteger(odd) || odd < 0) assert.deepEqual(give(b, voteOf(b, { round: odd })), []);
      assert.deepEqual(give(b, voteOf(b, { type: odd as VoteType })), []);
      for (const height of [1, 3]) assert.deepEqual(give(b, voteOf(b, { height, validatorIndex: odd })), []);
    }
    assert.deepEqual(give(b, voteOf(b, { validatorAddress: new Uint8Array(20) })), []);
    assert.equal(b.summary, before);
    assert.deepEqual(b.core.voteRounds(), []);
  });

  it('oversized-proposal and odd rounds: refused before anything is kept', () => {
    const maxBytes = 4 * 65_536;
    assert.equal(isWellFormedProposal(proposal(), maxBytes), true);
    const parts = (total: number) => ({ ...idOf('A'), partSetHeader: { total, hash: new Uint8Array(32) } });
    for (const [total, limit, fits] of [
      [4, maxBytes, true],
      [5, maxBytes, false],
      [5, maxBytes + 1, true],
      [6, maxBytes + 1, false],
      [1600, -1, true],
      [1601, -1, false],
      [2 ** 31, -1, false],
    ] as const)
      assert.equal(isWellFormedProposal(proposal({ blockId: parts(total) }), limit), fits, `${total} of ${limit}`);
    for (const odd of NUMBERS.filter((n) => !Number.isSafeInteger(n) || n < 0))
      assert.equal(isWellFormedProposal(proposal({ round: odd }), maxBytes), false);
    for (const [round, polRound, fits] of [
      [0, -1, true],
      [0, 0, false],
      [3, 2, true],
      [3, 3, false],
      [3, 4, false],
      [3, -2, false],
      [3, Number.NaN, false],
      [3, 0.5, false],
    ] as const)
      assert.equal(isWellFormedProposal(proposal({ round, polRound }), maxBytes), fits, `${round}/${polRound}`);
    assert.equal(isWellFormedProposal(proposal({ blockId: NIL_BLOCK_ID }), maxBytes), false);
  });

  it('a proposal is bounded by the block size of the chain', () => {
    const b = bench().start({ maxBlockBytes: 65_536 });
    const blockId = { ...idOf('A'), partSetHeader: { total: 2, hash: new Uint8Array(32) } };
    assert.deepEqual(b.feed({ kind: 'proposal', now: START, proposal: proposal({ blockId }) }), []);
    assert.equal(b.core.proposal(), undefined);
  });

  it('proposals of rounds that are over, far ahead or of other heights are not kept', () => {
    const b = bench().start();
    b.precommits(2, 'nil', [0, 1]);
    for (const round of [0, 1, 7, 2 ** 31]) {
      b.proposal(round, 'X');
      assert.equal(b.core.proposal(round), undefined);
    }
    for (const round of [2, 3, 6]) {
      b.proposal(round, 'X');
      assert.ok(b.core.proposal(round));
    }
    for (const height of [1, 4, 2 ** 53, Number.NaN]) assert.deepEqual(b.proposal(2, 'Y', -1, height), []);
  });

  it('blocks that nobody proposed or voted for are not kept', () => {
    const b = bench().start();
    b.block('X');
    assert.equal(b.core.block(b.id('X')), undefined);
    b.validity('X', 'valid');
  });

  it('evidence of one double voter is told once a round and type, however often it votes', () => {
    const b = bench().start();
    const told: string[] = [];
    for (let i = 0; i < 50; i++) told.push(...b.prevotes(0, `X${i}`, [0]));
    assert.deepEqual(told, ['evidence v0 X0/X1']);
    assert.equal(b.core.votes(2, 0, PREVOTE).length, 1);
  });

  it('claims for rounds, heights and types that are not there are ignored', () => {
    const b = bench().start();
    for (const odd of [...NUMBERS, 5, 0])
      for (const height of [2, odd])
        for (const type of [PREVOTE, PRECOMMIT, odd] as VoteType[]) {
          const place = { height, round: odd, type, blockId: idOf('A') };
          assert.deepEqual(b.feed({ kind: 'peerClaim', now: START, peer: 'x', ...place }), []);
        }
  });

  it('timeouts, validities and refusals out of place are ignored', () => {
    const b = bench().start();
    const before = b.summary;
    for (const odd of NUMBERS) {
      for (const step of ['newHeight', 'propose', 'prevoteWait', 'precommitWait'] as const) {
        assert.deepEqual(b.timeout(step, odd), []);
        assert.deepEqual(b.timeout(step, 0, odd), []);
      }
      b.feed({ kind: 'signRefused', now: START, height: odd, round: odd, type: PREVOTE });
    }
    b.validity('A', 'valid');
    assert.equal(b.summary, before);
  });

  it('a refused signature stops nothing', () => {
    const b = bench({ me: 0 });
    b.signer = 'refuses';
    b.start();
    assert.deepEqual(b.built('A', 0), ['refused proposal r0']);
    assert.deepEqual(b.timeout('propose', 0), ['refused prevote r0']);
    assert.deepEqual(b.prevotes(0, 'nil', [1, 2, 3]), ['refused precommit r0']);
    b.precommits(0, 'nil', [1, 2, 3]);
    assert.deepEqual(b.timeout('precommitWait', 0), ['schedule propose r1 850ms']);
  });

  it('my vote counts only when it comes back signed, and is asked for once', () => {
    const b = bench({ answerSign: false }).start();
    b.propose(0, 'A');
    b.prevotes(0, 'A', [0, 1]);
    assert.equal(b.core.step, 'prevote');
    b.timeout('prevoteWait', 0);
    b.block('A');
    const asked = b.effects.flat().filter((effect) => effect.kind === 'sign');
    assert.equal(asked.length, 1);
  });

  it('proposerAt answers where a proposal would be taken, and costs nothing elsewhere', () => {
    const b = bench();
    assert.equal(new Consensus().proposerAt(2, 0), undefined);
    b.start();
    b.precommits(2, 'nil', [0, 1]);
    const { core, validators } = b;
    const address = (height: number, round: number) => core.proposerAt(height, round)?.address;
    assert.deepEqual(address(2, 2), validators.incremented(2).proposer.address);
    assert.deepEqual(address(2, 6), validators.incremented(6).proposer.address);
    assert.deepEqual(address(3, 0), validators.proposer.address);
    assert.deepEqual(address(3, 3), validators.incremented(3).proposer.address);
    for (const [height, round] of [
      [2, 1],
      [2, 7],
      [2, 2 ** 31],
      [2, -1],
      [2, Number.NaN],
      [3, 4],
      [4, 0],
      [1, 0],
    ] as const)
      assert.equal(core.proposerAt(height, round), undefined, `${height}/${round}`);
    assert.equal(core.validatorsAt(1), validators);
    assert.equal(core.validatorsAt(4), undefined);
  });

  it('live-object-published: what the core hands out does not change it', () => {
    const b = bench().start();
    b.prevotes(0, 'A', [0]);
    b.core.voteBitmap(2, 0, PREVOTE)?.fill(0xff);
    (b.core.votes(2, 0, PREVOTE) as Vote[]).length = 0;
    (b.core.voteRounds() as number[]).push(9);
    assert.deepEqual([...b.core.voteBitmap(2, 0, PREVOTE)!], [1]);
    assert.equal(b.core.votes(2, 0, PREVOTE).length, 1);
    assert.deepEqual(b.core.voteRounds(), [0]);
  });
});
