import assert from 'node:assert/strict';
import { blockTime, isTooFarAhead, MAX_AHEAD_NS, voteTime } from '#consensus/block-time.ts';
import { untilDueMs } from '#consensus/pace.ts';
import { DEFAULT_TIMEOUTS, timeoutMs } from '#consensus/timeouts.ts';
import { EMPTY_COMMIT } from '#types/commit.ts';
import { Bench, idOf, MS, makeCommit, makeValidators, START } from './bench.ts';

const validators = makeValidators([1n, 1n, 1n, 1n]);

describe('block time', () => {
  const context = { height: 2, initialHeight: 1, lastBlockTime: START, lastValidators: validators };
  const commitAt = (times: readonly bigint[]) => {
    const commit = makeCommit(validators, { height: 1, round: 0, blockId: idOf('A') }, [...times.keys()]);
    const signatures = commit.signatures.map((entry, i) => ({ ...entry, timestamp: times[i] ?? entry.timestamp }));
    return { ...commit, signatures };
  };

  it('is genesis time at the initial height', () => {
    const first = { height: 1, initialHeight: 1, lastBlockTime: START, lastValidators: undefined };
    assert.equal(blockTime(first, EMPTY_COMMIT), START);
    assert.equal(blockTime({ ...first, height: 7, initialHeight: 7 }, EMPTY_COMMIT), START);
  });

  it('median-time-rule: the first commit-flag vote whose cumulative power reaches half, rounded up', () => {
    assert.equal(blockTime(context, commitAt([5n, 7n, 9n, 11n].map((t) => START + t * MS))), START + 7n * MS);
    assert.equal(blockTime(context, commitAt([9n, 5n, 7n].map((t) => START + t * MS))), START + 7n * MS);
  });

  it('is at least previous + 1 ms', () => {
    assert.equal(blockTime(context, commitAt([START, START, START])), START + MS);
    assert.equal(blockTime(context, commitAt([START - 5n, START - 3n, START])), START + MS);
  });
});

describe('vote time', () => {
  it('is now, or 1 ms after the block that the vote follows', () => {
    assert.equal(voteTime(START, undefined), START);
    assert.equal(voteTime(START + 2n * MS, START), START + 2n * MS);
    assert.equal(voteTime(START, START), START + MS);
    assert.equal(voteTime(START - 5n, START), START + MS);
  });

  it('follows the block voted on, and for nil the locked one', () => {
    const b = new Bench({ answerSign: false }).start();
    const timeOf = (): bigint | undefined => {
      const sign = b.effects
        .at(-1)
        ?.concat(...b.effects.slice(-2))
        .find(({ kind }) => kind === 'sign');
      return sign?.kind === 'sign'
        ? sign.message.kind === 'vote'
          ? sign.message.vote.timestamp
          : undefined
        : undefined;
    };
    b.proposal(0, 'A');
    b.block('A', START + 30_000n * MS);
    assert.equal(timeOf(), START + 30_001n * MS);
    b.prevotes(0, 'A', [0, 1, 2]);
    assert.equal(timeOf(), START + 30_001n * MS);
    b.precommits(1, 'nil', [0, 1]);
    b.timeout('propose', 1);
    assert.equal(timeOf(), START + 30_001n * MS);
  });
});

describe('clock guard', () => {
  it('refuses more than 60 s ahead, save previous + 1 ms', () => {
    assert.equal(isTooFarAhead(START + MAX_AHEAD_NS, START, START), false);
    assert.equal(isTooFarAhead(START + MAX_AHEAD_NS + 1n, START, START), true);
    const ahead = START + 10n * MAX_AHEAD_NS;
    assert.equal(isTooFarAhead(ahead + MS, ahead, START), false);
    assert.equal(isTooFarAhead(ahead + MS + 1n, ahead, START), true);
    assert.equal(isTooFarAhead(START - 10n * MAX_AHEAD_NS, START, START), false);
  });
});

describe('pace', () => {
  const context = { ...new Bench().context(5), blockIntervalMinMs: 250, emptyBlockIntervalMs: 5000 };

  it('is the minimum interval with work, the empty one without, from the decision on', () => {
    assert.equal(untilDueMs(context, START, START, true), 250);
    assert.equal(untilDueMs(context, START, START, false), 5000);
    assert.equal(untilDueMs(context, START, START + 100n * MS, true), 150);
    assert.equal(untilDueMs(context, START, START + 249n * MS + 1n, true), 1);
    assert.equal(untilDueMs(context, START, START + 250n * MS, true), 0);
    assert.equal(untilDueMs(context, START, START + 9000n * MS, false), 0);
  });

  it('with an empty interval of 0 is the minimum interval', () => {
    assert.equal(untilDueMs({ ...context, emptyBlockIntervalMs: 0 }, START, START, false), 250);
    assert.equal(untilDueMs({ ...context, emptyBlockIntervalMs: 0, blockIntervalMinMs: 0 }, START, START, false), 0);
  });

  it('loses one interval at most to a clock that was set back', () => {
    assert.equal(untilDueMs(context, START, START - 3_600_000n * MS, true), 250);
  });

  it('waits for genesis time at the initial height, in slices that a timer can hold', () => {
    const first = { ...context, height: 1, initialHeight: 1, lastBlockTime: START };
    assert.equal(untilDueMs(first, START, START - 1500n * MS, false), 1500);
    assert.equal(untilDueMs(first, START, START - 90n * 86_400_000n * MS, false), 3_600_000);
    assert.equal(untilDueMs(first, START, START, false), 0);
  });
});

describe('timeouts', () => {
  it('grow by a fixed step and are capped', () => {
    const all = (step: 'propose' | 'prevoteWait' | 'precommitWait') =>
      [0, 1, 2, 9, 17, 18, 1000].map((round) => timeoutMs(DEFAULT_TIMEOUTS, step, round));
    assert.deepEqual(all('propose'), [600, 850, 1100, 2850, 4850, 5000, 5000]);
    assert.deepEqual(all('prevoteWait'), [200, 400, 600, 2000, 2000, 2000, 2000]);
    assert.deepEqual(all('precommitWait'), all('prevoteWait'));
  });
});
