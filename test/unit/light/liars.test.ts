import assert from 'node:assert/strict';
import { isLightError } from '#light/errors.ts';
import type { LightBlock } from '#types/light-block.ts';
import { ValidatorSet } from '#types/validator-set.ts';
import { equalBytes } from '#util/bytes.ts';
import { seededRandom } from '../../support/seeded-random.ts';
import { alterations } from '../../vectors/alter.ts';
import { type ChainProvider, clientOf, digest, LightChain, type Members, members, SECOND, START } from './support.ts';

const SEEDS = 24;
const HEIGHTS = 32;
const NOW = START + 1000n * SECOND;
/** Keys of nobody who was ever a validator. */
const STRANGERS = 900;

type Random = () => number;

/** Validators come, go and change their power, a few at a time. */
function randomMembers(random: Random): Members[] {
  const all: Members[] = [members(5 + Math.floor(random() * 4))];
  let fresh = 20;
  while (all.length <= HEIGHTS + 1) {
    const next = (all.at(-1) as Members).map(([key, power]): readonly [number, bigint] =>
      random() < 0.1 ? [key, 5n + BigInt(Math.floor(random() * 10))] : [key, power],
    );
    if (random() < 0.4) next.splice(Math.floor(random() * next.length), 1, [fresh++, 10n]);
    all.push(next);
  }
  return all;
}

/** Answers that no validator has signed: altered blocks, blocks of strangers, blocks of other heights. */
function makeLie(provider: ChainProvider, chain: LightChain, random: Random): void {
  const below = (bound: number): number => Math.floor(random() * bound);
  const from = 2 + below(HEIGHTS - 2);
  const strangers = chain.fork(from, { members: () => members(5, STRANGERS) });
  const minority = chain.fork(from, {
    // Their own keys, but less than a third of any set's power.
    absent: (height) =>
      chain.plan
        .members(height)
        .slice(1)
        .map(([key]) => key),
    change: () => ({ appHash: digest('lie') }),
  });
  const kinds: ((height: number) => LightBlock)[] = [
    (height) => strangers.block(height),
    (height) => minority.block(height),
    (height) => ({ ...strangers.block(height), validators: chain.validators(height) }),
    (height) => ({ ...chain.block(height), header: strangers.block(height).header }),
    () => chain.block(1 + below(HEIGHTS)),
    (height) => alteredBlock(chain.block(height), random),
  ];
  const kind = kinds[below(kinds.length)] as (height: number) => LightBlock;
  const often = 0.3 + random() * 0.7;
  provider.answer = (height) => (height >= from && random() < often ? kind(height) : undefined);
}

function alteredBlock(block: LightBlock, random: Random): LightBlock {
  const { header, commit, validators } = block;
  const pick = <T>(all: readonly T[]): T => all[Math.floor(random() * all.length)] as T;
  const dice = random();
  if (dice < 0.4) return { ...block, header: pick([...alterations(header)]).value };
  if (dice < 0.8) return { ...block, commit: pick([...alterations(commit)]).value };
  const powers = validators.validators.map(({ pubKey, votingPower }) => ({ pubKey, votingPower: votingPower + 1n }));
  return { ...block, validators: ValidatorSet.create(powers) };
}

describe('light client: among liars', function () {
  this.timeout(120_000);

  it('gives out what the chain has, or nothing, whatever unsigned things it is told', async () => {
    let given = 0;
    let refusals = 0;
    for (let seed = 1; seed <= SEEDS; seed++) {
      const random = seededRandom(seed);
      const plan = randomMembers(random);
      const chain = new LightChain({ heights: HEIGHTS, members: (height) => plan[height] as Members });
      const providers = ['a', 'b', 'c'].map((name) => chain.provider(name));
      const liars = 1 + Math.floor(random() * 3);
      for (const liar of providers.slice(0, liars)) makeLie(liar, chain, random);
      const [primary, ...witnesses] = random() < 0.5 ? providers : providers.toReversed();
      const mode = random() < 0.5 ? 'skipping' : 'sequential';
      const { client, store } = clientOf(primary as ChainProvider, witnesses, { mode });
      const root = 1 + Math.floor(random() * 5);
      for (const height of [root, undefined, 1 + Math.floor(random() * HEIGHTS), HEIGHTS]) {
        try {
          if (height === root) await client.trustHeader(root, chain.hash(root), NOW);
          else {
            const { block } = await client.verify(height, NOW);
            assert.ok(equalBytes(block.commit.blockId.hash, chain.hash(block.header.height)), `seed ${seed}`);
            given++;
          }
        } catch (error) {
          if (!isLightError(error, 'bad_light_block', 'bad_light_options', 'no_light_block', 'no_witness')) throw error;
          refusals++;
        }
      }
      for (let height = 1; height <= HEIGHTS; height++) {
        const kept = await store.at(height);
        if (kept !== undefined) assert.deepEqual(kept.header, chain.block(height).header, `seed ${seed}, ${height}`);
      }
    }
    assert.ok(given > SEEDS / 2 && refusals > SEEDS / 4, `${given} given, ${refusals} refused`);
  });
});
