import assert from 'node:assert/strict';
import { Equivocation } from 'cosmjs-types/cosmos/evidence/v1beta1/evidence';
import {
  QueryAllEvidenceRequest,
  QueryAllEvidenceResponse,
  QueryEvidenceRequest,
  QueryEvidenceResponse,
} from 'cosmjs-types/cosmos/evidence/v1beta1/query';
import {
  QuerySigningInfoRequest,
  QuerySigningInfoResponse,
  QuerySigningInfosRequest,
  QuerySigningInfosResponse,
} from 'cosmjs-types/cosmos/slashing/v1beta1/query';
import { ValidatorSigningInfo } from 'cosmjs-types/cosmos/slashing/v1beta1/slashing';
import { Any } from 'cosmjs-types/google/protobuf/any';
import { Ledger } from '#app/ledger.ts';
import { encodeBech32, validatorAddress } from '#crypto/address.ts';
import { sha256 } from '#crypto/hash.ts';
import { InlineVerifier } from '#crypto/verifier.ts';
import type { Misbehavior } from '#evidence/misbehavior.ts';
import type { Genesis } from '#types/genesis.ts';
import type { PublicKey } from '#types/validator-set.ts';
import { ValidatorSet } from '#types/validator-set.ts';
import { concatBytes, fromHex, toHex } from '#util/bytes.ts';
import { BizraError } from '#util/errors.ts';
import { blockRequest, DENOM, genesisOf, MemoryState, PREFIX } from './support.ts';

const keyOf = (seed: number): PublicKey => ({ type: 'ed25519', bytes: new Uint8Array(32).fill(seed) });
const addressOf = (seed: number): Uint8Array => validatorAddress(keyOf(seed));
const textOf = (seed: number, prefix = PREFIX): string => encodeBech32(`${prefix}valcons`, addressOf(seed));

const SECOND = 1_000_000_000n;
const TIME = 1_700_000_000n * SECOND;

function offence(seed: number, changes: Partial<Misbehavior> = {}): Misbehavior {
  return {
    kind: 'duplicate-vote',
    validator: { address: addressOf(seed), power: 7n },
    height: 1,
    time: TIME,
    totalVotingPower: 30n,
    ...changes,
  };
}

/** A chain of three validators with powers 30, 20 and 10. */
class Bench {
  readonly state = new MemoryState();
  readonly ledger: Ledger;
  validators: ValidatorSet;

  constructor(appState: Record<string, unknown> = {}, prefix = PREFIX) {
    const powers = [30n, 20n, 10n];
    this.validators = ValidatorSet.create(powers.map((votingPower, at) => ({ pubKey: keyOf(at + 1), votingPower })));
    this.ledger = new Ledger(
      { verifier: new InlineVerifier(), state: this.state },
      { chainId: 'test-1', bech32Prefix: prefix, baseDenom: DENOM },
    );
    const genesis: Genesis = {
      ...genesisOf([], { appState }),
      validators: powers.map((power, at) => ({
        pubKey: keyOf(at + 1),
        power,
        name: '',
        address: addressOf(at + 1),
      })),
    };
    this.state.apply(this.ledger.initGenesis(genesis).changes, 0);
  }

  async apply(misbehavior: readonly Misbehavior[]) {
    const height = this.state.height + 1;
    const request = { ...blockRequest(height, []), nextValidators: this.validators, misbehavior };
    const execution = await this.ledger.execute(request);
    this.state.apply(execution.changes, height);
    if (execution.validatorUpdates.length > 0)
      this.validators = this.validators.withUpdates(execution.validatorUpdates);
    return execution;
  }

  signingInfo(seed: number): ValidatorSigningInfo | undefined {
    const key = concatBytes(Uint8Array.of(1, 20), addressOf(seed));
    const record = this.state.get('slashing', key);
    return record === undefined ? undefined : ValidatorSigningInfo.decode(record);
  }

  async query(path: string, request: Uint8Array): Promise<Uint8Array> {
    const answer = await this.ledger.query(path, request, this.state.view());
    assert.equal(answer.code, 0, answer.log);
    return answer.value ?? new Uint8Array(0);
  }
}

