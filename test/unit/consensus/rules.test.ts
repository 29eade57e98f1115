import assert from 'node:assert/strict';
import { lockedOnA, MS, START, useBenches } from './bench.ts';

// Four validators of power 1 unless a test says otherwise; I am v3; v0, v1, v2 propose in rounds 0, 1, 2 and I in 3.

describe('round rules, by the line of arXiv 1807.04938', () => {
  const bench = useBenches();

  describe('L11: a round starts', () => {
    it('with the propose timer, for proposer and others alike', () => {
      assert.deepEqual(bench({ me: 3 }).start().summary, '2/0/propose locked=- valid=-');
      const proposer = bench({ me: 0 });
      proposer.newHeight();
      assert.deepEqual(proposer.timeout('newHeight', 0), ['schedule propose r0 600ms', 'build r0']);
      const fullNode = bench({ me: undefined });
      fullNode.newHeight();
      assert.deepEqual(fullNode.timeout('newHeight', 0), ['schedule propose r0 600ms']);
    });

    it('and drops the proposal of rounds before the last', () => {
      const b = bench().start();
      b.propose(0, 'A');
      b.prevotes(2, 'nil', [0, 1]);
      assert.equal(b.core.round, 2);
      assert.equal(b.core.proposal(0), undefined);
      assert.equal(b.core.block(b.id('A')), undefined);
    });
  });

  describe('L14-21: the proposer', () => {
    it('builds, signs and publishes a fresh block', () => {
      const b = bench({ me: 0 }).start();
      assert.deepEqual(b.built('A', 0), ['publish proposal r0 A pol=-1', 'publish prevote r0 A']);
    });

    it('proposes the valid value again with its round', () => {
      const b = bench({ me: 1 }).start();
      b.propose(0, 'A');
      b.prevotes(0, 'A', [0, 2]);
      b.precommits(0, 'nil', [0, 2]);
      assert.deepEqual(b.timeout('precommitWait', 0), [
        'schedule propose r1 850ms',
        'publish proposal r1 A pol=0',
        'publish prevote r1 A',
      ]);
    });

    it('proposes a value whose polka arrived while the block was built', () => {
      const b = bench({ me: 1 }).start();
      b.propose(0, 'A');
      b.precommits(0, 'nil', [0, 2, 3]);
      assert.deepEqual(b.timeout('precommitWait', 0), ['schedule propose r1 850ms', 'build r1']);
      assert.deepEqual(b.prevotes(0, 'A', [0, 2]), ['execute A']);
      assert.deepEqual(b.built('B', 1), ['publish proposal r1 A pol=0', 'publish prevote r1 A']);
    });

    it('does not propose in a round that it left, and asks for one signature a round', () => {
      const b = bench({ me: 0, answerSign: false }).start();
      b.timeout('propose', 0);
      assert.deepEqual(b.built('A', 0), []);
      const twice = bench({ me: 0, answerSign: false }).start();
      assert.deepEqual(twice.built('A', 0), ['sign proposal r0 A pol=-1']);
      assert.deepEqual(twice.built('B', 0), []);
    });

    it('does not propose where its proposal is known already', () => {
      // A machine that lost its disk gets it back from a peer; its signer would refuse another.
      const b = bench({ me: 1 }).start();
      b.propose(1, 'A');
      assert.deepEqual(b.precommits(1, 'nil', [0, 2]), ['schedule propose r1 850ms', 'publish prevote r1 A']);
    });

    it('is not proposing when it is not its turn', () => {
      assert.deepEqual(bench({ me: 3 }).start().built('A', 0), []);
    });
  });

  describe('L22: a fresh proposal', () => {
    it('is prevoted when valid and nothing is locked', () => {
      const b = bench().start();
      assert.deepEqual(b.proposal(0, 'A'), ['request A r0']);
      assert.deepEqual(b.block('A'), ['publish prevote r0 A']);
    });

    it('gets nil when it is invalid', () => {
      const b = bench().start();
      b.verdicts.set('A', 'invalid');
      b.proposal(0, 'A');
      assert.deepEqual(b.block('A'), ['publish prevote r0 nil']);
    });

    it('gets nil when another value is locked', () => {
      const b = lockedOnA(bench());
      assert.deepEqual(b.propose(1, 'B').at(-1), 'publish prevote r1 nil');
    });

    it('is prevoted when it is the locked value', () => {
      const b = lockedOnA(bench());
      assert.deepEqual(b.proposal(1, 'A'), ['publish prevote r1 A']);
    });

    it('waits for the validity, and asks for it once a block id', () => {
      const b = bench({ answerValidate: false }).start();
      b.proposal(0, 'A');
      assert.deepEqual(b.block('A'), ['validate A']);
      assert.deepEqual(b.block('A'), []);
      assert.deepEqual(b.validity('A', 'valid'), ['publish prevote r0 A']);
      assert.deepEqual(b.validity('A', 'invalid'), []);
    });

    it('of another height is invalid without asking (height-arithmetic)', () => {
      const b = bench().start();
      b.proposal(0, 'A');
      assert.deepEqual(b.block('A', START, 3), ['publish prevote r0 nil']);
    });

    it('is voted on in the step propose only', () => {
      const b = bench().start();
      b.timeout('propose', 0);
      assert.deepEqual(b.propose(0, 'A'), []);
      const precommitted = bench().start();
      precommitted.timeout('propose', 0);
      precommitted.prevotes(0, 'nil', [0, 1]);
      assert.deepEqual(precommitted.propose(0, 'A'), []);
      assert.equal(precommitted.core.step, 'precommit');
    });

    it('is the one proposal of its round: the first', () => {
      const b = bench().start();
      b.proposal(0, 'A');
      assert.deepEqual(b.proposal(0, 'B'), []);
      assert.deepEqual(b.block('B'), []);
      assert.deepEqual(b.block('A'), ['publish prevote r0 A']);
    });

    it('gets nil when its block is more than 60 s ahead of my clock', () => {
      const ahead = bench().start();
      ahead.proposal(0, 'A');
      assert.deepEqual(ahead.block('A', START + 60_000n * MS + 1n), ['publish prevote r0 nil']);
      const inTime = bench().start();
      inTime.proposal(0, 'A');
      assert.deepEqual(inTime.block('A', START + 60_000n * MS), ['publish prevote r0 A']);
    });

    it('is prevoted when it is the locked value, whatever my clock says', () => {
      const b = lockedOnA(bench());
      b.now -= 3_600_000n * MS;
      assert.deepEqual(b.proposal(1, 'A'), ['publish prevote r1 A']);
    });

    it('passes the clock guard at exactly previous + 1 ms', () => {
      const b = bench().start({ lastBlockTime: START + 3_600_000n * MS });
      b.proposal(0, 'A');
      assert.deepEqual(b.block('A', START + 3_600_001n * MS), ['publish prevote r0 A']);
    });
  });

  describe('L28: a value proposed again with its polka', () => {
    it('is prevoted over an older lock on something else', () => {
      const b = lockedOnA(bench());
      b.timeout('propose', 1);
      b.prevotes(1, 'B', [0, 1, 2]);
      b.precommits(2, 'nil', [0, 1]);
      assert.equal(b.summary, '2/2/propose locked=A@0 valid=A@0');
      assert.deepEqual(b.propose(2, 'B', 1), ['execute B', 'publish prevote r2 B']);
    });

    it('is prevoted at a lock of the same round', () => {
      // L28 says lockedRound <= vr; that two values have a polka in one round takes a third of double voters.
      const b = bench().start();
      b.propose(0, 'A');
      b.prevotes(0, 'A', [0, 1]);
      b.precommits(1, 'nil', [0, 1]);
      assert.deepEqual(b.proposal(1, 'A', 0), ['publish prevote r1 A']);
    });

    it('is prevoted over a lock on something else of the very round of its polka', () => {
      // Takes a third of double voters; here the lock comes back from my own precommit after a lost disk.
      const b = bench().start();
      b.precommits(0, 'A', [3]);
      b.prevotes(0, 'B', [0, 1, 2]);
      b.precommits(1, 'nil', [0, 1]);
      assert.match(b.summary, /^2\/1\/propose locked=A@0/);
      assert.equal(b.propose(1, 'B', 0).at(-1), 'publish prevote r1 B');
    });

    it('gets nil under a newer lock on something else', () => {
      const b = bench().start();
      b.timeout('propose', 0);
      b.prevotes(0, 'B', [0, 1, 2]);
      b.precommits(1, 'nil', [0, 1]);
      b.propose(1, 'A');
      b.prevotes(1, 'A', [0, 1]);
      b.precommits(2, 'nil', [0, 1]);
      assert.match(b.summary, /^2\/2\/propose locked=A@1/);
      assert.deepEqual(b.propose(2, 'B', 0), ['request B r2', 'publish prevote r2 nil']);
    });

    it('gets nil when it is invalid', () => {
      const b = bench().start();
      b.verdicts.set('B', 'invalid');
      b.timeout('propose', 0);
      b.prevotes(0, 'B', [0, 1, 2]);
      b.precommits(1, 'nil', [0, 1]);
      assert.deepEqual(b.propose(1, 'B', 0).at(-1), 'publish prevote r1 nil');
    });

    it('is prevoted under a newer lock on the same value', () => {
      const b = lockedOnA(bench());
      b.propose(1, 'A');
      b.prevotes(1, 'A', [0, 1]);
      b.precommits(2, 'nil', [0, 1]);
      assert.match(b.summary, /^2\/2\/propose locked=A@1/);
      assert.deepEqual(b.proposal(2, 'A', 0), ['publish prevote r2 A']);
    });

    it('waits for its validity', () => {
      const b = bench({ answerValidate: false }).start();
      b.timeout('propose', 0);
      b.prevotes(0, 'A', [0, 1, 2]);
      b.precommits(1, 'nil', [0, 1]);
      assert.deepEqual(b.propose(1, 'A', 0), ['validate A']);
      assert.equal(b.core.step, 'propose');
      assert.deepEqual(b.validity('A', 'valid'), ['execute A', 'publish prevote r1 A']);
    });

    it('waits for the polka that it names', () => {
      const b = bench().start();
      b.precommits(1, 'nil', [0, 1]);
      assert.equal(b.core.round, 1);
      assert.deepEqual(b.propose(1, 'A', 0), ['request A r1']);
      assert.deepEqual(b.prevotes(0, 'A', [0, 1]), []);
      assert.deepEqual(b.prevotes(0, 'A', [2]), ['execute A', 'publish prevote r1 A']);
    });

    it('does not take a polka for something else', () => {
      const b = bench().start();
      b.prevotes(1, 'nil', [0, 1]);
      b.propose(1, 'A', 0);
      b.prevotes(0, 'B', [0, 1, 2]);
      assert.equal(b.core.step, 'propose');
    });

    it('is not held up by my clock', () => {
      const b = bench().start();
      b.timeout('propose', 0);
      b.prevotes(0, 'A', [0, 1, 2]);
      b.precommits(1, 'nil', [0, 1]);
      b.proposal(1, 'A', 0);
      assert.deepEqual(b.block('A', START + 3_600_000n * MS), ['execute A', 'publish prevote r1 A']);
    });
  });

  describe('L34: +2/3 prevotes without agreement', () => {
    it('start the prevote timer, once', () => {
      const b = bench().start();
      b.propose(0, 'A');
      assert.deepEqual(b.prevotes(0, 'nil', [0]), []);
      assert.deepEqual(b.prevotes(0, 'B', [1]), ['schedule prevoteWait r0 200ms']);
      assert.deepEqual(b.prevotes(0, 'C', [2]), []);
    });

    it('only in the step prevote', () => {
      const b = bench().start();
      assert.deepEqual(b.prevotes(0, 'nil', [0, 1]), []);
      assert.deepEqual(b.prevotes(0, 'B', [2]), []);
      assert.deepEqual(b.timeout('propose', 0).slice(0, 1), ['schedule prevoteWait r0 200ms']);
      b.timeout('prevoteWait', 0);
      const precommitted = bench().start();
      precommitted.propose(0, 'A');
      precommitted.prevotes(0, 'A', [0]);
      assert.deepEqual(precommitted.prevotes(0, 'A', [1]), ['execute A', 'publish precommit r0 A']);
    });
  });

  describe('L36: a polka for a valid block', () => {
    it('locks it and precommits', () => {
      const b = bench().start();
      b.propose(0, 'A');
      assert.deepEqual(b.prevotes(0, 'A', [0]), []);
      assert.deepEqual(b.prevotes(0, 'A', [1]), ['execute A', 'publish precommit r0 A']);
      assert.equal(b.summary, '2/0/precommit locked=A@0 valid=A@0');
    });

    it('is locked before my precommit is signed, and replaces an older lock as soon', () => {
      const b = bench({ answerSign: false }).start();
      b.propose(0, 'A');
      assert.deepEqual(b.prevotes(0, 'A', [0, 1, 2]), ['sign precommit r0 A', 'execute A']);
      assert.equal(b.summary, '2/0/precommit locked=A@0 valid=A@0');
      b.precommits(1, 'nil', [0, 1]);
      b.propose(1, 'B');
      assert.deepEqual(b.prevotes(1, 'B', [0, 1, 2]), ['sign precommit r1 B', 'execute B']);
      assert.equal(b.summary, '2/1/precommit locked=B@1 valid=B@1');
    });

    it('is not held up by my clock', () => {
      const b = bench().start();
      b.timeout('propose', 0);
      b.prevotes(0, 'A', [0, 1, 2]);
      assert.deepEqual(b.block('A', START + 3_600_000n * MS), ['execute A', 'publish precommit r0 A']);
    });

    it('replaces an older lock', () => {
      const b = lockedOnA(bench());
      b.propose(1, 'B');
      assert.deepEqual(b.prevotes(1, 'B', [0, 1, 2]).at(-1), 'publish precommit r1 B');
      assert.equal(b.summary, '2/1/precommit locked=B@1 valid=B@1');
    });

    it('needs the body: it is fetched, and nil is precommitted only after the timer', () => {
      const b = bench().start();
      b.timeout('propose', 0);
      assert.deepEqual(b.prevotes(0, 'A', [0, 1, 2]), ['schedule prevoteWait r0 200ms', 'request A r0']);
      assert.deepEqual(b.block('A'), ['execute A', 'publish precommit r0 A']);
      const late = bench().start();
      late.timeout('propose', 0);
      late.prevotes(0, 'A', [0, 1, 2]);
      assert.deepEqual(late.timeout('prevoteWait', 0), ['publish precommit r0 nil']);
      assert.deepEqual(late.block('A'), ['execute A']);
      assert.equal(late.summary, '2/0/precommit locked=- valid=A@0');
    });

    it('asks for a missing body again in the next round, once', () => {
      const b = bench().start();
      b.timeout('propose', 0);
      assert.deepEqual(b.prevotes(0, 'A', [0, 1, 2]).slice(1), ['request A r0']);
      assert.deepEqual(b.precommits(0, 'nil', [0]), []);
      assert.deepEqual(b.precommits(1, 'nil', [0, 1]), ['schedule propose r1 850ms', 'request A r0']);
      assert.deepEqual(b.precommits(1, 'nil', [2]), ['schedule precommitWait r1 400ms']);
    });

    it('does not lock an invalid block', () => {
      const b = bench().start();
      b.verdicts.set('A', 'invalid');
      b.propose(0, 'A');
      b.prevotes(0, 'A', [0, 1, 2]);
      assert.equal(b.summary, '2/0/prevote locked=- valid=-');
      assert.deepEqual(b.timeout('prevoteWait', 0), ['publish precommit r0 nil']);
    });

    it('waits for my own prevote step', () => {
      const b = bench().start();
      b.prevotes(0, 'A', [0, 1, 2]);
      assert.equal(b.summary, '2/0/propose locked=- valid=-');
      assert.deepEqual(b.block('A'), []);
      assert.deepEqual(b.proposal(0, 'A'), ['execute A', 'publish prevote r0 A', 'publish precommit r0 A']);
    });

    it('counts a polka of this round only', () => {
      const b = bench().start();
      b.propose(0, 'A');
      b.precommits(1, 'nil', [0, 1]);
      b.timeout('propose', 1);
      b.prevotes(0, 'A', [0, 1, 2]);
      assert.equal(b.summary, '2/1/prevote locked=- valid=A@0');
    });

    it('is more than 2/3 of the power, not of the heads', () => {
      const b = bench({ powers: [10n, 5n, 4n, 1n] }).start();
      b.propose(0, 'A');
      // 10 + 1 + 1 of 20, then 15 + 1 = 16 of 20 > 13.33
      assert.deepEqual(b.prevotes(0, 'A', [0]), []);
      assert.deepEqual(b.prevotes(0, 'A', [1]), ['execute A', 'publish precommit r0 A']);
      // Three of four heads, and half of the power.
      const heads = bench({ powers: [10n, 5n, 4n, 1n] }).start();
      heads.propose(0, 'A');
      assert.deepEqual(heads.prevotes(0, 'A', [1, 2]), []);
    });

    it('is not exactly 2/3', () => {
      const b = bench({ powers: [1n, 1n, 1n], me: 2 }).start();
      b.propose(0, 'A');
      assert.deepEqual(b.prevotes(0, 'A', [0]), []);
    });

    it('needs the whole id: another part set is another value', () => {
      const b = bench().start();
      b.propose(0, 'A');
      const other = { ...b.id('A'), partSetHeader: { total: 2, hash: new Uint8Array(32).fill(9) } };
      for (const index of [0, 1]) {
        const { address } = b.validators.get(index)!;
        const place = { type: 1 as const, height: 2, round: 0, blockId: other, timestamp: START };
        const vote = { ...place, validatorIndex: index, validatorAddress: address, signature: new Uint8Array(64) };
        b.feed({ kind: 'vote', now: START, vote });
      }
      assert.equal(b.summary, '2/0/prevote locked=- valid=-');
    });
  });

  describe('L42: the newest polka for a valid block becomes the valid value', () => {
    it('after my precommit as well', () => {
      const b = bench().start();
      b.timeout('propose', 0);
      b.prevotes(0, 'nil', [0]);
      b.prevotes(0, 'A', [1, 2]);
      assert.deepEqual(b.timeout('prevoteWait', 0), ['publish precommit r0 nil']);
      assert.equal(b.summary, '2/0/precommit locked=- valid=-');
      // v0 voted nil and A; its second vote counts once a peer saw +2/3 for A.
      b.claim('peer', 1, 0, 'A');
      assert.deepEqual(b.prevotes(0, 'A', [0]), ['evidence v0 nil/A', 'request A r0']);
      assert.deepEqual(b.block('A'), ['execute A']);
      assert.equal(b.summary, '2/0/precommit locked=- valid=A@0');
    });

    it('late, for a round that is over', () => {
      const b = bench().start();
      b.propose(0, 'A');
      b.prevotes(1, 'nil', [0, 1]);
      assert.deepEqual(b.prevotes(0, 'A', [0, 1]), ['execute A']);
      assert.equal(b.summary, '2/1/propose locked=- valid=A@0');
    });

    it('never from a polka older than the one it has', () => {
      const b = bench().start();
      b.propose(0, 'A');
      b.prevotes(1, 'nil', [0, 1]);
      b.propose(1, 'B');
      b.prevotes(1, 'B', [2, 0]);
      b.claim('peer', 1, 1, 'B');
      b.prevotes(1, 'B', [0, 1]);
      assert.match(b.summary, /valid=B@1$/);
      b.prevotes(0, 'A', [0, 1]);
      assert.match(b.summary, /valid=B@1$/);
    });
  });

  describe('L44: a polka for nil', () => {
    it('is precommitted, and the lock stays', () => {
      const b = lockedOnA(bench());
      b.timeout('propose', 1);
      assert.deepEqual(b.prevotes(1, 'nil', [0, 1]), ['publish precommit r1 nil']);
      assert.equal(b.summary, '2/1/precommit locked=A@0 valid=A@0');
    });

    it('only in the step prevote', () => {
      const b = bench().start();
      assert.deepEqual(b.prevotes(0, 'nil', [0, 1, 2]), []);
      assert.deepEqual(b.timeout('propose', 0), ['publish prevote r0 nil', 'publish precommit r0 nil']);
    });
  });
});
