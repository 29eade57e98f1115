import assert from 'node:assert/strict';
import { CONSENSUS_STORE } from '#app/modules/chain/state.ts';
import { generateEd25519 } from '#crypto/ed25519.ts';
import { sha256 } from '#crypto/hash.ts';
import {
  decodePriorities,
  isRecordDue,
  PRIORITIES_EVERY,
  PRIORITIES_KEY,
  type SignerSets,
  setsWithPriorities,
  withPriorities,
} from '#engine/priorities-record.ts';
import { ValidatorSet, type ValidatorUpdate } from '#types/validator-set.ts';
import { equalBytes } from '#util/bytes.ts';
import { NEVER_PAUSE } from '#util/pause.ts';
import { seededRandom } from '../../support/seeded-random.ts';

const KEYS = Array.from({ length: 9 }, (_, i) => generateEd25519(sha256(Uint8Array.of(i))).publicKey);
const update = (index: number, power: bigint): ValidatorUpdate => ({
  pubKey: { type: 'ed25519', bytes: KEYS[index] as Uint8Array },
  power,
});

/** The sets of every height as a chain has them, and the record in the state after each. */
class Wheel {
  readonly heights: { readonly sets: SignerSets; readonly record: Uint8Array }[] = [];

  constructor(
    initialHeight: number,
    updatesAt: (height: number, set: ValidatorSet) => ValidatorUpdate[],
    heights: number,
  ) {
    const validators = ValidatorSet.create([0, 1, 2, 3].map((i) => ({ ...one(i), votingPower: BigInt(10 + 7 * i) })));
    let sets: SignerSets = {
      height: initialHeight - 1,
      lastValidators: undefined,
      validators,
      nextValidators: validators.incremented(1),
    };
    let record = encoded(sets, false);
    for (let i = 0; i < heights; i++) {
      const height = sets.height + 1;
      const updates = updatesAt(height, sets.nextValidators);
      sets = {
        height,
        lastValidators: sets.validators,
        validators: sets.nextValidators,
        nextValidators: sets.nextValidators.withUpdates(updates).incremented(1),
      };
      if (isRecordDue(height, updates.length)) record = encoded(sets, updates.length > 0);
      this.heights.push({ sets, record });
    }
  }
}

function one(index: number) {
  return { pubKey: { type: 'ed25519', bytes: KEYS[index] as Uint8Array } } as const;
}

function encoded(sets: SignerSets, updated: boolean): Uint8Array {
  const record = withPriorities(new Map(), sets, updated).get(CONSENSUS_STORE)?.get(PRIORITIES_KEY);
  assert.ok(record !== undefined);
  return record;
}

/** Members and powers, as headers prove them; nothing true about priorities. */
function membersOf(set: ValidatorSet | undefined): ValidatorSet {
  assert.ok(set !== undefined);
  return ValidatorSet.create(set.validators.map(({ pubKey, votingPower }) => ({ pubKey, votingPower })));
}

async function derived({ sets, record }: Wheel['heights'][number]): Promise<ValidatorSet[]> {
  const { height, lastValidators, validators, nextValidators } = sets;
  const members = [membersOf(lastValidators), membersOf(validators), membersOf(nextValidators)] as const;
  return setsWithPriorities(decodePriorities(record), height, members, NEVER_PAUSE);
}

function assertEqual(
  actual: readonly ValidatorSet[],
  { lastValidators, validators, nextValidators }: SignerSets,
): void {
  const expected = [lastValidators, validators, nextValidators].map((set) => set?.encode());
  assert.deepEqual(
    actual.map((set) => set.encode()),
    expected,
  );
}

describe('the record of priorities', () => {
  it('statesync-priorities: gives every height the priorities that the chain had, however validators change', async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const random = seededRandom(seed);
      const below = (bound: number): number => Math.floor(random() * bound);
      const wheel = new Wheel(
        1 + below(5),
        (_height, set) => {
          if (random() < 0.6) return [];
          const index = below(KEYS.length);
          const isMember = set.validators.some(({ pubKey }) => equalBytes(pubKey.bytes, KEYS[index] as Uint8Array));
          if (isMember && set.size > 1 && random() < 0.4) return [update(index, 0n)];
          return [update(index, BigInt(1 + below(1_000)))];
        },
        40,
      );
      for (const entry of wheel.heights) assertEqual(await derived(entry), entry.sets);
    }
  });

  it('is written again after so many heights, and an older one than that is refused', async () => {
    const from = 2 * PRIORITIES_EVERY - 2;
    const wheel = new Wheel(from, () => [], 6);
    const records = wheel.heights.map(({ record }) => decodePriorities(record).height);
    assert.deepEqual(records, [from - 1, from - 1, from + 2, from + 2, from + 2, from + 2]);
    for (const entry of wheel.heights) assertEqual(await derived(entry), entry.sets);
    const [first] = wheel.heights;
    assert.ok(first !== undefined);
    const late = { sets: { ...first.sets, height: from + PRIORITIES_EVERY }, record: first.record };
    await assert.rejects(derived(late), { code: 'state_mismatch' });
    const early = { sets: { ...first.sets, height: from - 2 }, record: first.record };
    await assert.rejects(derived(early), { code: 'state_mismatch' });
  });

  it('of other validators, of too few, or with a proposer that is none is refused', async () => {
    const wheel = new Wheel(1, (height) => (height === 3 ? [update(5, 50n)] : []), 6);
    const entry = wheel.heights[2];
    assert.ok(entry !== undefined);
    const fewer = wheel.heights[1];
    assert.ok(fewer !== undefined);
    await assert.rejects(derived({ sets: { ...entry.sets, height: 2 }, record: entry.record }), {
      code: 'state_mismatch',
    });
    await assert.rejects(
      derived({ sets: { ...entry.sets, nextValidators: fewer.sets.nextValidators }, record: entry.record }),
      { code: 'state_mismatch' },
    );
    const record = decodePriorities(entry.record);
    const broken = { ...record, current: { ...record.current, proposer: 99 } };
    const { lastValidators, validators, nextValidators } = entry.sets;
    const members = [membersOf(lastValidators), membersOf(validators), membersOf(nextValidators)] as const;
    await assert.rejects(setsWithPriorities(broken, 3, members, NEVER_PAUSE), { code: 'state_mismatch' });
    for (let cut = 0; cut < entry.record.length; cut++)
      assert.throws(() => decodePriorities(entry.record.subarray(0, cut)), { name: 'BizraError' });
  });

  it('says whether its own block changed the validators', () => {
    const wheel = new Wheel(1, (height) => (height === 3 ? [update(1, 17n)] : []), 4);
    assert.deepEqual(
      wheel.heights.map(({ record }) => decodePriorities(record)).map(({ height, updated }) => [height, updated]),
      [
        [0, false],
        [0, false],
        [3, true],
        [3, true],
      ],
    );
  });
});
