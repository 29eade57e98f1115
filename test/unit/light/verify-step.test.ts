import assert from 'node:assert/strict';
import { type StepRules, verifyBackwards, verifyOwnCommit, verifyStep } from '#light/verify-step.ts';
import type { LightBlock } from '#types/light-block.ts';
import { MachineError } from '#util/errors.ts';
import { CHAIN_ID, HOUR, LightChain, members, SECOND, START, verifier } from './support.ts';

const RULES: StepRules = { chainId: CHAIN_ID, trustingPeriodNs: HOUR };
const NOW = START + 1000n * SECOND;

async function refused(trusted: LightBlock, next: LightBlock, code: string, now = NOW, rules = RULES): Promise<void> {
  await assert.rejects(verifyStep(verifier, rules, trusted, next, now), { code });
}

describe('light: one step', () => {
  const chain = new LightChain({ heights: 100, members: () => members(4) });

  it('to the next height, and over heights whose validators are the same', async () => {
    await verifyStep(verifier, RULES, chain.block(1), chain.block(2), NOW);
    await verifyStep(verifier, RULES, chain.block(1), chain.block(100), NOW);
  });

  it('is not taken back or on the spot', async () => {
    await refused(chain.block(5), chain.block(5), 'bad_light_block');
    await refused(chain.block(5), chain.block(4), 'bad_light_block');
    // Where a lower height is later in time, the time does not show it.
    const late = new LightChain({ heights: 9, members: () => members(4), time: (height) => START - BigInt(height) });
    await refused(late.block(5), late.block(3), 'bad_light_block');
  });

  it('ends with the trusting period, to the nanosecond', async () => {
    const { time } = chain.block(1).header;
    await verifyStep(verifier, RULES, chain.block(1), chain.block(2), time + HOUR - 1n);
    await refused(chain.block(1), chain.block(2), 'trust_expired', time + HOUR);
  });

  it('is not taken to a header from the future, beyond the clock drift', async () => {
    const { time } = chain.block(50).header;
    await verifyStep(verifier, RULES, chain.block(1), chain.block(50), time - 10n * SECOND + 1n);
    await refused(chain.block(1), chain.block(50), 'header_from_future', time - 10n * SECOND);
    const strict = { ...RULES, maxClockDriftNs: 0n };
    await refused(chain.block(1), chain.block(50), 'header_from_future', time, strict);
    await verifyStep(verifier, strict, chain.block(1), chain.block(50), time + 1n);
  });

  it('is not taken to a header that is not later in time', async () => {
    const still = new LightChain({
      heights: 9,
      members: () => members(4),
      time: (height) => START + BigInt(height % 2),
    });
    await refused(still.block(1), still.block(2), 'bad_light_block');
    await refused(still.block(1), still.block(3), 'bad_light_block');
    await verifyStep(verifier, RULES, still.block(2), still.block(3), NOW);
  });

  it('is not taken to another chain', async () => {
    const rules = { ...RULES, chainId: 'light-test-2' };
    await refused(chain.block(1), chain.block(2), 'bad_light_block', NOW, rules);
  });

  it('to the next height needs the announced validators, whoever signs', async () => {
    const other = chain.fork(2, { members: () => members(4, 4) });
    await refused(chain.block(1), other.block(2), 'bad_light_block');
    // Those who are trusted sign a set of their own making.
    const grown = chain.fork(2, { members: () => members(5) });
    await refused(chain.block(1), grown.block(2), 'bad_light_block');
  });

  it('over heights needs more than the trust level of the trusted power', async () => {
    // Of 9 trusted with power 10, `kept` stay and sign the new set with others.
    const grow = (kept: number): LightChain =>
      new LightChain({
        heights: 20,
        members: (height) => (height < 10 ? members(9) : [...members(kept), ...members(9, 20, 1n)]),
      });
    await refused(grow(3).block(1), grow(3).block(15), 'not_enough_trust');
    await verifyStep(verifier, RULES, grow(4).block(1), grow(4).block(15), NOW);
    const half = { ...RULES, trustLevel: { numerator: 1n, denominator: 2n } };
    await refused(grow(4).block(1), grow(4).block(15), 'not_enough_trust', NOW, half);
    await verifyStep(verifier, half, grow(5).block(1), grow(5).block(15), NOW);
  });

  it('needs more than two thirds of its own validators', async () => {
    const lacking = (absent: readonly number[]): LightChain =>
      new LightChain({ heights: 9, members: () => members(6), absent: () => absent });
    for (const height of [2, 5]) {
      await refused(lacking([0, 1]).block(1), lacking([0, 1]).block(height), 'bad_light_block');
      await verifyStep(verifier, RULES, lacking([0]).block(1), lacking([0]).block(height), NOW);
    }
  });

  it('looks at every signature, or with `enough` only at two thirds of them', async () => {
    for (const height of [2, 7]) {
      const block = chain.block(height);
      const { signatures } = block.commit;
      const last = signatures.at(-1) as (typeof signatures)[number];
      const forged = { ...last, signature: last.signature.map((byte, i) => (i === 40 ? byte ^ 1 : byte)) };
      const altered = { ...block, commit: { ...block.commit, signatures: signatures.with(-1, forged) } };
      await refused(chain.block(1), altered, 'bad_light_block');
      await verifyStep(verifier, { ...RULES, signatures: 'enough' }, chain.block(1), altered, NOW);
      await assert.rejects(verifyOwnCommit(verifier, RULES, altered), { code: 'bad_light_block' });
    }
  });

  it('passes on that the verifier failed, which is no verdict', async () => {
    for (const error of [new Error('no threads'), new MachineError('verifier_failed', 'no threads')]) {
      const failing = { verify: () => Promise.reject(error) };
      for (const height of [2, 5]) {
        const verified = verifyStep(failing, RULES, chain.block(1), chain.block(height), NOW);
        await assert.rejects(verified, (thrown) => thrown === error);
      }
    }
  });

  it('back goes by the hash link alone', async () => {
    verifyBackwards(CHAIN_ID, chain.block(9).header, chain.block(8));
    const fork = chain.fork(5, {});
    assert.throws(() => verifyBackwards('light-test-2', chain.block(9).header, chain.block(8)), {
      code: 'bad_light_block',
    });
    const { commit } = chain.block(8);
    for (const [from, to] of [
      [chain.block(9), { ...chain.block(8), commit: { ...commit, height: 7 } }],
      [chain.block(9), chain.block(7)],
      [chain.block(9), chain.block(9)],
      [chain.block(9), fork.block(8)],
    ] as const) {
      assert.throws(() => verifyBackwards(CHAIN_ID, from.header, to), { code: 'bad_light_block' });
    }
    const late = new LightChain({ heights: 9, members: () => members(1), time: (height) => START - BigInt(height) });
    assert.throws(() => verifyBackwards(CHAIN_ID, late.block(9).header, late.block(8)), { code: 'bad_light_block' });
  });
});
