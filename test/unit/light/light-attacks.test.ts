import assert from 'node:assert/strict';
import { verifyLightClientAttack } from '#evidence/light-attack.ts';
import { LightClientAttack } from '#light/attack.ts';
import type { LightClient } from '#light/light-client.ts';
import { decodeEvidence, encodeEvidence, type LightClientAttackEvidence } from '#types/evidence.ts';
import { toHex } from '#util/bytes.ts';
import { CHAIN_ID, clientOf, digest, HOUR, LightChain, members, SECOND, START, verifier } from './support.ts';

const NOW = START + 1000n * SECOND;

async function verdictOf(client: LightClient, height: number): Promise<LightClientAttack> {
  try {
    await client.verify(height, NOW);
  } catch (error) {
    if (error instanceof LightClientAttack) return error;
    throw error;
  }
  throw new Error('no attack was found');
}

/** Whether the chain that the evidence is brought to takes it. */
async function isTakenBy(chain: LightChain, evidence: LightClientAttackEvidence): Promise<void> {
  const { commonHeight, conflictingBlock } = evidence;
  assert.deepEqual(decodeEvidence(encodeEvidence(evidence)), evidence);
  await verifyLightClientAttack(verifier, evidence, {
    chainId: CHAIN_ID,
    common: chain.block(commonHeight),
    commonValidators: chain.validators(commonHeight),
    trusted: chain.block(Math.min(conflictingBlock.header.height, chain.plan.heights)),
  });
  assert.equal(evidence.timestamp, chain.time(commonHeight));
}

describe('light-attacks: one verdict, evidence to both sides, then nothing more', () => {
  const chain = new LightChain({ heights: 30, members: () => members(4) });

  it('lunatic: a header that execution could not have led to', async () => {
    const fork = chain.fork(10, { change: () => ({ appHash: digest('lie') }) });
    const [primary, witness, third] = [fork.provider('liar'), chain.provider('honest'), chain.provider('third')];
    const { client, store } = clientOf(primary, [witness, third]);
    await client.trustHeader(5, chain.hash(5), NOW);
    const verdict = await verdictOf(client, 20);
    assert.equal(verdict.code, 'light_client_attack');
    assert.equal(verdict.accusations.length, 2);
    const [evidence] = witness.reported;
    assert.ok(evidence !== undefined);
    assert.equal(evidence.commonHeight, 5);
    assert.equal(evidence.byzantineValidators.length, 4);
    await isTakenBy(chain, evidence);
    // The other side gets what is held against the first one: it may be the honest one.
    assert.equal(toHex(primary.reported[0]?.conflictingBlock.header.appHash ?? digest('')), toHex(digest('app 20')));
    // One verdict: nobody else was accused, nothing was trusted, and nothing is asked any more.
    assert.equal(third.reported.length, 0);
    assert.equal((await store.latest())?.header.height, 5);
    const asked = [primary, witness, third].map((provider) => provider.asked.length);
    await assert.rejects(client.verify(undefined, NOW), (error) => error === verdict);
    await assert.rejects(client.trustHeader(6, chain.hash(6), NOW), (error) => error === verdict);
    assert.deepEqual(
      [primary, witness, third].map((provider) => provider.asked.length),
      asked,
    );
  });

  it('equivocation: two proper headers of one round', async () => {
    const fork = chain.fork(10, {});
    const [primary, witness] = [fork.provider('liar'), chain.provider('honest')];
    const { client } = clientOf(primary, [witness]);
    await client.trustHeader(9, chain.hash(9), NOW);
    const verdict = await verdictOf(client, 10);
    const [evidence] = witness.reported;
    assert.ok(evidence !== undefined && verdict.accusations.length === 2);
    assert.equal(evidence.commonHeight, 10);
    assert.equal(evidence.byzantineValidators.length, 4);
    await isTakenBy(chain, evidence);
    await isTakenBy(fork, primary.reported[0] as LightClientAttackEvidence);
  });

  it('amnesia: two proper headers of different rounds convict nobody by themselves', async () => {
    const fork = chain.fork(10, { round: 1 });
    const witness = chain.provider('honest');
    const { client } = clientOf(fork.provider('liar'), [witness]);
    await client.trustHeader(9, chain.hash(9), NOW);
    await verdictOf(client, 10);
    assert.equal(witness.reported[0]?.byzantineValidators.length, 0);
    await isTakenBy(chain, witness.reported[0] as LightClientAttackEvidence);
  });

  it('forward lunatic: a header above the head, no later than it', async () => {
    const short = new LightChain({ ...chain.plan, heights: 12 });
    const early = (height: number): bigint =>
      START + (height < 10 ? BigInt(height) * SECOND : 9n * SECOND + BigInt(height));
    const fork = short.fork(10, { heights: 25, time: early, change: () => ({ appHash: digest('lie') }) });
    const witness = short.provider('honest');
    const { client } = clientOf(fork.provider('liar'), [witness]);
    await client.trustHeader(5, short.hash(5), NOW);
    await verdictOf(client, 25);
    const [evidence] = witness.reported;
    assert.equal(evidence?.conflictingBlock.header.height, 25);
    await isTakenBy(short, evidence as LightClientAttackEvidence);
  });

  it('names the last block that both sides share, on the way of a bisection', async () => {
    const turning = new LightChain({ heights: 60, members: (height) => members(10, Math.floor(height / 2)) });
    // The liars are those of height 20, and go on among themselves.
    const fork = turning.fork(21, { change: () => ({ appHash: digest('lie') }) });
    const witness = turning.provider('honest');
    const { client } = clientOf(fork.provider('liar'), [witness]);
    await client.trustHeader(2, turning.hash(2), NOW);
    await verdictOf(client, 60);
    const [evidence] = witness.reported;
    assert.ok(evidence !== undefined && evidence.commonHeight <= 20, `common height ${evidence?.commonHeight}`);
    assert.ok(evidence.conflictingBlock.header.height >= 21);
    assert.ok(evidence.byzantineValidators.length > 3);
    await isTakenBy(turning, evidence);
  });

  it('of the witness: the primary is not believed either', async () => {
    const fork = chain.fork(10, { change: () => ({ appHash: digest('lie') }) });
    const [primary, witness] = [chain.provider('honest'), fork.provider('liar')];
    const { client } = clientOf(primary, [witness]);
    await client.trustHeader(5, chain.hash(5), NOW);
    await verdictOf(client, 20);
    await isTakenBy(chain, primary.reported[0] as LightClientAttackEvidence);
  });

  it('goes on when the evidence cannot be handed over', async () => {
    const fork = chain.fork(10, {});
    const witness = chain.provider('honest');
    witness.reportEvidence = () => Promise.reject(new Error('connection lost'));
    const { client } = clientOf(fork.provider('liar'), [witness]);
    await client.trustHeader(9, chain.hash(9), NOW);
    assert.equal((await verdictOf(client, 12)).accusations.length, 2);
  });
});

