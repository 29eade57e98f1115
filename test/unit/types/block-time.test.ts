import assert from 'node:assert/strict';
import { blockTime } from '#consensus/block-time.ts';
import { type BlockIdFlag, FLAG_ABSENT, FLAG_COMMIT, FLAG_NIL } from '#types/commit.ts';
import { MAX_TOTAL_VOTING_POWER } from '#types/limits.ts';
import { ZERO_TIME } from '#types/time.ts';
import { makeBlockId, makeCommit, makeValidators, NOW } from './fixtures.ts';

const MS = 1_000_000n;
const [A, C, N] = [FLAG_ABSENT, FLAG_COMMIT, FLAG_NIL] as const;
const HUGE = MAX_TOTAL_VOTING_POWER;
/** Ends of what a timestamp can say, in nanoseconds after NOW. */
const YEAR_1 = ZERO_TIME - NOW;
const YEAR_9999 = 253_402_300_799_999_999_999n - NOW;

/** Times are nanoseconds after the previous block's; powers descend, as in a set. */
interface Vector {
  readonly name: string;
  readonly powers: readonly bigint[];
  readonly flags: readonly BlockIdFlag[];
  readonly times: readonly bigint[];
  readonly expected: bigint;
}

const VECTORS: readonly Vector[] = [
  { name: 'a single validator', powers: [1n], flags: [C], times: [9n * MS], expected: 9n * MS },
  {
    name: 'a single validator with all the power there can be',
    powers: [HUGE],
    flags: [C],
    times: [9n * MS],
    expected: 9n * MS,
  },
  {
    name: 'ties: equal times are one',
    powers: [1n, 1n, 1n, 1n],
    flags: [C, C, C, C],
    times: [5n * MS, 5n * MS, 5n * MS, 9n * MS],
    expected: 5n * MS,
  },
  {
    name: 'ties: two times of equal power, the earlier',
    powers: [2n, 2n, 2n, 2n],
    flags: [C, C, C, C],
    times: [7n * MS, 7n * MS, 5n * MS, 5n * MS],
    expected: 5n * MS,
  },
  {
    name: 'ties: half exactly, to the nanosecond',
    powers: [3n, 2n, 1n],
    flags: [C, C, C],
    times: [5n * MS + 1n, 5n * MS, 5n * MS + 2n],
    expected: 5n * MS + 1n,
  },
  {
    name: 'an odd total is rounded up',
    powers: [3n, 2n, 2n],
    flags: [C, C, C],
    times: [5n * MS, 6n * MS, 7n * MS],
    expected: 6n * MS,
  },
  {
    name: 'nil votes do not count, early',
    powers: [4n, 3n, 3n, 3n],
    flags: [N, C, C, C],
    times: [2n * MS, 5n * MS, 6n * MS, 7n * MS],
    expected: 6n * MS,
  },
  {
    name: 'nil votes do not count, late',
    powers: [4n, 3n, 3n, 3n],
    flags: [N, C, C, C],
    times: [99n * MS, 5n * MS, 6n * MS, 7n * MS],
    expected: 6n * MS,
  },
  {
    name: 'absent ones do not count',
    powers: [4n, 4n, 4n, 3n],
    flags: [C, C, C, A],
    times: [5n * MS, 6n * MS, 7n * MS, 1n],
    expected: 6n * MS,
  },
  {
    name: 'a third of liars, low',
    powers: [3n, 3n, 3n],
    flags: [C, C, C],
    times: [YEAR_1, 6n * MS, 7n * MS],
    expected: 6n * MS,
  },
  {
    name: 'a third of liars, high',
    powers: [3n, 3n, 3n],
    flags: [C, C, C],
    times: [5n * MS, 6n * MS, YEAR_9999],
    expected: 6n * MS,
  },
  {
    name: 'liars on both sides',
    powers: [3n, 3n, 2n, 2n],
    flags: [C, C, C, C],
    times: [5n * MS, 6n * MS, YEAR_1, YEAR_9999],
    expected: 5n * MS,
  },
  {
    name: 'liars below 1/3 when an honest one is absent: still an honest time',
    powers: [34n, 33n, 33n],
    flags: [C, A, C],
    times: [5n * MS, 0n, YEAR_9999],
    expected: 5n * MS,
  },
  {
    name: 'fast blocks: the median is the previous time',
    powers: [1n, 1n, 1n],
    flags: [C, C, C],
    times: [0n, 0n, 0n],
    expected: MS,
  },
  {
    name: 'fast blocks: the median is half a millisecond on',
    powers: [1n, 1n, 1n],
    flags: [C, C, C],
    times: [0n, MS / 2n, MS],
    expected: MS,
  },
  { name: 'fast blocks: one nanosecond short', powers: [1n], flags: [C], times: [MS - 1n], expected: MS },
  { name: 'fast blocks: exactly the step', powers: [1n], flags: [C], times: [MS], expected: MS },
  { name: 'fast blocks: one nanosecond more', powers: [1n], flags: [C], times: [MS + 1n], expected: MS + 1n },
  {
    name: 'time never goes back',
    powers: [3n, 2n, 2n],
    flags: [C, C, C],
    times: [YEAR_1, YEAR_1, YEAR_1],
    expected: MS,
  },
  {
    name: 'huge powers: no rounding',
    powers: [HUGE / 2n + 1n, HUGE / 2n],
    flags: [C, C],
    times: [8n * MS, 5n * MS],
    expected: 8n * MS,
  },
  {
    name: 'huge powers: one vote less than half',
    powers: [HUGE / 2n, HUGE / 2n - 1n, 2n],
    flags: [C, C, C],
    times: [8n * MS, 5n * MS, 9n * MS],
    expected: 8n * MS,
  },
  {
    name: 'a hundred equal ones: the lower middle',
    powers: Array.from({ length: 100 }, () => 10n),
    flags: Array.from({ length: 100 }, () => C),
    times: Array.from({ length: 100 }, (_, i) => BigInt((i * 37) % 100) * MS + 2n * MS),
    expected: 51n * MS,
  },
];

describe('block time: weighted median of the commit, previous + 1 ms at least', () => {
  for (const { name, powers, flags, times, expected } of VECTORS)
    it(name, () => {
      const keyed = makeValidators(powers);
      assert.deepEqual(
        keyed.validators.validators.map(({ votingPower }) => votingPower),
        powers,
        'the table has the order of the set',
      );
      const commit = makeCommit(
        keyed,
        7,
        makeBlockId(1),
        flags,
        times.map((time) => NOW + time),
      );
      const context = { height: 8, initialHeight: 1, lastBlockTime: NOW, lastValidators: keyed.validators };
      assert.equal(blockTime(context, commit) - NOW, expected);
    });
});
