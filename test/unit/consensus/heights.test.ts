import assert from 'node:assert/strict';
import { PREVOTE } from '#types/vote.ts';
import { AssertionError } from '#util/assert.ts';
import { flags, MS, makeVote, START, useBenches } from './bench.ts';

describe('from height to height', () => {
  const bench = useBenches();

  describe('the pause before round 0', () => {
    const paced = { blockIntervalMinMs: 250, emptyBlockIntervalMs: 5000, proofBlockDue: false };

    it('is the empty interval, or the minimum one as soon as there is work', () => {
      const b = bench();
      assert.deepEqual(b.newHeight(paced), ['schedule newHeight r0 5000ms']);
      b.now += 100n * MS;
      assert.deepEqual(b.work(), ['schedule newHeight r0 150ms']);
      assert.deepEqual(b.work(), []);
      b.now += 150n * MS;
      assert.deepEqual(b.timeout('newHeight', 0), ['schedule propose r0 600ms']);
      assert.deepEqual(b.work(), []);
    });

    it('ends at once when work comes after the minimum interval', () => {
      const b = bench();
      b.newHeight(paced);
      b.now += 3000n * MS;
      assert.deepEqual(b.work(), ['schedule newHeight r0 0ms']);
    });

    it('is the minimum interval when a proof block is due', () => {
      assert.deepEqual(bench().newHeight({ ...paced, proofBlockDue: true }), ['schedule newHeight r0 250ms']);
    });

    it('counts from the decision of the height before, not from its application', () => {
      const b = bench().start();
      b.decidedBlock('A', 0, [0, 1, 2]);
      b.now += 180n * MS;
      assert.deepEqual(b.newHeight({ ...paced, proofBlockDue: true }, 3), ['schedule newHeight r0 70ms']);
    });

    it('counts from the decision of each height anew', () => {
      const b = bench().start();
      b.decidedBlock('A', 0, [0, 1, 2]);
      b.now += 1000n * MS;
      b.newHeight(paced, 3);
      b.decidedBlock('B', 0, [0, 1, 2], 3);
      b.now += 100n * MS;
      assert.deepEqual(b.newHeight({ ...paced, proofBlockDue: true }, 4), ['schedule newHeight r0 150ms']);
    });

    it('ends when the proposal of round 0 arrives', () => {
      const b = bench();
      b.newHeight(paced);
      assert.deepEqual(b.proposal(0, 'A'), ['schedule propose r0 600ms', 'request A r0']);
      assert.deepEqual(b.block('A'), ['publish prevote r0 A']);
      assert.deepEqual(b.timeout('newHeight', 0), []);
    });

    it('does not end for the proposal of a later round, which is held', () => {
      const b = bench();
      b.newHeight(paced);
      b.proposal(2, 'A');
      assert.equal(b.core.step, 'newHeight');
      b.prevotes(2, 'nil', [0, 1]);
      assert.deepEqual(b.block('A'), ['publish prevote r2 A', 'schedule prevoteWait r2 600ms']);
    });

    it('lasts until genesis time at the initial height, whatever arrives or fires', () => {
      const b = bench({ height: 1 });
      b.now = START - 2_000n * MS;
      assert.deepEqual(b.newHeight(), ['schedule newHeight r0 2000ms']);
      b.now += 500n * MS;
      assert.deepEqual(b.timeout('newHeight', 0), ['schedule newHeight r0 1500ms']);
      b.proposal(0, 'A');
      assert.equal(b.core.step, 'newHeight');
      b.now = START;
      assert.deepEqual(b.timeout('newHeight', 0), ['schedule propose r0 600ms', 'request A r0']);
    });
  });

  describe('the first block', () => {
    it('is built on an empty commit at genesis time', () => {
      const b = bench({ height: 1, me: 0 }).start();
      const build = b.effects.flat().find((effect) => effect.kind === 'buildBlock');
      assert.ok(build?.kind === 'buildBlock');
      assert.deepEqual([build.height, build.time, build.lastCommit.signatures.length], [1, START, 0]);
    });
  });

  describe('the last commit', () => {
    function builtOn(b: ReturnType<typeof bench>): string {
      const build = b.effects.flat().findLast((effect) => effect.kind === 'buildBlock');
      assert.ok(build?.kind === 'buildBlock');
      return flags(build.lastCommit);
    }
    const blockId = (b: ReturnType<typeof bench>) => b.id('P');

    function withLastCommit(signers: string) {
      const b = bench({ me: 0 });
      const context = b.context(2);
      const signatures = context.lastCommit?.signatures.map((entry, index) =>
        signers[index] === 'C'
          ? entry
          : {
              flag: 1 as const,
              validatorAddress: new Uint8Array(),
              timestamp: -62_135_596_800_000_000_000n,
              signature: new Uint8Array(),
            },
      );
      assert.ok(context.lastCommit && signatures);
      b.newHeight({ lastCommit: { ...context.lastCommit, signatures, blockId: blockId(b) } });
      return b;
    }

    it('takes late precommits until the proposal is built', () => {
      const b = withLastCommit('CCC-');
      b.precommits(0, 'P', [3], 1);
      b.timeout('newHeight', 0);
      assert.equal(builtOn(b), 'CCCC');
    });

    it('takes nil as nil, leaves out other blocks, rounds and types (commit-foreign-signatures)', () => {
      const nil = withLastCommit('CCC-');
      nil.precommits(0, 'nil', [3], 1);
      nil.timeout('newHeight', 0);
      assert.equal(builtOn(nil), 'CCCN');
      const others = withLastCommit('CCC-');
      others.precommits(0, 'X', [3], 1);
      others.precommits(1, 'P', [3], 1);
      others.prevotes(0, 'P', [3], 1);
      others.timeout('newHeight', 0);
      assert.equal(builtOn(others), 'CCC-');
    });

    it('takes the precommits that arrived while the block was applied', () => {
      const b = bench({ me: 1 }).start();
      b.propose(0, 'A');
      b.prevotes(0, 'A', [0, 2]);
      b.precommits(0, 'A', [0, 2]);
      assert.equal(b.core.step, 'commit');
      assert.deepEqual(b.precommits(0, 'A', [3]), []);
      const decided = b.core.decided;
      assert.equal(flags(decided!.commit), 'CCC-');
      assert.deepEqual(b.newHeight({ lastCommit: decided!.commit }, 3), ['schedule newHeight r0 0ms', 'redeliver 1']);
      assert.equal(flags(b.core.lastCommit()!), 'CCCC');
      assert.deepEqual([...b.core.voteBitmap(2, 0, 2)!], [0b1111]);
      assert.equal(b.core.votes(2, 0, 2).length, 4);
    });

    it('has nil precommits where the commit that decided has them', () => {
      const b = bench({ me: 0 });
      const { lastCommit } = b.context(2);
      assert.ok(lastCommit);
      const signatures = lastCommit.signatures.map((entry, index) => ({
        ...entry,
        flag: index === 2 ? 3 : entry.flag,
      }));
      b.newHeight({ lastCommit: { ...lastCommit, signatures } as typeof lastCommit });
      b.timeout('newHeight', 0);
      assert.equal(builtOn(b), 'CCNC');
    });

    it('takes my own precommit that was signed after the decision', () => {
      const b = bench({ me: 3, answerSign: false }).start();
      b.propose(0, 'A');
      assert.deepEqual(b.prevotes(0, 'A', [0, 1, 2]), ['sign precommit r0 A', 'execute A']);
      b.precommits(0, 'A', [0, 1, 2]);
      const { decided } = b.core;
      b.newHeight({ lastCommit: decided!.commit }, 3);
      const sign = b.effects.flat().findLast((effect) => effect.kind === 'sign');
      assert.ok(sign?.kind === 'sign' && sign.message.kind === 'vote');
      const vote = { ...sign.message.vote, signature: new Uint8Array(64) };
      const message = { kind: 'vote', vote } as const;
      assert.deepEqual(b.feed({ kind: 'signed', now: b.now, message }), ['publish precommit r0 A']);
      assert.equal(flags(b.core.lastCommit()!), 'CCCC');
    });
  });

  describe('messages of the next height', () => {
    it('are held while this one is decided and applied, and come back through the log', () => {
      const b = bench().start();
      b.proposal(0, 'N', -1, 3);
      b.block('N', b.now, 3);
      b.prevotes(0, 'N', [0, 1], 3);
      b.decidedBlock('A', 0, [0, 1, 2]);
      b.precommits(0, 'nil', [2], 3);
      assert.deepEqual(b.newHeight({}, 3), [
        'schedule newHeight r0 0ms',
        'redeliver 5',
        'schedule propose r0 600ms',
        'request N r0',
        'publish prevote r0 N',
        'execute N',
        'publish precommit r0 N',
      ]);
    });

    it('of a later height, or of a height that was skipped, are not', () => {
      const b = bench().start();
      b.prevotes(0, 'N', [0, 1], 4);
      b.proposal(0, 'N', -1, 4);
      b.prevotes(0, 'N', [0, 1], 3);
      b.decidedBlock('A', 0, [0, 1, 2]);
      assert.deepEqual(b.newHeight({}, 4), ['schedule newHeight r0 0ms']);
    });

    it('are bounded per validator: the highest rounds stay', () => {
      const b = bench().start();
      for (let round = 0; round < 100; round++) {
        b.prevotes(round, 'N', [0], 3);
        b.precommits(round, 'N', [0], 3);
        b.proposal(round, `N${round}`, -1, 3);
        b.block(`N${round}`, b.now, 3);
      }
      b.prevotes(1, 'N', [0], 3);
      b.prevotes(99, 'N', [0], 3);
      b.decidedBlock('A', 0, [0, 1, 2]);
      b.newHeight({}, 3);
      const inputs = b.effects.flat().flatMap((effect) => (effect.kind === 'redeliver' ? effect.inputs : []));
      const rounds = inputs.flatMap((input) => (input.kind === 'vote' ? [input.vote.round] : []));
      assert.deepEqual(rounds, [96, 96, 97, 97, 98, 98, 99, 99]);
      assert.equal(inputs.filter((input) => input.kind === 'proposal').length, 4);
      assert.equal(inputs.filter((input) => input.kind === 'block').length, 4);
    });

    it('of ever higher rounds are not taken from one validator for ever', () => {
      const b = bench().start();
      const wanted = (round: number, index: number): boolean =>
        b.core.wantsVote(makeVote(b.validators, index, { type: PREVOTE, height: 3, round, blockId: b.id('N') }));
      for (let round = 0; round < 300; round++) b.prevotes(round, 'N', [0], 3);
      assert.equal(wanted(300, 0), false);
      assert.equal(wanted(300, 1), true);
      b.decidedBlock('A', 0, [0, 1, 2]);
      b.newHeight({}, 3);
      assert.equal(wanted(300, 0), true);
    });

    it('keep blocks of held proposals only', () => {
      const b = bench().start();
      b.proposal(0, 'N', -1, 3);
      for (const name of ['X', 'Y', 'Z']) b.block(name, b.now, 3);
      b.decidedBlock('A', 0, [0, 1, 2]);
      assert.deepEqual(b.newHeight({}, 3).slice(0, 2), ['schedule newHeight r0 0ms', 'redeliver 1']);
    });

    it('keep nothing of strangers', () => {
      const b = bench().start();
      b.prevotes(0, 'N', [4, -1], 3);
      b.block('N', b.now, 3);
      b.decidedBlock('A', 0, [0, 1, 2]);
      assert.deepEqual(b.newHeight({}, 3), ['schedule newHeight r0 0ms']);
    });
  });

  describe('decided', () => {
    it('commits in any round, at this height only, once', () => {
      const b = bench().start();
      assert.deepEqual(b.decidedBlock('A', 0, [0, 1, 2], 3), []);
      assert.deepEqual(b.decidedBlock('A', 0, [0, 1, 2], 1), []);
      assert.deepEqual(b.decidedBlock('A', 9, [0, 1, 2]), ['commit A r9 CCC-']);
      assert.deepEqual(b.decidedBlock('A', 9, [0, 1, 2]), []);
    });

    it('commits in the pause too', () => {
      const b = bench();
      b.newHeight({ emptyBlockIntervalMs: 5000, proofBlockDue: false });
      assert.deepEqual(b.decidedBlock('A', 0, [0, 1, 2]), ['commit A r0 CCC-']);
    });

    it('needs block and commit of one height', () => {
      const b = bench().start();
      const { core } = b;
      b.decidedBlock('A', 0, [0, 1, 2]);
      const commit = core.decided!.commit;
      const other = bench().start();
      const block = core.decided!.block;
      const wrong = { ...block, header: { ...block.header, height: 3 } };
      assert.deepEqual(other.feed({ kind: 'decided', now: START, block: wrong, commit }), []);
      assert.deepEqual(other.feed({ kind: 'decided', now: START, block, commit: { ...commit, height: 3 } }), []);
    });
  });

  it('nothing happens before the first height, and heights only go up', () => {
    const b = bench();
    assert.deepEqual(b.timeout('newHeight', 0), []);
    assert.deepEqual(b.prevotes(0, 'A', [0]), []);
    assert.deepEqual([b.core.height, b.core.round, b.core.step], [0, -1, 'newHeight']);
    b.newHeight();
    assert.throws(() => b.core.handle({ kind: 'newHeight', now: START, context: b.context(2) }), AssertionError);
  });
});
