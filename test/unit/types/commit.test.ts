import assert from 'node:assert/strict';
import { InlineVerifier, type Verifier } from '#crypto/verifier.ts';
import { equalBlockIds, NIL_BLOCK_ID } from '#types/block-id.ts';
import {
  ABSENT_COMMIT_SIG,
  type Commit,
  type CommitSig,
  decodeCommit,
  EMPTY_COMMIT,
  encodeCommit,
  FLAG_ABSENT,
  FLAG_COMMIT,
  FLAG_NIL,
  hashCommit,
  medianTime,
} from '#types/commit.ts';
import { verifyCommit, verifyCommitLight, verifyCommitLightTrusting } from '#types/commit-verification.ts';
import { hasOneThird, hasTwoThirds } from '#types/quorum.ts';
import type { ValidatorSet } from '#types/validator-set.ts';
import { toHex } from '#util/bytes.ts';
import { CHAIN_ID, makeBlockId, makeCommit, makeValidators, NOW } from './fixtures.ts';

const verifier = new InlineVerifier();
const blockId = makeBlockId(7);
const [A, C, N] = [FLAG_ABSENT, FLAG_COMMIT, FLAG_NIL] as const;

describe('quorum', () => {
  it('is more than two thirds, and more than one third', () => {
    for (const [power, total, two, one] of [
      [2n, 3n, false, true],
      [3n, 3n, true, true],
      [3n, 4n, true, true],
      [1n, 3n, false, false],
      [2n, 4n, false, true],
      [66n, 100n, false, true],
      [67n, 100n, true, true],
      [33n, 100n, false, false],
      [34n, 100n, false, true],
      [0n, 0n, false, false],
    ] as const) {
      assert.equal(hasTwoThirds(power, total), two, `${power} of ${total}`);
      assert.equal(hasOneThird(power, total), one, `${power} of ${total}`);
      // CometBFT's spelling of the same rule.
      assert.equal(power > (total * 2n) / 3n, two);
    }
  });
});

