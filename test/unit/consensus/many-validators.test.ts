import assert from 'node:assert/strict';
import { Consensus } from '#consensus/consensus.ts';
import type { Input } from '#consensus/input.ts';
import { NIL_BLOCK_ID } from '#types/block-id.ts';
import type { ValidatorSet } from '#types/validator-set.ts';
import { PRECOMMIT, PREVOTE, type VoteType } from '#types/vote.ts';
import { Bench, makeCommit, makeValidators, makeVote, START } from './bench.ts';

/** Looks at single validators: what a scan over all of them would do once for each. */
class CountedSet {
  looks = 0;
  readonly validators: ValidatorSet;

  constructor(set: ValidatorSet) {
    this.validators = new Proxy(set, {
      get: (target, name) => {
        const value = Reflect.get(target, name) as unknown;
        if (name === 'validators') this.looks += target.size;
        if (name !== 'get' || typeof value !== 'function')
          return typeof value === 'function' ? value.bind(target) : value;
        return (index: number) => {
          this.looks++;
          return target.get(index);
        };
      },
    });
  }
}

/** Looks a vote, when every validator's votes of one type arrive in a round. */
function looksPerVote(size: number, round: number, types: readonly VoteType[]): number {
  const plain = makeValidators(Array.from({ length: size }, (_, i) => BigInt(1000 - i)));
  const counted = new CountedSet(plain);
  const core = new Consensus({ address: plain.get(size - 1)?.address });
  const lastCommit = makeCommit(plain, { height: 1, round: 0, blockId: new Bench().id('P') }, [...Array(size).keys()]);
  const { validators } = counted;
  const context = { ...new Bench().context(2), validators, nextValidators: plain, lastValidators: plain, lastCommit };
  core.handle({ kind: 'newHeight', now: START, context });
  core.handle({ kind: 'timeout', now: START, height: 2, round: 0, step: 'newHeight' });
  const inputs = types.flatMap((type) =>
    Array.from({ length: size - 1 }, (_, index): Input => {
      const vote = makeVote(plain, index, { type, height: 2, round, blockId: NIL_BLOCK_ID });
      return { kind: 'vote', now: START, vote };
    }),
  );
  counted.looks = 0;
  for (const input of inputs) core.handle(input);
  return counted.looks / inputs.length;
}

describe('hundreds of validators', () => {
  for (const [what, round, types] of [
    ['votes of this round', 0, [PREVOTE, PRECOMMIT]],
    ['votes of a round ahead, which is skipped to', 7, [PREVOTE, PRECOMMIT]],
  ] as const)
    it(`${what}: each costs the same, however many there are`, () => {
      const [few, some, many] = [50, 100, 250].map((size) => looksPerVote(size, round, types)) as [
        number,
        number,
        number,
      ];
      assert.ok(few > 0 && few < 20, `${few} looks a vote`);
      assert.ok(some < few * 1.2 && many < few * 1.2, `${few}, ${some}, ${many} looks a vote`);
    });
});
