import assert from 'node:assert/strict';
import { InlineVerifier } from '#crypto/verifier.ts';
import { lightError } from '#light/errors.ts';
import { LightClient } from '#light/light-client.ts';
import type { LightProvider } from '#light/provider.ts';
import { MemoryTrustedStore } from '#light/trusted-store.ts';
import { type StepRules, verifyStep } from '#light/verify-step.ts';
import { hashHeader } from '#types/header.ts';
import { decodeLightBlock, encodeLightBlock, type LightBlock } from '#types/light-block.ts';
import { parseTime } from '#types/time.ts';
import { type Validator, ValidatorSet } from '#types/validator-set.ts';
import { BizraError } from '#util/errors.ts';
import { RecordedChain } from '../support/recorded-chain.ts';
import { alterations } from './alter.ts';
import { at, type Json, readJsonLines, toCommit, toHeader, toValidator } from './comet-json.ts';

const verifier = new InlineVerifier();

describe('tendermint-rs: verdicts on light-client steps from a model', () => {
  /** What we say to a step that the model calls so. */
  const VERDICTS: Readonly<Record<string, readonly string[]>> = {
    SUCCESS: ['taken'],
    NOT_ENOUGH_TRUST: ['not_enough_trust'],
    INVALID: ['bad_light_block', 'header_from_future', 'trust_expired', 'bad_validator_set'],
  };

  const setOf = (json: Json): ValidatorSet =>
    ValidatorSet.create([...(at(json, 'validators') ?? [])].map((entry) => toValidator(entry as Json)));

  for (const signatures of ['all', 'enough'] as const) {
    it(`are ours, checking ${signatures === 'all' ? 'every signature' : 'as many signatures as it takes'}`, async () => {
      const seen = new Map<string, number>();
      for (const file of readJsonLines('tendermint-rs/single_step.jsonl')) {
        const initial = at(file, 'initial');
        const rules: StepRules = {
          chainId: toHeader(at(initial, 'signed_header', 'header')).chainId,
          trustingPeriodNs: BigInt(at(initial, 'trusting_period')),
          maxClockDriftNs: 1n,
          signatures,
        };
        // The model trusts a header with the validators of the next height.
        let trusted = {
          header: toHeader(at(initial, 'signed_header', 'header')),
          validators: setOf(at(initial, 'next_validator_set')),
        };
        for (const [index, input] of (at(file, 'input') as readonly Json[]).entries()) {
          const block = at(input, 'block');
          const verdict = at(input, 'verdict');
          const outcome = await outcomeOf(async () => {
            const next = {
              header: toHeader(at(block, 'signed_header', 'header')),
              commit: toCommit(at(block, 'signed_header', 'commit')),
              validators: setOf(at(block, 'validator_set')),
            };
            await verifyStep(verifier, rules, trusted, next, parseTime(at(input, 'now')));
            trusted = { header: next.header, validators: setOf(at(block, 'next_validator_set')) };
          });
          assert.ok(VERDICTS[verdict]?.includes(outcome), `${at(file, 'name')} ${index}: ${outcome}, it is ${verdict}`);
          seen.set(verdict, (seen.get(verdict) ?? 0) + 1);
        }
      }
      assert.deepEqual([...seen].sort(), [
        ['INVALID', 13],
        ['NOT_ENOUGH_TRUST', 42],
        ['SUCCESS', 44],
      ]);
    });
  }
});

async function outcomeOf(work: () => Promise<void>): Promise<string> {
  try {
    await work();
    return 'taken';
  } catch (error) {
    if (error instanceof BizraError) return error.code;
    throw error;
  }
}