describe('slashing', () => {
  it('genesis writes a clean record and the key of every validator, as the SDK keeps them', () => {
    const bench = new Bench();
    assert.deepEqual(bench.signingInfo(1), {
      address: textOf(1),
      startHeight: 1n,
      indexOffset: 0n,
      jailedUntil: { seconds: 0n, nanos: 0 },
      tombstoned: false,
      missedBlocksCounter: 0n,
    });
    const key = bench.state.get('slashing', concatBytes(Uint8Array.of(3, 20), addressOf(1)));
    const any = Any.decode(key as Uint8Array);
    assert.equal(any.typeUrl, '/cosmos.crypto.ed25519.PubKey');
    assert.equal(toHex(any.value), `0a20${toHex(keyOf(1).bytes)}`);
  });

  it('equivocation: tombstones the validator, jails it for ever, keeps the offence, and removes it from the set', async () => {
    const bench = new Bench();
    const { validatorUpdates, blockEvents } = await bench.apply([offence(2)]);
    assert.deepEqual(validatorUpdates, [{ pubKey: keyOf(2), power: 0n }]);
    const info = bench.signingInfo(2);
    assert.equal(info?.tombstoned, true);
    assert.equal(info?.jailedUntil.seconds, 253_402_300_799n);
    assert.ok(bench.ledger.isTombstoned(addressOf(2)));
    assert.ok(!bench.ledger.isTombstoned(addressOf(1)));
    const mode = { key: 'mode', value: 'BeginBlock', index: true };
    const attribute = (key: string, value: string) => ({ key, value, index: true });
    assert.deepEqual(blockEvents, [
      {
        type: 'slash',
        attributes: [
          attribute('address', textOf(2)),
          attribute('power', '7'),
          attribute('reason', 'double_sign'),
          attribute('burned_coins', '0'),
          mode,
        ],
      },
      { type: 'slash', attributes: [attribute('jailed', textOf(2)), mode] },
    ]);
    const equivocation = Equivocation.encode({
      height: 1n,
      time: { seconds: 1_700_000_000n, nanos: 0 },
      power: 7n,
      consensusAddress: textOf(2),
    }).finish();
    const record = bench.state.get('evidence', concatBytes(Uint8Array.of(0), sha256(equivocation)));
    assert.deepEqual(Any.decode(record as Uint8Array), {
      typeUrl: '/cosmos.evidence.v1beta1.Equivocation',
      value: equivocation,
    });
    assert.deepEqual(await bench.ledger.invariants(bench.state.view()), []);
  });

  it('equivocation-custom-prefix: a second proof has no effect, under any prefix', async () => {
    for (const prefix of ['bizra', 'cosmos', 'x']) {
      const bench = new Bench({}, prefix);
      const first = await bench.apply([offence(1), offence(1, { height: 2 })]);
      assert.equal(first.validatorUpdates.length, 1);
      assert.equal(first.blockEvents.length, 2);
      assert.equal(bench.signingInfo(1)?.address, textOf(1, prefix));
      const again = await bench.apply([offence(1, { kind: 'light-client-attack', height: 3 })]);
      assert.deepEqual(again.validatorUpdates, []);
      assert.deepEqual(again.blockEvents, []);
      assert.equal([...again.changes.values()].flatMap((changes) => [...changes]).length, 0);
    }
  });

  it('evidence-edges: unknown validators, strange powers and heights have no effect or the usual one, and never throw', async () => {
    const bench = new Bench();
    const stranger = await bench.apply([offence(99)]);
    assert.deepEqual(stranger.validatorUpdates, []);
    assert.deepEqual(stranger.blockEvents, []);
    const odd = [
      offence(1, { height: 0 }),
      offence(1, { height: Number.MAX_SAFE_INTEGER, time: 0n }),
      offence(2, { validator: { address: addressOf(2), power: 2n ** 60n }, totalVotingPower: 0n }),
      offence(50, { validator: { address: new Uint8Array(20), power: -1n } }),
    ];
    const { validatorUpdates } = await bench.apply(odd);
    assert.deepEqual(
      validatorUpdates.map(({ pubKey }) => pubKey),
      [keyOf(1), keyOf(2)],
    );
  });

  it('one that left the set before is tombstoned, without an update', async () => {
    const bench = new Bench();
    bench.validators = bench.validators.withUpdates([{ pubKey: keyOf(3), power: 0n }]);
    const { validatorUpdates, blockEvents } = await bench.apply([offence(3)]);
    assert.deepEqual(validatorUpdates, []);
    assert.equal(blockEvents.length, 2);
    assert.equal(bench.signingInfo(3)?.tombstoned, true);
  });

  it('one that joined without a record is punished all the same', async () => {
    const bench = new Bench();
    bench.validators = bench.validators.withUpdates([{ pubKey: keyOf(9), power: 5n }]);
    const { validatorUpdates } = await bench.apply([offence(9)]);
    assert.deepEqual(validatorUpdates, [{ pubKey: keyOf(9), power: 0n }]);
    assert.equal(bench.signingInfo(9)?.tombstoned, true);
    assert.deepEqual(await bench.ledger.invariants(bench.state.view()), []);
  });

  it('the last one standing is the strongest; it leaves when another has come', async () => {
    const bench = new Bench();
    const { validatorUpdates } = await bench.apply([offence(3), offence(1), offence(2)]);
    assert.deepEqual(
      validatorUpdates.map(({ pubKey }) => pubKey),
      [keyOf(2), keyOf(3)],
    );
    assert.equal(bench.signingInfo(1)?.tombstoned, true);
    bench.validators = bench.validators.withUpdates([
      { pubKey: keyOf(8), power: 1n },
      { pubKey: keyOf(9), power: 1n },
    ]);
    const later = await bench.apply([offence(9)]);
    assert.deepEqual(
      new Set(later.validatorUpdates.map(({ pubKey }) => toHex(pubKey.bytes))),
      new Set([keyOf(1), keyOf(9)].map(({ bytes }) => toHex(bytes))),
    );
  });

  it('queries answer as the SDK does', async () => {
    const bench = new Bench();
    await bench.apply([offence(2)]);
    const one = await bench.query(
      '/cosmos.slashing.v1beta1.Query/SigningInfo',
      QuerySigningInfoRequest.encode({ consAddress: textOf(2) }).finish(),
    );
    assert.equal(QuerySigningInfoResponse.decode(one).valSigningInfo.tombstoned, true);
    const all = await bench.query(
      '/cosmos.slashing.v1beta1.Query/SigningInfos',
      QuerySigningInfosRequest.encode({}).finish(),
    );
    assert.equal(QuerySigningInfosResponse.decode(all).info.length, 3);
    const list = await bench.query(
      '/cosmos.evidence.v1beta1.Query/AllEvidence',
      QueryAllEvidenceRequest.encode({}).finish(),
    );
    const [evidence] = QueryAllEvidenceResponse.decode(list).evidence;
    assert.ok(evidence !== undefined);
    const hash = toHex(sha256(evidence.value));
    const found = await bench.query(
      '/cosmos.evidence.v1beta1.Query/Evidence',
      QueryEvidenceRequest.encode({ hash, evidenceHash: new Uint8Array(0) }).finish(),
    );
    assert.deepEqual(QueryEvidenceResponse.decode(found).evidence, evidence);
    for (const [path, request] of [
      ['slashing.v1beta1.Query/SigningInfo', QuerySigningInfoRequest.encode({ consAddress: textOf(77) }).finish()],
      ['slashing.v1beta1.Query/SigningInfo', QuerySigningInfoRequest.encode({ consAddress: 'nonsense' }).finish()],
      [
        'slashing.v1beta1.Query/SigningInfo',
        QuerySigningInfoRequest.encode({ consAddress: textOf(1, 'cosmos') }).finish(),
      ],
      [
        'evidence.v1beta1.Query/Evidence',
        QueryEvidenceRequest.encode({ hash: '00', evidenceHash: fromHex('00') }).finish(),
      ],
    ] as const) {
      const answer = await bench.ledger.query(`/cosmos.${path}`, request, bench.state.view());
      assert.notEqual(answer.code, 0, path);
    }
  });

  describe('genesis', () => {
    const info = (changes: object = {}) => ({
      address: textOf(40),
      validator_signing_info: {
        address: textOf(40),
        start_height: '3',
        index_offset: '1',
        jailed_until: '9999-12-31T23:59:59Z',
        tombstoned: true,
        missed_blocks_counter: '2',
        ...changes,
      },
    });
    const evidence = {
      '@type': '/cosmos.evidence.v1beta1.Equivocation',
      height: '5',
      time: '2026-01-02T03:04:05Z',
      power: '10',
      consensus_address: textOf(40),
    };

    it('takes what another chain exports', async () => {
      const bench = new Bench({ slashing: { signing_infos: [info()] }, evidence: { evidence: [evidence] } });
      assert.equal(bench.signingInfo(40)?.missedBlocksCounter, 2n);
      assert.ok(bench.ledger.isTombstoned(addressOf(40)));
      assert.equal(bench.state.stores.get('evidence')?.size, 1);
      assert.deepEqual((await bench.apply([offence(40)])).blockEvents, []);
      assert.deepEqual(await bench.ledger.invariants(bench.state.view()), []);
    });

    const faults: [name: string, appState: Record<string, unknown>, field: RegExp][] = [
      [
        'a tombstone that ends',
        { slashing: { signing_infos: [info({ jailed_until: '2026-01-02T03:04:05Z' })] } },
        /jailed_until/,
      ],
      [
        'two records of one',
        { slashing: { signing_infos: [info(), info()] } },
        /signing_infos\[1\]\.address: comes twice/,
      ],
      [
        'a record of another',
        { slashing: { signing_infos: [{ ...info(), address: textOf(41) }] } },
        /validator_signing_info\.address/,
      ],
      [
        'an account address',
        { slashing: { signing_infos: [{ ...info(), address: encodeBech32(PREFIX, addressOf(1)) }] } },
        /valcons/,
      ],
      ['no time', { slashing: { signing_infos: [info({ jailed_until: 'soon' })] } }, /jailed_until/],
      [
        'a tombstoned validator',
        {
          slashing: {
            signing_infos: [
              { address: textOf(1), validator_signing_info: { ...info().validator_signing_info, address: textOf(1) } },
            ],
          },
        },
        /validators\[0\]/,
      ],
      ['evidence of another kind', { evidence: { evidence: [{ ...evidence, '@type': '/x' }] } }, /@type/],
    ];
    for (const [name, appState, field] of faults) {
      it(`names the field: ${name}`, () => {
        assert.throws(
          () => new Bench(appState),
          (error) => error instanceof BizraError && field.test(error.message),
        );
      });
    }
  });
});
