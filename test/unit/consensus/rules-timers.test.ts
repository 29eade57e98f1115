import assert from 'node:assert/strict';
import { BizraError } from '#util/errors.ts';
import { lockedOnA, MS, START, useBenches } from './bench.ts';

// Four validators of power 1 unless a test says otherwise; I am v3; v0, v1, v2 propose in rounds 0, 1, 2 and I in 3.

describe('round rules, by the line of arXiv 1807.04938', () => {
  const bench = useBenches();

  describe('L47: +2/3 precommits without a decision', () => {
    it('start the precommit timer, once, in whatever step', () => {
      const b = bench().start();
      assert.deepEqual(b.precommits(0, 'nil', [0, 1]), []);
      assert.deepEqual(b.precommits(0, 'A', [2]), ['schedule precommitWait r0 200ms']);
      b.propose(0, 'A');
      b.prevotes(0, 'nil', [0, 1]);
      assert.deepEqual(b.precommits(0, 'A', [3]), []);
      const inPrecommit = bench().start();
      inPrecommit.timeout('propose', 0);
      inPrecommit.prevotes(0, 'nil', [0, 1]);
      assert.equal(inPrecommit.core.step, 'precommit');
      assert.deepEqual(inPrecommit.precommits(0, 'nil', [0, 1]), ['schedule precommitWait r0 200ms']);
    });
  });

  describe('L49: +2/3 precommits for a valid block', () => {
    it('decide it', () => {
      const b = bench().start();
      b.propose(0, 'A');
      assert.deepEqual(b.precommits(0, 'A', [0, 1]), []);
      assert.deepEqual(b.precommits(0, 'A', [2]), ['commit A r0 CCC-']);
      assert.equal(b.core.step, 'commit');
    });

    it('decide it in a round that is over', () => {
      const b = bench().start();
      b.propose(0, 'A');
      b.prevotes(0, 'A', [0, 1]);
      b.precommits(0, 'nil', [0]);
      b.prevotes(5, 'nil', [0, 1]);
      assert.equal(b.core.round, 5);
      assert.deepEqual(b.precommits(0, 'A', [1, 2]), ['commit A r0 NCCC']);
    });

    it('wait for the body and for its validity', () => {
      const b = bench({ answerValidate: false }).start();
      assert.deepEqual(b.precommits(0, 'A', [0, 1, 2]), ['request A r0', 'schedule precommitWait r0 200ms']);
      assert.deepEqual(b.block('A'), ['validate A']);
      assert.deepEqual(b.validity('A', 'valid'), ['commit A r0 CCC-']);
    });

    it('never for nil', () => {
      const b = bench().start();
      b.precommits(0, 'nil', [0, 1, 2]);
      assert.equal(b.core.decided, undefined);
    });

    it('are not held up by my clock', () => {
      const b = bench().start();
      b.precommits(0, 'A', [0, 1, 2]);
      assert.deepEqual(b.block('A', START + 3_600_000n * MS), ['commit A r0 CCC-']);
    });

    it('for a block that I find invalid stop the node (apply-error-fatal)', () => {
      const b = bench().start();
      b.verdicts.set('A', 'invalid');
      b.propose(0, 'A');
      b.precommits(0, 'A', [0, 1]);
      const isFatal = (error: unknown) => error instanceof BizraError && error.code === 'decided_block_invalid';
      assert.throws(() => b.precommits(0, 'A', [2]), isFatal);
    });
  });

  describe('a block that this node cannot judge', () => {
    it('gets no vote and no lock of mine, and is followed when the others decided it', () => {
      const b = bench().start();
      b.verdicts.set('A', 'unjudged');
      assert.equal(b.propose(0, 'A').at(-1), 'publish prevote r0 nil');
      b.prevotes(0, 'A', [0, 1, 2]);
      assert.equal(b.core.hasValidBlock(b.id('A')), false);
      assert.deepEqual(b.timeout('prevoteWait', 0), ['publish precommit r0 nil']);
      assert.equal(b.precommits(0, 'A', [0, 1, 2]).at(-1), 'commit A r0 CCCN');
    });
  });

  describe('L55: more than 1/3 of the power ahead', () => {
    it('is followed to the highest round that it reached or passed', () => {
      const b = bench().start();
      assert.deepEqual(b.prevotes(7, 'nil', [0]), []);
      assert.deepEqual(b.precommits(4, 'nil', [1]), ['schedule propose r4 1600ms']);
      assert.equal(b.core.round, 4);
    });

    it('takes the highest round of each validator only', () => {
      const b = bench().start();
      b.prevotes(3, 'nil', [0]);
      b.prevotes(9, 'nil', [0]);
      b.prevotes(5, 'nil', [0]);
      assert.equal(b.core.round, 0);
      assert.deepEqual(b.core.voteRounds(), [9]);
      b.prevotes(6, 'nil', [1]);
      assert.equal(b.core.round, 6);
    });

    it('is power, not heads, and more than exactly 1/3', () => {
      const heavy = bench({ powers: [10n, 5n, 4n, 1n] }).start();
      heavy.prevotes(2, 'nil', [0]);
      assert.equal(heavy.core.round, 2);
      const light = bench({ powers: [10n, 5n, 4n, 1n], me: 0 }).start();
      light.prevotes(2, 'nil', [2, 3]);
      assert.equal(light.core.round, 0);
      const third = bench({ powers: [1n, 1n, 1n], me: 2 }).start();
      third.prevotes(2, 'nil', [0]);
      assert.equal(third.core.round, 0);
    });

    it('brings the votes along', () => {
      const b = bench().start();
      b.prevotes(2, 'nil', [0, 1]);
      assert.deepEqual(b.timeout('propose', 2), ['publish prevote r2 nil', 'publish precommit r2 nil']);
    });

    it('ends the pause before round 0', () => {
      const b = bench();
      b.newHeight({ proofBlockDue: false, emptyBlockIntervalMs: 5000 });
      b.prevotes(0, 'nil', [0]);
      assert.equal(b.core.step, 'newHeight');
      assert.deepEqual(b.prevotes(0, 'nil', [1]), ['schedule propose r0 600ms']);
    });
  });

  describe('L57: the propose timer', () => {
    it('prevotes nil', () => {
      const b = bench().start();
      assert.deepEqual(b.timeout('propose', 0), ['publish prevote r0 nil']);
    });

    it('is what ends the wait for a body: never the first miss', () => {
      const b = bench().start();
      assert.deepEqual(b.proposal(0, 'A'), ['request A r0']);
      assert.equal(b.core.step, 'propose');
      assert.deepEqual(b.timeout('propose', 0), ['publish prevote r0 nil']);
    });

    it('is ignored in a later step', () => {
      const b = bench().start();
      b.propose(0, 'A');
      assert.deepEqual(b.timeout('propose', 0), []);
      b.prevotes(0, 'B', [0]);
      b.prevotes(0, 'nil', [1]);
      b.timeout('prevoteWait', 0);
      assert.deepEqual(b.timeout('propose', 0), []);
      assert.equal(b.core.step, 'precommit');
    });
  });

  describe('L61: the prevote timer', () => {
    it('precommits nil and keeps the lock', () => {
      const b = lockedOnA(bench());
      b.timeout('propose', 1);
      b.prevotes(1, 'B', [0]);
      b.prevotes(1, 'C', [1]);
      assert.deepEqual(b.timeout('prevoteWait', 1), ['publish precommit r1 nil']);
      assert.match(b.summary, /locked=A@0/);
    });

    it('is ignored in a later step', () => {
      const b = bench().start();
      b.propose(0, 'A');
      b.prevotes(0, 'nil', [0, 1]);
      b.prevotes(0, 'A', [2]);
      b.timeout('prevoteWait', 0);
      b.claim('peer', 1, 0, 'A');
      b.prevotes(0, 'A', [0]);
      assert.equal(b.summary, '2/0/precommit locked=- valid=A@0');
      const locked = lockedOnA(bench());
      locked.propose(1, 'B');
      locked.prevotes(1, 'nil', [0]);
      locked.prevotes(1, 'B', [1, 2]);
      locked.claim('peer', 1, 1, 'B');
      locked.prevotes(1, 'B', [0]);
      assert.equal(locked.summary, '2/1/precommit locked=B@1 valid=B@1');
      assert.deepEqual(locked.timeout('prevoteWait', 1), []);
    });
  });

  describe('L65: the precommit timer', () => {
    it('starts the next round', () => {
      const b = bench().start();
      b.precommits(0, 'nil', [0, 1, 2]);
      assert.deepEqual(b.timeout('precommitWait', 0), ['schedule propose r1 850ms']);
      assert.equal(b.core.round, 1);
    });
  });

  describe('timeout-stale-or-double', () => {
    it('ignores timers of other heights, rounds and steps, and those that were never started', () => {
      const b = bench().start();
      b.prevotes(2, 'nil', [0, 1]);
      const before = b.summary;
      for (const [step, round, height] of [
        ['propose', 1, 2],
        ['propose', 3, 2],
        ['propose', 2, 1],
        ['propose', 2, 3],
        ['prevoteWait', 2, 2],
        ['precommitWait', 2, 2],
        ['precommitWait', 1, 2],
        ['newHeight', 0, 2],
      ] as const)
        assert.deepEqual(b.timeout(step, round, height), []);
      assert.equal(b.summary, before);
      const waiting = bench().start();
      waiting.timeout('propose', 0);
      assert.deepEqual(waiting.timeout('prevoteWait', 0), []);
      assert.equal(waiting.core.step, 'prevote');
    });

    it('starts each vote timer anew in the next round and height', () => {
      const prevotes = bench().start();
      prevotes.timeout('propose', 0);
      prevotes.prevotes(0, 'A', [0]);
      assert.deepEqual(prevotes.prevotes(0, 'B', [1]), ['schedule prevoteWait r0 200ms']);
      prevotes.precommits(1, 'nil', [0, 1]);
      prevotes.timeout('propose', 1);
      prevotes.prevotes(1, 'A', [0]);
      assert.deepEqual(prevotes.prevotes(1, 'B', [1]), ['schedule prevoteWait r1 400ms']);
      const b = bench().start();
      assert.deepEqual(b.precommits(0, 'nil', [0, 1, 2]), ['schedule precommitWait r0 200ms']);
      b.timeout('precommitWait', 0);
      assert.deepEqual(b.timeout('precommitWait', 0), []);
      assert.deepEqual(b.precommits(1, 'nil', [0, 1, 2]), ['schedule precommitWait r1 400ms']);
      b.decidedBlock('A', 0, [0, 1, 2]);
      b.newHeight({}, 3);
      b.timeout('newHeight', 0, 3);
      assert.deepEqual(b.precommits(0, 'nil', [0, 1, 2], 3), ['schedule precommitWait r0 200ms']);
    });
  });

  describe('lock-rule-unmixed', () => {
    it('a precommit of mine that comes back late does not take the lock back', () => {
      const b = bench({ answerSign: false }).start();
      b.propose(0, 'A');
      b.prevotes(0, 'A', [0, 1, 2]);
      b.precommits(1, 'nil', [0, 1]);
      b.propose(1, 'B');
      b.prevotes(1, 'B', [0, 1, 2]);
      b.precommits(0, 'A', [3]);
      assert.match(b.summary, /locked=B@1/);
    });

    it('a lock is replaced by a later polka only: not by nil, an unknown block, a timer or a new round', () => {
      const b = lockedOnA(bench());
      b.timeout('propose', 1);
      b.prevotes(1, 'nil', [0, 1]);
      b.precommits(1, 'nil', [0, 1]);
      b.timeout('precommitWait', 1);
      b.timeout('propose', 2);
      b.prevotes(2, 'B', [0, 1, 2]);
      b.timeout('prevoteWait', 2);
      assert.match(b.summary, /^2\/2\/precommit locked=A@0/);
      b.block('B');
      assert.match(b.summary, /locked=A@0 valid=B@2/);
    });
  });
});