describe('commit', () => {
  it("the empty one is the first block's", () => {
    assert.equal(toHex(encodeCommit(EMPTY_COMMIT)), '1a021200');
    assert.equal(toHex(hashCommit(EMPTY_COMMIT)), 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
    assert.equal(decodeCommit(encodeCommit(EMPTY_COMMIT)), EMPTY_COMMIT);
    assert.ok(equalBlockIds(EMPTY_COMMIT.blockId, NIL_BLOCK_ID));
  });

  it("absent entries are Go's bytes", () => {
    const commit: Commit = { height: 1, round: 0, blockId, signatures: [ABSENT_COMMIT_SIG] };
    assert.ok(toHex(encodeCommit(commit)).endsWith('220f08011a0b088092b8c398feffffff01'));
  });
});

describe('median-time-rule (design section 4)', () => {
  /** Powers, flags and times in milliseconds after NOW, in the set's order; the expected time. */
  const vectors: [name: string, powers: bigint[], flags: (1 | 2 | 3)[], times: number[], expected: number][] = [
    ['one validator', [5n], [C], [7], 7],
    ['equal powers, odd count: the middle', [1n, 1n, 1n], [C, C, C], [30, 10, 20], 20],
    [
      'equal powers, even count: half is enough, so the lower middle',
      [1n, 1n, 1n, 1n],
      [C, C, C, C],
      [40, 10, 30, 20],
      20,
    ],
    ['half of an odd total is rounded up: 2 of 3', [2n, 1n], [C, C], [20, 10], 20],
    ['exactly half, by the first', [3n, 2n, 1n], [C, C, C], [10, 20, 30], 10],
    ['just below half, by the first', [5n, 4n, 2n], [C, C, C], [10, 20, 30], 20],
    ['nil votes are not weighed', [9n, 1n, 1n, 1n], [N, C, C, C], [1, 10, 20, 30], 20],
    ['absent ones are not weighed', [9n, 1n, 1n, 1n], [A, C, C, C], [1, 10, 20, 30], 20],
    ['a heavy one decides', [10n, 1n, 1n], [C, C, C], [99, 1, 2], 99],
    ['equal times', [1n, 1n, 1n], [C, C, C], [5, 5, 5], 5],
    [
      'a third of liars cannot move it out of the honest range',
      [3n, 3n, 3n, 1n],
      [C, C, C, C],
      [10, 11, 999_999, 12],
      11,
    ],
  ];
  for (const [name, powers, flags, times, expected] of vectors) {
    it(name, () => {
      const keyed = makeValidators(powers);
      // Equal powers are ordered by address; flags and times are given in the set's order.
      const commit = makeCommit(
        keyed,
        3,
        blockId,
        flags,
        times.map((ms) => NOW + BigInt(ms) * 1_000_000n),
      );
      assert.equal(medianTime(commit, keyed.validators), NOW + BigInt(expected) * 1_000_000n);
    });
  }

  it('works before 1678 and after 2262, where int64 nanoseconds end', () => {
    const keyed = makeValidators([1n, 1n, 1n]);
    const times = [-(2n ** 65n), 2n ** 64n, -(2n ** 64n)];
    assert.equal(medianTime(makeCommit(keyed, 3, blockId, [N, C, N], times), keyed.validators), 2n ** 64n);
  });

  it('commit-sig-address-bound: the power is that of the place, and the address must fit', () => {
    const keyed = makeValidators([9n, 1n, 1n]);
    const commit = makeCommit(keyed, 3, blockId);
    const swapped = {
      ...commit,
      signatures: [commit.signatures[1], commit.signatures[0], commit.signatures[2]] as CommitSig[],
    };
    assert.throws(() => medianTime(swapped, keyed.validators), { code: 'bad_commit' });
    assert.throws(() => medianTime(commit, makeValidators([9n, 1n, 1n], 5).validators), { code: 'bad_commit' });
    assert.throws(() => medianTime({ ...commit, signatures: commit.signatures.slice(1) }, keyed.validators), {
      code: 'bad_commit',
    });
    assert.throws(() => medianTime(makeCommit(keyed, 3, blockId, [N, N, A]), keyed.validators), { code: 'bad_commit' });
  });
});

describe('commit verification', () => {
  const keyed = makeValidators([5n, 4n, 3n, 2n]);
  const { validators } = keyed;
  const verify = (commit: Commit, set: ValidatorSet = validators, by: Verifier = verifier): Promise<void> =>
    verifyCommit(by, CHAIN_ID, set, blockId, 3, commit);

  it('accepts more than two thirds, and nil and absent beside it', async () => {
    await verify(makeCommit(keyed, 3, blockId));
    await verify(makeCommit(keyed, 3, blockId, [C, C, A, C]));
    await verify(makeCommit(keyed, 3, blockId, [C, N, C, C])); // 10 of 14
    await assert.rejects(verify(makeCommit(keyed, 3, blockId, [C, C, N, A])), { code: 'not_enough_power' }); // 9 of 14
  });

  it('does not ask the verifier when powers are not enough', async () => {
    let asked = 0;
    const counting: Verifier = {
      verify: async (items) => {
        asked += items.length;
        return items.map(() => true);
      },
    };
    await assert.rejects(verify(makeCommit(keyed, 3, blockId, [C, A, A, A]), validators, counting), {
      code: 'not_enough_power',
    });
    assert.equal(asked, 0);
  });

  it('commit-foreign-signatures, evidence-all-signatures: one bad signature anywhere, also for nil, refuses all', async () => {
    const commit = makeCommit(keyed, 3, blockId, [C, C, C, N]);
    await verify(commit);
    for (let index = 0; index < 4; index++) {
      const signatures = commit.signatures.map((sig, i) =>
        i === index ? { ...sig, signature: new Uint8Array(64) } : sig,
      );
      await assert.rejects(verify({ ...commit, signatures }), {
        code: 'bad_signature',
        message: new RegExp(`entry ${index} `),
      });
    }
    // A signature for another block, passed off as one for this block.
    const other = makeCommit(keyed, 3, makeBlockId(8));
    const foreign = { ...commit, signatures: commit.signatures.with(3, other.signatures[3] as CommitSig) };
    await assert.rejects(verify(foreign), { code: 'bad_signature' });
  });

  it('commit-sig-address-bound: every altered field of every entry is refused', async () => {
    const commit = makeCommit(keyed, 3, blockId, [C, C, C, N]);
    for (const [index, sig] of commit.signatures.entries()) {
      const neighbour = commit.signatures[(index + 1) % 4] as CommitSig;
      const changed: CommitSig[] = [
        { ...sig, validatorAddress: neighbour.validatorAddress },
        { ...sig, validatorAddress: new Uint8Array(20) },
        { ...sig, timestamp: sig.timestamp + 1n },
        { ...sig, flag: sig.flag === C ? N : C },
        { ...sig, signature: neighbour.signature },
        neighbour,
      ];
      for (const entry of changed) {
        await assert.rejects(verify({ ...commit, signatures: commit.signatures.with(index, entry) }), {
          name: 'BizraError',
        });
      }
    }
  });

  it('refuses another size, height, round, block, chain and set', async () => {
    const commit = makeCommit(keyed, 3, blockId);
    await assert.rejects(verify({ ...commit, signatures: commit.signatures.slice(1) }), { code: 'bad_commit' });
    await assert.rejects(verify({ ...commit, height: 4 }), { code: 'bad_commit' });
    await assert.rejects(verify({ ...commit, round: 2 }), { code: 'bad_signature' });
    await assert.rejects(verify({ ...commit, blockId: makeBlockId(8) }), { code: 'bad_commit' });
    await assert.rejects(verify(EMPTY_COMMIT), { code: 'bad_commit' });
    await assert.rejects(verifyCommit(verifier, 'other', validators, blockId, 3, commit), { code: 'bad_signature' });
    await assert.rejects(verify(commit, makeValidators([5n, 4n, 3n, 2n], 9).validators), { code: 'bad_commit' });
  });

  it('a verifier that answers too little is not taken for a yes', async () => {
    const lazy: Verifier = { verify: async () => [] };
    await assert.rejects(verify(makeCommit(keyed, 3, blockId), validators, lazy), { code: 'bad_signature' });
  });

  it('light: stops at two thirds and ignores the rest', async () => {
    const commit = makeCommit(keyed, 3, blockId, [C, C, C, C]);
    const junk = {
      ...commit,
      signatures: commit.signatures.with(3, { ...(commit.signatures[3] as CommitSig), signature: new Uint8Array(64) }),
    };
    await verifyCommitLight(verifier, CHAIN_ID, validators, blockId, 3, junk);
    const early = {
      ...commit,
      signatures: commit.signatures.with(0, { ...(commit.signatures[0] as CommitSig), signature: new Uint8Array(64) }),
    };
    await assert.rejects(verifyCommitLight(verifier, CHAIN_ID, validators, blockId, 3, early), {
      code: 'bad_signature',
    });
    const few = makeCommit(keyed, 3, blockId, [C, C, N, A]);
    await assert.rejects(verifyCommitLight(verifier, CHAIN_ID, validators, blockId, 3, few), {
      code: 'not_enough_power',
    });
  });

  it('light, trusting: more than a third of an older set, each once, whatever their place', async () => {
    const commit = makeCommit(keyed, 3, blockId, [C, C, C, A]);
    const trusting = (set: ValidatorSet, value: Commit = commit, numerator = 1n, denominator = 3n): Promise<void> =>
      verifyCommitLightTrusting(verifier, CHAIN_ID, set, value, { numerator, denominator });
    await trusting(validators);
    await trusting(validators, commit, 2n, 3n);
    await assert.rejects(trusting(validators, commit, 9n, 10n), { code: 'not_enough_power' });
    const mostlyOthers = validators.withUpdates([
      {
        pubKey: (makeValidators([1n], 3).validators.get(0) as { pubKey: { type: 'ed25519'; bytes: Uint8Array } })
          .pubKey,
        power: 100n,
      },
    ]);
    await assert.rejects(trusting(mostlyOthers), { code: 'not_enough_power' });
    await assert.rejects(trusting(makeValidators([1n, 1n], 4).validators), { code: 'not_enough_power' });
    const doubled = { ...commit, signatures: [commit.signatures[2], commit.signatures[2]] as CommitSig[] };
    await assert.rejects(trusting(mostlyOthers, doubled), { code: 'bad_commit' });
    for (const [numerator, denominator] of [
      [1n, 4n],
      [4n, 3n],
      [1n, 0n],
      [-1n, 3n],
    ] as const) {
      await assert.rejects(trusting(validators, commit, numerator, denominator), { code: 'bad_commit' });
    }
  });
});