describe('light-attacks: what is no attack', () => {
  const chain = new LightChain({ heights: 30, members: () => members(4) });

  it('a witness with a header that it cannot justify is dropped', async () => {
    // Strangers sign it.
    const fork = chain.fork(10, { members: () => members(4, 50) });
    const { client } = clientOf(chain.provider('primary'), [fork.provider('liar'), chain.provider('honest')]);
    await client.trustHeader(5, chain.hash(5), NOW);
    assert.equal((await client.verify(20, NOW)).block.header.height, 20);
    assert.deepEqual(
      client.dropped.map(({ name }) => name),
      ['liar'],
    );
  });

  it('witnesses that contradict are followed at the same time: each may take its while', async () => {
    const fork = chain.fork(10, { members: () => members(4, 50) });
    const liars = ['one', 'two', 'three'].map((name) => fork.provider(name));
    const { client } = clientOf(chain.provider('primary'), [...liars, chain.provider('honest')]);
    await client.trustHeader(5, chain.hash(5), NOW);
    let waiting = 0;
    const all = Promise.withResolvers<void>();
    for (const liar of liars) {
      const lightBlock = liar.lightBlock.bind(liar);
      liar.lightBlock = async (height) => {
        // The first step of following it: none goes on before all were asked.
        if (height !== 20 && ++waiting >= liars.length) all.resolve();
        if (height !== 20) await all.promise;
        return lightBlock(height);
      };
    }
    assert.equal((await client.verify(20, NOW)).block.header.height, 20);
    assert.equal(client.dropped.length, liars.length);
  });

  it('a primary that lies is dropped, and a witness takes its place', async () => {
    const fork = chain.fork(10, { members: () => members(4, 50) });
    const [liar, first, second] = [fork.provider('liar'), chain.provider('first'), chain.provider('second')];
    const { client } = clientOf(liar, [first, second]);
    await client.trustHeader(5, chain.hash(5), NOW);
    assert.deepEqual((await client.verify(20, NOW)).block, chain.block(20));
    assert.equal(client.primary.name, 'first');
    assert.deepEqual(
      client.witnesses.map(({ name }) => name),
      ['second'],
    );
  });

  it("a header from the future is nobody's proven lie: another provider is asked", async () => {
    const ahead = chain.fork(10, { time: (height) => NOW + BigInt(height) * SECOND * 3600n });
    const { client } = clientOf(ahead.provider('ahead'), [chain.provider('first'), chain.provider('second')]);
    await client.trustHeader(5, chain.hash(5), NOW);
    assert.deepEqual((await client.verify(20, NOW)).block, chain.block(20));
    const alone = clientOf(ahead.provider('ahead')).client;
    await alone.trustHeader(5, chain.hash(5), NOW);
    await assert.rejects(alone.verify(20, NOW), { code: 'header_from_future' });
  });

  it('nothing is believed when the last witness is gone', async () => {
    const fork = chain.fork(10, { members: () => members(4, 50) });
    const { client } = clientOf(chain.provider('primary'), [fork.provider('liar')]);
    await client.trustHeader(5, chain.hash(5), NOW);
    await assert.rejects(client.verify(20, NOW), { code: 'no_witness' });
    await assert.rejects(client.verify(20, NOW), { code: 'no_witness' });
  });

  it('a witness that is behind, or does not answer, confirms nothing', async () => {
    const behind = chain.provider('behind', { head: 15 });
    const { client } = clientOf(chain.provider('primary'), [behind]);
    await client.trustHeader(5, chain.hash(5), NOW);
    await assert.rejects(client.verify(20, NOW), { code: 'no_witness' });
    behind.head = 20;
    await client.verify(20, NOW);
    behind.lightBlock = () => Promise.reject(new Error('connection refused'));
    await assert.rejects(client.verify(25, NOW), { code: 'no_witness' });
    assert.deepEqual(client.dropped, []);
  });

  it('a witness of another chain than the trusted header is dropped at once', async () => {
    const other = new LightChain({ heights: 30, members: () => members(4, 70) });
    const { client } = clientOf(chain.provider('primary'), [other.provider('other'), chain.provider('same')]);
    await client.trustHeader(5, chain.hash(5), NOW);
    assert.equal(client.dropped[0]?.name, 'other');
    const alone = clientOf(chain.provider('primary'), [other.provider('other')]).client;
    await assert.rejects(alone.trustHeader(5, chain.hash(5), NOW), { code: 'no_witness' });
  });

  it('periods and levels that no client can be safe with are refused', () => {
    const bad = [
      { trustingPeriodNs: 0n },
      { trustingPeriodNs: -1n },
      { trustingPeriodNs: HOUR, unbondingPeriodNs: HOUR },
      { maxClockDriftNs: -1n },
      { trustLevel: { numerator: 1n, denominator: 4n } },
      { trustLevel: { numerator: 4n, denominator: 3n } },
      { trustLevel: { numerator: 1n, denominator: 0n } },
      { trustLevel: { numerator: -1n, denominator: -3n } },
    ];
    for (const options of bad) {
      assert.throws(() => clientOf(chain.provider('primary'), [], options), { code: 'bad_light_options' });
    }
    clientOf(chain.provider('primary'), [], { trustingPeriodNs: HOUR, unbondingPeriodNs: HOUR + 1n });
  });
});

