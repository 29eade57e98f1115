import assert from 'node:assert/strict';
import fc from 'fast-check';
import { generateEd25519 } from '#crypto/ed25519.ts';
import { sha256 } from '#crypto/hash.ts';
import { MAX_TOTAL_VOTING_POWER } from '#types/limits.ts';
import { center, rescale, rotate, type Seat } from '#types/proposer-priority.ts';
import { type PublicKey, type Validator, ValidatorSet, type ValidatorUpdate } from '#types/validator-set.ts';
import { equalBytes, toHex } from '#util/bytes.ts';

const KEYS: readonly PublicKey[] = Array.from({ length: 12 }, (_, i) => ({
  type: 'ed25519',
  bytes: generateEd25519(sha256(Uint8Array.of(i, 50))).publicKey,
}));
const key = (index: number): PublicKey => KEYS[index] as PublicKey;
const member = (index: number, votingPower: bigint) => ({ pubKey: key(index), votingPower });
const update = (index: number, power: bigint): ValidatorUpdate => ({ pubKey: key(index), power });
const badSet = { name: 'BizraError', code: 'bad_validator_set' };
const snapshot = (set: ValidatorSet): string =>
  set.validators.map((v) => `${toHex(v.address)} ${v.votingPower} ${v.proposerPriority}`).join('\n');

function priorityOf(set: ValidatorSet, index: number): bigint {
  return set.validators.find(({ pubKey }) => equalBytes(pubKey.bytes, key(index).bytes))?.proposerPriority ?? 99n;
}

describe('proposer priorities', () => {
  const seats = (...priorities: bigint[]): Seat[] =>
    priorities.map((proposerPriority, i) => ({
      address: Uint8Array.of(i),
      pubKey: key(i),
      votingPower: 1n,
      proposerPriority,
    }));
  const rescaled = (total: bigint, ...priorities: bigint[]): bigint[] => {
    const list = seats(...priorities);
    rescale(list, total);
    return list.map(({ proposerPriority }) => proposerPriority);
  };

  it('are divided by the rounded-up ratio to a window of twice the total, toward zero', () => {
    assert.deepEqual(rescaled(100n, 750n, -250n), [150n, -50n]);
    assert.deepEqual(rescaled(100n, 120n, -80n), [120n, -80n], 'exactly the window');
    assert.deepEqual(rescaled(100n, 121n, -80n), [60n, -40n], 'one more: halved, 60.5 toward zero');
    assert.deepEqual(rescaled(2n, 3n, -3n), [1n, -1n], '1.5 and -1.5 toward zero');
    assert.deepEqual(rescaled(1n, 2n ** 63n - 1n, -(2n ** 63n)), [1n, -2n], 'the difference stops at the end of int64');
  });

  it('are centered on an average that is rounded down', () => {
    const centered = (...priorities: bigint[]): bigint[] => {
      const list = seats(...priorities);
      center(list);
      return list.map(({ proposerPriority }) => proposerPriority);
    };
    assert.deepEqual(centered(1n, 2n), [0n, 1n], '1.5 is 1');
    assert.deepEqual(centered(-1n, -2n), [1n, 0n], '-1.5 is -2');
    assert.deepEqual(centered(-1n, 0n, 0n), [0n, 1n, 1n], '-1/3 is -1');
    assert.deepEqual(centered(-3n, 3n), [-3n, 3n]);
    // Of a set with a high sum, when its next turn is counted.
    const set = ValidatorSet.create([member(0, 10n), member(1, 10n)]);
    const raised = set.validators.map((validator, i) => ({ ...validator, proposerPriority: i === 0 ? 12n : 14n }));
    const next = ValidatorSet.restore(raised, set.proposer.address).incremented(1);
    assert.deepEqual(
      next.validators.map(({ proposerPriority }) => proposerPriority),
      [9n, -9n],
    );
  });

  it('among equals the smaller address proposes', () => {
    const list = seats(0n, 0n, 0n);
    assert.equal(rotate(list, 3n), 0);
    const turned = list.toReversed();
    for (const seat of turned) seat.proposerPriority = 0n;
    assert.equal(rotate(turned, 3n), 2);
  });

  it('stop at the ends of int64', () => {
    const list = seats(2n ** 63n - 1n, -(2n ** 63n));
    assert.equal(rotate(list, 2n), 0);
    assert.deepEqual(
      list.map(({ proposerPriority }) => proposerPriority),
      [2n ** 63n - 3n, -(2n ** 63n) + 1n],
    );
  });
});