describe('recorded chain: the light rules over 90 heights of CometBFT 0.38.26', function () {
  this.timeout(60_000);
  const CHAIN_ID = 'bench-1';
  const LAST = 90;
  const HOUR = 3_600_000_000_000n;
  const recorded = new RecordedChain();
  const blocks = new Map<number, LightBlock>();
  for (let height = 1; height <= LAST; height++) {
    const { header } = recorded.blocks.get(height)?.block ?? {};
    const commit = recorded.commits.get(height)?.commit;
    const validators = recorded.validators.get(height) as readonly Validator[];
    assert.ok(header !== undefined && commit !== undefined);
    blocks.set(height, { header, commit, validators: ValidatorSet.restore(validators, header.proposerAddress) });
  }
  const now = (blocks.get(LAST) as LightBlock).header.time;
  const rules: StepRules = { chainId: CHAIN_ID, trustingPeriodNs: HOUR };
  const block = (height: number): LightBlock => blocks.get(height) as LightBlock;

  function clientFrom(mode: 'skipping' | 'sequential'): LightClient {
    const provider = (name: string): LightProvider => ({
      name,
      lightBlock: async (height = LAST) => {
        const found = blocks.get(height);
        if (found === undefined) throw lightError('no_light_block', `no height ${height}`);
        return found;
      },
    });
    const components = {
      verifier,
      store: new MemoryTrustedStore(),
      primary: provider('primary'),
      witnesses: [provider('witness')],
    };
    return new LightClient(components, { ...rules, mode });
  }

  it('is walked forward height by height', async () => {
    const client = clientFrom('sequential');
    await client.trustHeader(1, hashHeader(block(1).header), now);
    assert.deepEqual(await client.verify(undefined, now), { block: block(LAST), steps: 89 });
  });

  it('is walked forward in steps as long as can be, from every height', async () => {
    for (let from = 1; from < LAST; from += 8) {
      const client = clientFrom('skipping');
      await client.trustHeader(from, hashHeader(block(from).header), now);
      // Four validators become three: more than a third of any set signs all the way.
      assert.deepEqual(await client.verify(undefined, now), { block: block(LAST), steps: 1 });
    }
  });

  it('is walked back by its hash links', async () => {
    const client = clientFrom('skipping');
    await client.trustHeader(LAST, hashHeader(block(LAST).header), now);
    assert.deepEqual(await client.verify(1, now), { block: block(1), steps: 89 });
  });

  it('starts from its genesis file', async () => {
    const client = clientFrom('skipping');
    const genesisTime = parseTime(recorded.genesis.genesis_time);
    const first = recorded.validators.get(1) as readonly Validator[];
    await client.trustGenesis({ initialHeight: 1, genesisTime, validators: ValidatorSet.create(first) }, now);
    assert.deepEqual((await client.verify(40, now)).block, block(40));
  });

  it('has light blocks that read back as they were written', () => {
    for (const original of blocks.values()) {
      original.validators.hash(); // computed when asked for, and then kept
      const read = decodeLightBlock(encodeLightBlock(original));
      read.validators.hash();
      assert.deepEqual(read, original);
    }
  });

  it('is refused with any field of a header, commit or validator set altered', async () => {
    let count = 0;
    for (const height of [2, 33, 34, 57, 58, 90]) {
      const original = block(height);
      // The next height, and a jump: both must notice.
      const trusted = [block(height - 1), block(height === 2 ? 1 : 1 + (height >> 1))];
      for (const altered of alteredBlocks(original)) {
        for (const from of trusted) {
          const outcome = await outcomeOf(() => verifyStep(verifier, rules, from, altered.value(), now));
          assert.notEqual(outcome, 'taken', `${altered.path} of height ${height} from ${from.header.height}`);
          count++;
        }
      }
    }
    assert.ok(count > 1_000, `${count} altered blocks`);
  });

  /** One field altered in each; priorities are left out, which no header names. */
  function* alteredBlocks({
    header,
    commit,
    validators,
  }: LightBlock): Generator<{ path: string; value: () => LightBlock }> {
    for (const { path, value } of alterations(header)) {
      yield { path: `header.${path}`, value: () => ({ header: value, commit, validators }) };
    }
    for (const { path, value } of alterations(commit)) {
      yield { path: `commit.${path}`, value: () => ({ header, commit: value, validators }) };
    }
    for (const { path, value } of alterations(validators.validators)) {
      if (path.endsWith('proposerPriority') || path.endsWith('pubKey.type')) continue;
      const restored = (): ValidatorSet => ValidatorSet.restore(value, validators.proposer.address);
      yield { path: `validators${path}`, value: () => ({ header, commit, validators: restored() }) };
    }
    const fewer = (): ValidatorSet => ValidatorSet.create(validators.validators.slice(1));
    yield { path: 'fewer validators', value: () => ({ header, commit, validators: fewer() }) };
    const { signatures } = commit;
    yield {
      path: 'entries swapped',
      value: () => ({ header, validators, commit: { ...commit, signatures: signatures.toReversed() } }),
    };
    yield {
      path: 'an entry left out',
      value: () => ({ header, validators, commit: { ...commit, signatures: signatures.slice(1) } }),
    };
    yield {
      path: 'an entry twice',
      value: () => ({
        header,
        validators,
        commit: { ...commit, signatures: signatures.with(0, signatures[1] as never) },
      }),
    };
  }
});