describe('light-provider-edges', () => {
  const chain = new LightChain({ heights: 30, members: () => members(4) });

  it('a provider that does not have a height is kept, with a clear error', async () => {
    const provider = chain.provider('young', { base: 10 });
    const { client } = clientOf(provider);
    await assert.rejects(client.trustHeader(5, chain.hash(5), NOW), {
      code: 'no_light_block',
      message: 'young has no height 5: its lowest is 10',
    });
    await client.trustHeader(10, chain.hash(10), NOW);
    await assert.rejects(client.verify(31, NOW), { code: 'no_light_block' });
    await assert.rejects(client.verify(9, NOW), { code: 'no_light_block' });
    assert.equal((await client.verify(30, NOW)).block.header.height, 30);
    assert.equal(client.primary, provider);
  });

  it('another one is asked for what the first does not have', async () => {
    const { client } = clientOf(chain.provider('young', { base: 10 }), [chain.provider('old')]);
    await client.trustHeader(5, chain.hash(5), NOW);
    assert.equal(client.primary.name, 'old');
    assert.equal((await client.verify(20, NOW)).block.header.height, 20);
  });

  it('an answer of another height is a lie', async () => {
    const provider = chain.provider('liar');
    const { client } = clientOf(provider);
    await client.trustHeader(5, chain.hash(5), NOW);
    provider.answer = () => chain.block(21);
    await assert.rejects(client.verify(20, NOW), { code: 'bad_light_block' });
  });

  it('a failing provider is named with its reason', async () => {
    const provider = chain.provider('gone');
    provider.lightBlock = () => Promise.reject(new Error('connection refused'));
    const { client } = clientOf(provider);
    await assert.rejects(client.trustHeader(5, chain.hash(5), NOW), {
      code: 'provider_failed',
      message: /gone failed: Error: connection refused/,
    });
  });
});
