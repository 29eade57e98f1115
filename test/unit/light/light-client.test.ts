import assert from 'node:assert/strict';
import { MemoryTrustedStore } from '#light/trusted-store.ts';
import { ValidatorSet } from '#types/validator-set.ts';
import { clientOf, digest, HOUR, LightChain, members, SECOND, START } from './support.ts';

const NOW = START + 1000n * SECOND;

/** One validator in ten leaves at each height: after seven heights, too few of the old ones are left. */
const turning = (heights: number): LightChain => new LightChain({ heights, members: (height) => members(10, height) });

describe('light client', () => {
  const still = new LightChain({ heights: 200, members: () => members(4) });

  it('skips to any height in one step while the validators stay', async () => {
    const provider = still.provider('primary');
    const { client } = clientOf(provider);
    await client.trustHeader(1, still.hash(1), NOW);
    const { block, steps } = await client.verify(undefined, NOW);
    assert.deepEqual(block, still.block(200));
    assert.equal(steps, 1);
    assert.deepEqual(provider.asked, [1, undefined]);
  });

  it('bisects where validators change, and ends with the same block as going step by step', async () => {
    const chain = turning(100);
    const skipping = clientOf(chain.provider('primary')).client;
    const sequential = clientOf(chain.provider('primary'), [], { mode: 'sequential' }).client;
    for (const client of [skipping, sequential]) await client.trustHeader(1, chain.hash(1), NOW);
    const [skipped, walked] = [await skipping.verify(100, NOW), await sequential.verify(100, NOW)];
    assert.deepEqual(skipped.block, chain.block(100));
    assert.deepEqual(walked.block, chain.block(100));
    assert.equal(walked.steps, 99);
    // Six heights are the farthest step, and bisection finds steps of three at least.
    assert.ok(skipped.steps >= 17 && skipped.steps <= 60, `${skipped.steps} steps`);
  });

  it('goes height by height where all validators change with each block', async () => {
    const chain = new LightChain({ heights: 33, members: (height) => members(4, 4 * height) });
    const { client, store } = clientOf(chain.provider('primary'));
    await client.trustHeader(1, chain.hash(1), NOW);
    const { steps } = await client.verify(33, NOW);
    assert.equal(steps, 32);
    for (let height = 1; height <= 33; height++) assert.deepEqual(await store.at(height), chain.block(height));
  });

  it('goes back by hash links, without anybody having to be trusted for it', async () => {
    const provider = turning(60).provider('primary');
    const { client } = clientOf(provider);
    const chain = turning(60);
    await client.trustHeader(60, chain.hash(60), NOW);
    const { block, steps } = await client.verify(2, NOW);
    assert.deepEqual(block, chain.block(2));
    assert.equal(steps, 58);
    assert.equal((await client.verify(2, NOW)).steps, 0);
    provider.answer = (height) => (height === 30 ? chain.fork(30, {}).block(30) : undefined);
    const other = clientOf(provider).client;
    await other.trustHeader(60, chain.hash(60), NOW);
    await assert.rejects(other.verify(2, NOW), { code: 'bad_light_block' });
  });

  it('checks the commit of a block that it reached backwards', async () => {
    const chain = still;
    const provider = chain.provider('primary');
    const { client } = clientOf(provider);
    await client.trustHeader(9, chain.hash(9), NOW);
    const block = chain.block(5);
    const [first] = block.commit.signatures;
    const forged = { ...(first as NonNullable<typeof first>), signature: new Uint8Array(64).fill(1) };
    const signatures = block.commit.signatures.with(0, forged);
    provider.answer = (height) => (height === 5 ? { ...block, commit: { ...block.commit, signatures } } : undefined);
    await assert.rejects(client.verify(5, NOW), { code: 'bad_light_block' });
  });

  it('starts only from the header that was named', async () => {
    const { client } = clientOf(still.provider('primary'));
    await assert.rejects(client.verify(5, NOW), { code: 'bad_light_options' });
    await assert.rejects(client.trustHeader(1, digest('another'), NOW), { code: 'no_light_block' });
    const { time } = still.block(1).header;
    await assert.rejects(client.trustHeader(1, still.hash(1), time + HOUR), { code: 'trust_expired' });
    await client.trustHeader(1, still.hash(1), NOW);
    await assert.rejects(client.trustHeader(1, digest('another'), NOW), { code: 'bad_light_options' });
  });

  it('starts from a genesis file: its validators, its time', async () => {
    const root = { initialHeight: 1, genesisTime: still.time(1), validators: still.validators(1) };
    const { client } = clientOf(still.provider('primary'));
    await assert.rejects(client.trustGenesis({ ...root, genesisTime: 1n }, NOW), { code: 'no_light_block' });
    const others = ValidatorSet.create(turning(9).validators(5).validators);
    await assert.rejects(client.trustGenesis({ ...root, validators: others }, NOW), { code: 'no_light_block' });
    await client.trustGenesis(root, NOW);
    assert.deepEqual((await client.verify(77, NOW)).block, still.block(77));
  });

  it('goes on from what it trusts, and keeps it when the providers have nothing newer', async () => {
    const provider = still.provider('primary', { head: 50 });
    const { client } = clientOf(provider);
    await client.trustHeader(1, still.hash(1), NOW);
    assert.equal((await client.verify(undefined, NOW)).block.header.height, 50);
    assert.equal((await client.verify(undefined, NOW)).steps, 0);
    provider.head = 40;
    assert.equal((await client.verify(undefined, NOW)).block.header.height, 50);
    provider.head = 60;
    assert.equal((await client.verify(undefined, NOW)).block.header.height, 60);
    provider.answer = () => still.fork(55, {}).block(60);
    await assert.rejects(client.verify(undefined, NOW), { code: 'bad_light_block' });
  });

  it('verifies a height between two trusted ones from the lower one', async () => {
    const { client } = clientOf(still.provider('primary'));
    await client.trustHeader(1, still.hash(1), NOW);
    await client.verify(90, NOW);
    const { block, steps } = await client.verify(45, NOW);
    assert.deepEqual(block, still.block(45));
    assert.equal(steps, 1);
    assert.equal((await client.latest())?.header.height, 90);
  });

  it('goes down from the upper one where the lower one is too old to go up from', async () => {
    const provider = still.provider('primary');
    const { client } = clientOf(provider);
    await client.trustHeader(100, still.hash(100), NOW);
    await client.verify(20, NOW);
    const later = still.time(60) + HOUR;
    await assert.rejects(clientOf(provider).client.trustHeader(20, still.hash(20), later), { code: 'trust_expired' });
    const { block, steps } = await client.verify(40, later);
    assert.deepEqual(block, still.block(40));
    assert.equal(steps, 60);
  });

  it('does not take a wrong trusted hash for the lie of everybody', async () => {
    const names = ['first', 'second', 'third'];
    const [primary, ...witnesses] = names.map((name) => still.provider(name));
    const { client } = clientOf(primary as NonNullable<typeof primary>, witnesses);
    await assert.rejects(client.trustHeader(1, digest('mistyped'), NOW), { code: 'no_light_block' });
    assert.deepEqual(client.dropped, []);
    assert.deepEqual([client.primary, ...client.witnesses].map(({ name }) => name).sort(), names);
    await client.trustHeader(1, still.hash(1), NOW);
  });

  it('takes no more steps at once than it is allowed', async () => {
    const chain = new LightChain({ heights: 33, members: (height) => members(1, height) });
    for (const mode of ['skipping', 'sequential'] as const) {
      const provider = chain.provider('primary');
      const { client } = clientOf(provider, [], { mode, maxSteps: 20 });
      await client.trustHeader(1, chain.hash(1), NOW);
      await assert.rejects(client.verify(33, NOW), { code: 'too_many_steps' });
      assert.ok(provider.asked.length <= 21, `${provider.asked.length} requests`);
      await client.verify(17, NOW);
      assert.equal((await client.verify(33, NOW)).block.header.height, 33);
    }
  });

  it('asks the witnesses every hundred blocks, and trusts nothing that they have not seen', async () => {
    const chain = new LightChain({ heights: 250, members: () => members(1) });
    const witness = chain.provider('witness');
    const { client, store } = clientOf(chain.provider('primary'), [witness], { mode: 'sequential' });
    await client.trustHeader(1, chain.hash(1), NOW);
    await client.verify(250, NOW);
    assert.deepEqual(witness.asked, [1, 101, 201, 250]);
    witness.head = 100;
    const other = clientOf(chain.provider('primary'), [witness], { mode: 'sequential' });
    await other.client.trustHeader(1, chain.hash(1), NOW);
    await assert.rejects(other.client.verify(250, NOW), { code: 'no_witness' });
    assert.equal((await other.store.latest())?.header.height, 1);
    assert.equal((await store.latest())?.header.height, 250);
  });

  it('tells what it verified on the way', async () => {
    const seen: number[] = [];
    const onVerified = ({ header }: { header: { height: number } }, target: number) => {
      assert.equal(target, 6);
      seen.push(header.height);
    };
    const { client } = clientOf(still.provider('primary'), [], { mode: 'sequential', onVerified });
    await client.trustHeader(1, still.hash(1), NOW);
    await client.verify(6, NOW);
    assert.deepEqual(seen, [2, 3, 4, 5, 6]);
  });
});

describe('light client: trusted store', () => {
  const chain = new LightChain({ heights: 9, members: () => members(1) });

  it('keeps the highest blocks, in order of height', async () => {
    const store = new MemoryTrustedStore({ maxBlocks: 3 });
    assert.equal(await store.latest(), undefined);
    for (const height of [4, 2, 8, 6, 2, 7]) await store.save(chain.block(height));
    assert.equal((await store.after(0))?.header.height, 6);
    assert.equal((await store.after(6))?.header.height, 7);
    assert.equal(await store.after(8), undefined);
    assert.equal((await store.latest())?.header.height, 8);
    assert.equal((await store.before(8))?.header.height, 7);
    assert.equal((await store.before(100))?.header.height, 8);
    assert.equal(await store.before(6), undefined);
    assert.equal(await store.at(4), undefined);
    await store.clear();
    assert.equal(await store.latest(), undefined);
  });
});