describe('ValidatorSet', () => {
  it('is ordered by power, then address', () => {
    const set = ValidatorSet.create([member(0, 1n), member(1, 9n), member(2, 5n), member(3, 5n)]);
    assert.deepEqual(
      set.validators.map(({ votingPower }) => votingPower),
      [9n, 5n, 5n, 1n],
    );
    assert.ok(toHex((set.get(1) as Validator).address) < toHex((set.get(2) as Validator).address));
    assert.equal(set.totalPower, 20n);
    assert.equal(set.size, 4);
    for (const [i, { address }] of set.validators.entries()) assert.equal(set.indexOf(address), i);
    assert.equal(set.indexOf(new Uint8Array(20)), -1);
    for (const index of [-1, 4, 0.5, Number.NaN]) assert.equal(set.get(index), undefined);
  });

  it('shared-references: neither input nor output can change it', () => {
    const own: PublicKey = { type: 'ed25519', bytes: key(0).bytes.slice() };
    const set = ValidatorSet.create([{ pubKey: own, votingPower: 3n }, member(1, 3n)]);
    const before = [snapshot(set), toHex(set.hash()), toHex(set.encode())];
    own.bytes.fill(0);
    set.incremented(3);
    set.withUpdates([update(1, 77n), update(4, 5n)]);
    assert.throws(() => (set.validators as Validator[]).pop(), TypeError);
    assert.throws(() => {
      (set.validators[0] as { votingPower: bigint }).votingPower = 1n;
    }, TypeError);
    assert.deepEqual([snapshot(set), toHex(set.hash()), toHex(set.encode())], before);
  });

  it('gives everyone turns in proportion to power, and priorities sum to nearly zero', () => {
    let set = ValidatorSet.create([member(0, 4n), member(1, 5n), member(2, 3n)]);
    const turns = new Map<string, number>();
    for (let i = 0; i < 120; i++) {
      const name = toHex(set.proposer.address);
      turns.set(name, (turns.get(name) ?? 0) + 1);
      const sum = set.validators.reduce((total, { proposerPriority }) => total + proposerPriority, 0n);
      assert.ok(sum > -3n && sum < 3n);
      set = set.incremented(1);
    }
    assert.deepEqual(
      set.validators.map(({ address }) => turns.get(toHex(address))),
      [50, 40, 30],
    );
  });

  it('incremented(k) equals k times incremented(1) once it is centered', () => {
    fc.assert(
      fc.property(
        fc.array(fc.bigInt(1n, 1000n), { minLength: 1, maxLength: 8 }),
        fc.integer({ min: 1, max: 20 }),
        (powers, k) => {
          const set = ValidatorSet.create(powers.map((power, i) => member(i, power)));
          let stepwise = set;
          for (let i = 0; i < k; i++) stepwise = stepwise.incremented(1);
          const direct = set.incremented(k);
          assert.equal(toHex(direct.proposer.address), toHex(stepwise.proposer.address));
          assert.equal(snapshot(direct), snapshot(stepwise));
        },
      ),
    );
    for (const times of [0, -1, 0.5]) {
      assert.throws(() => ValidatorSet.create([member(0, 1n)]).incremented(times), { name: 'AssertionError' });
    }
  });

  it('valset-update-as-set: shuffled updates give equal sets; a newcomer gets -1.125 of the total; others keep theirs', () => {
    const start = ValidatorSet.create([member(0, 1000n), member(1, 10n), member(2, 1n)]);
    const updates = [update(0, 0n), update(1, 40n), update(3, 100n), update(4, 7n)];
    const expected = snapshot(start.withUpdates(updates));
    fc.assert(
      fc.property(fc.shuffledSubarray(updates, { minLength: updates.length }), (shuffled) => {
        assert.equal(snapshot(start.withUpdates(shuffled)), expected);
      }),
    );
    // Total before removals: 1000 + 40 + 1 + 7 = 1048, minus an eighth more.
    const grown = ValidatorSet.create([member(0, 1000n), member(1, 40n), member(2, 1n)]).withUpdates([update(4, 7n)]);
    assert.equal(priorityOf(grown, 4) - priorityOf(grown, 2), -(1048n + 131n) - 1n);
    const changed = ValidatorSet.create([member(0, 5n), member(1, 5n)]).incremented(1);
    const raised = changed.withUpdates([update(0, 6n)]);
    assert.equal(priorityOf(raised, 0), priorityOf(changed, 0), 'a changed power keeps its priority');
  });

  it('CometBFT TestValSetUpdatesBasicTestsExecute', () => {
    const table: [start: [number, bigint][], changes: [number, bigint][], expected: bigint[]][] = [
      [
        [
          [2, 10n],
          [1, 10n],
        ],
        [],
        [10n, 10n],
      ],
      [
        [
          [2, 10n],
          [1, 10n],
        ],
        [
          [2, 22n],
          [1, 11n],
        ],
        [22n, 11n],
      ],
      [
        [
          [2, 20n],
          [1, 10n],
        ],
        [
          [4, 40n],
          [3, 30n],
        ],
        [40n, 30n, 20n, 10n],
      ],
      [
        [
          [3, 20n],
          [1, 10n],
        ],
        [[2, 30n]],
        [30n, 20n, 10n],
      ],
      [
        [
          [3, 30n],
          [2, 20n],
          [1, 10n],
        ],
        [[2, 0n]],
        [30n, 10n],
      ],
    ];
    for (const [start, changes, expected] of table) {
      const set = ValidatorSet.create(start.map(([i, power]) => member(i, power)));
      const changed = set.withUpdates(changes.map(([i, power]) => update(i, power)));
      assert.deepEqual(
        changed.validators.map(({ votingPower }) => votingPower),
        expected,
      );
      assert.equal(
        changed.totalPower,
        expected.reduce((sum, power) => sum + power, 0n),
      );
      const priorities = changed.validators.map(({ proposerPriority }) => proposerPriority);
      const spread = priorities.reduce((a, b) => (a > b ? a : b)) - priorities.reduce((a, b) => (a < b ? a : b));
      assert.ok(spread <= 2n * changed.totalPower, 'within the window');
    }
  });

  it('power-sum-throws: bad updates are refused with a code', () => {
    const set = ValidatorSet.create([member(0, 10n), member(1, 10n)]);
    const bad: ValidatorUpdate[][] = [
      [update(0, -1n)],
      [update(3, 0n)],
      [update(0, 0n), update(1, 0n)],
      [update(0, 1n), update(0, 2n)],
      [update(0, 1n), update(0, 0n)],
      [update(2, MAX_TOTAL_VOTING_POWER)],
      [update(2, MAX_TOTAL_VOTING_POWER + 1n)],
      [update(2, 2n ** 63n - 1n), update(3, 2n ** 63n - 1n)],
      [{ pubKey: { type: 'ed25519', bytes: new Uint8Array(31) }, power: 1n }],
      [{ pubKey: { type: 'secp256k1', bytes: new Uint8Array(33) }, power: 1n }],
    ];
    for (const updates of bad) assert.throws(() => set.withUpdates(updates), badSet);
    assert.equal(set.withUpdates([update(2, MAX_TOTAL_VOTING_POWER - 20n)]).totalPower, MAX_TOTAL_VOTING_POWER);
    assert.equal(set.withUpdates([update(0, 0n), update(1, 0n), update(2, 1n)]).size, 1, 'all replaced');
    assert.throws(() => ValidatorSet.create([]), badSet);
    assert.throws(() => ValidatorSet.create([member(0, 0n)]), badSet);
    assert.throws(() => ValidatorSet.create([member(0, 1n), member(0, 1n)]), badSet);
    assert.throws(() => ValidatorSet.create([member(0, MAX_TOTAL_VOTING_POWER), member(1, 1n)]), badSet);
  });

  it('survives the largest powers', () => {
    let set = ValidatorSet.create([member(0, MAX_TOTAL_VOTING_POWER - 1n), member(1, 1n)]);
    for (let i = 0; i < 50; i++) set = set.incremented(7);
    assert.equal(set.size, 2);
    assert.equal(set.withUpdates([update(0, 1n)]).incremented(1).totalPower, 2n);
  });

  it('restores what was stored, priorities and proposer included', () => {
    let set = ValidatorSet.create([member(0, 3n), member(1, 3_000_000_000n), member(2, 2n)]);
    for (let i = 0; i < 20; i++) {
      const restored = ValidatorSet.decode(set.encode());
      assert.equal(snapshot(restored), snapshot(set));
      assert.equal(toHex(restored.proposer.address), toHex(set.proposer.address));
      assert.equal(toHex(restored.hash()), toHex(set.hash()));
      assert.equal(snapshot(restored.incremented(2)), snapshot(set.incremented(2)));
      set = set.incremented(1);
    }
  });

  it('address-not-of-key, order, power and proposer are checked when a set is restored', () => {
    const { validators, proposer } = ValidatorSet.create([member(0, 3n), member(1, 2n)]);
    const [first, second] = validators as [Validator, Validator];
    const restore = (list: readonly Validator[], address = proposer.address): ValidatorSet =>
      ValidatorSet.restore(list, address);
    assert.equal(restore(validators).size, 2);
    assert.throws(() => restore([]), badSet);
    assert.throws(() => restore([second, first]), badSet);
    assert.throws(() => restore([first, first]), badSet);
    // In order by their powers, and one all the same.
    assert.throws(() => restore([first, { ...first, votingPower: 1n }]), badSet);
    assert.throws(() => restore(validators, new Uint8Array(20)), badSet);
    assert.throws(() => restore([{ ...first, address: second.address }, second]), badSet);
    assert.throws(() => restore([{ ...first, votingPower: 0n }]), badSet);
    assert.throws(() => restore([{ ...first, votingPower: MAX_TOTAL_VOTING_POWER }, second]), badSet);
  });
});
