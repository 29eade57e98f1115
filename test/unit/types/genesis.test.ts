import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { formatGenesis, type Genesis, type GenesisContents, genesisToRpcJson, parseGenesis } from '#types/genesis.ts';
import { MAX_TOTAL_VOTING_POWER } from '#types/limits.ts';
import { DEFAULT_CONSENSUS_PARAMS } from '#types/params.ts';
import { toHex } from '#util/bytes.ts';
import { makeValidators, NOW } from './fixtures.ts';

const { validators } = makeValidators([10n, 20n]);
const chain = { bech32Prefix: 'bizra', baseDenom: 'ubizra', blockIntervalMinMs: 250, emptyBlockIntervalMs: 5000 };
const contents: GenesisContents = {
  genesisTime: NOW,
  chainId: 'unit-1',
  consensusParams: DEFAULT_CONSENSUS_PARAMS,
  validators: validators.validators.map(({ pubKey, votingPower }, i) => ({
    pubKey,
    power: votingPower,
    name: `v${i}`,
  })),
  chain,
  appState: { auth: { accounts: [] }, bank: { balances: [{ address: 'x', coins: [] }] } },
};
const text = formatGenesis(contents);

type Document = Record<string, unknown>;
/** A copy of the document with one path set, or deleted when the value is undefined. */
function altered(path: string, value: unknown, source: string = text): string {
  const document = JSON.parse(source) as Document;
  const steps = path.split('.');
  const last = steps.pop() as string;
  const parent = steps.reduce((object, step) => object[step] as Document, document);
  if (value === undefined) delete parent[last];
  else parent[last] = value;
  return JSON.stringify(document);
}

describe('genesis', () => {
  it("writes and reads the SDK's shape", () => {
    const genesis = parseGenesis(text);
    assert.equal(genesis.chainId, 'unit-1');
    assert.equal(genesis.genesisTime, NOW);
    assert.equal(genesis.initialHeight, 1);
    assert.deepEqual(genesis.consensusParams, DEFAULT_CONSENSUS_PARAMS);
    assert.deepEqual(genesis.chain, chain);
    assert.deepEqual(Object.keys(genesis.appState), ['auth', 'bank', 'chain']);
    assert.deepEqual(
      genesis.validators.map(({ address, power, name }) => [toHex(address), power, name]),
      validators.validators.map(({ address, votingPower }, i) => [toHex(address), votingPower, `v${i}`]),
    );
    assert.ok(text.endsWith('}\n'));
  });

  it("reads CometBFT's shape, as its RPC shows it", () => {
    const genesis = parseGenesis(text);
    const again = parseGenesis(JSON.stringify(genesisToRpcJson(genesis)));
    const { hash: _, ...fields } = genesis;
    const { hash: __, ...otherFields } = again;
    assert.deepEqual(otherFields, fields);
  });

  it('answers the RPC with the keys and kinds of a recorded chain', () => {
    const file = new URL('../../vectors/data/cometbft-0.38.26/genesis.jsonl', import.meta.url);
    const recorded = JSON.parse(readFileSync(file, 'utf8')) as Document;
    const own = genesisToRpcJson(parseGenesis(text));
    assert.deepEqual(
      Object.keys(own).filter((key) => key !== 'validators'),
      Object.keys(recorded),
    );
    const kinds = (value: unknown): unknown =>
      typeof value === 'object' && value !== null && !Array.isArray(value)
        ? Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, kinds(inner)]))
        : Array.isArray(value)
          ? 'array'
          : typeof value;
    for (const key of ['genesis_time', 'chain_id', 'initial_height', 'consensus_params', 'app_hash']) {
      assert.deepEqual(kinds(own[key]), kinds(recorded[key]), key);
      assert.deepEqual(JSON.stringify(kinds(own[key])), JSON.stringify(kinds(recorded[key])), `order of ${key}`);
    }
  });

  it('accepts numbers and numeric strings, null and absent', () => {
    for (const [path, value] of [
      ['initial_height', '7'],
      ['initial_height', 7],
      ['app_hash', ''],
      ['app_hash', null],
      ['app_hash', undefined],
      ['app_state.chain.block_interval_min_ms', 250],
      ['consensus.params.version', {}],
      ['consensus.params.abci', {}],
      ['consensus.params.version', undefined],
      ['consensus.validators.0.power', 10],
      ['consensus.validators.0.address', ''],
      ['consensus.validators.0.name', undefined],
    ] as const) {
      const genesis = parseGenesis(altered(path, value));
      if (path === 'initial_height') assert.equal(genesis.initialHeight, 7);
    }
    assert.equal(parseGenesis(altered('initial_height', '0')).initialHeight, 1);
  });

  it('hashes what the file says, not how it is written', () => {
    const { hash } = parseGenesis(text);
    assert.equal(toHex(parseGenesis(JSON.stringify(JSON.parse(text))).hash), toHex(hash));
    assert.notEqual(toHex(parseGenesis(altered('app_state.bank.balances', [])).hash), toHex(hash));
    assert.notEqual(toHex(parseGenesis(altered('app_state.extra', {})).hash), toHex(hash));
  });

  it('is frozen through and through', () => {
    const genesis = parseGenesis(text);
    const bank = genesis.appState.bank as { balances: { coins: unknown[] }[] };
    assert.throws(() => bank.balances[0]?.coins.push(1), TypeError);
    assert.throws(() => {
      (genesis.consensusParams.block as { maxGas: number }).maxGas = 1;
    }, TypeError);
    assert.throws(() => (genesis.validators as Genesis['validators'][0][]).pop(), TypeError);
  });

  it('names field, value and remedy of every fault in one line', () => {
    const key = validators.validators[1]?.pubKey.bytes as Uint8Array;
    const faults: [path: string, value: unknown, message: RegExp][] = [
      ['genesis_time', undefined, /^genesis_time is missing; expected/],
      ['genesis_time', 'yesterday', /^genesis_time is "yesterday"; expected a time such as/],
      ['chain_id', '', /^chain_id is ""/],
      ['chain_id', 'x'.repeat(51), /^chain_id is .*1 to 50 bytes/],
      ['chain_id', ' x', /^chain_id/],
      ['chain_id', 5, /^chain_id is 5; expected a string/],
      ['initial_height', -1, /^initial_height is -1/],
      ['initial_height', 'abc', /^initial_height is "abc"; expected a whole number/],
      ['initial_height', '9007199254740992', /^initial_height is 9007199254740992/],
      ['initial_height', 1.5, /^initial_height is 1.5; write it as a string/],
      ['app_hash', 'xyz', /^app_hash is "xyz"; expected hex/],
      ['app_hash', '00'.repeat(33), /^app_hash/],
      ['app_state', undefined, /^app_state is missing; expected an object/],
      ['app_state', [], /^app_state is \[\]; expected an object/],
      ['app_state.chain', undefined, /^app_state.chain is missing; expected an object with bech32_prefix/],
      ['app_state.chain.bech32_prefix', 'Bizra', /^app_state.chain.bech32_prefix is "Bizra"/],
      ['app_state.chain.bech32_prefix', undefined, /^app_state.chain.bech32_prefix is missing/],
      ['app_state.chain.base_denom', 'u', /^app_state.chain.base_denom is "u"/],
      [
        'app_state.chain.block_interval_min_ms',
        -1,
        /^app_state.chain.block_interval_min_ms is -1; expected a number from 0/,
      ],
      ['app_state.chain.empty_block_interval_ms', 3_600_001, /^app_state.chain.empty_block_interval_ms is 3600001/],
      [
        'app_state.chain.empty_block_interval',
        5,
        /^app_state.chain.empty_block_interval is 5; expected no such field; known are/,
      ],
      ['app_state.bank.balances', 0.1, /^app_state.bank.balances is 0.1; write it as a string/],
      ['app_state.bank.balances', 2 ** 53, /^app_state.bank.balances is 9007199254740992; write it as a string/],
      ['consensus', undefined, /^consensus_params is missing; expected an object/],
      ['consensus.params', undefined, /^consensus.params is missing; expected an object/],
      ['consensus.params.block', {}, /^consensus.params.block.max_bytes is missing/],
      ['consensus.params.block.max_bytes', '0', /block.max_bytes is 0/],
      ['consensus.params.evidence.max_age_duration', '1h', /^consensus.params.evidence.max_age_duration is "1h"/],
      ['consensus.params.validator.pub_key_types', ['rsa'], /"rsa"/],
      ['consensus.params.validator.pub_key_types', [1], /pub_key_types is 1; expected an array of strings/],
      ['consensus.params.abci', { vote_extensions_enable_height: '5' }, /vote_extensions_enable_height is 5/],
      ['validators', [], /^both consensus and validators are given/],
      ['consensus_params', {}, /^both consensus and consensus_params are given/],
      ['consensus.validators', [], /^consensus.validators has 0 entries; expected 1 to 10000/],
      ['consensus.validators', null, /^consensus.validators has 0 entries/],
      ['consensus.validators', {}, /^consensus.validators is {}; expected an array/],
      ['consensus.validators.0', 5, /^consensus.validators\[0\] is 5; expected an object/],
      ['consensus.validators.0.power', '0', /^consensus.validators\[0\].power is 0; expected a number above 0/],
      ['consensus.validators.0.power', '-5', /^consensus.validators\[0\].power is -5/],
      ['consensus.validators.0.power', '05', /^consensus.validators\[0\].power is "05"/],
      ['consensus.validators.0.power', String(MAX_TOTAL_VOTING_POWER), /^the validators' powers sum to/],
      [
        'consensus.validators.0.address',
        '00'.repeat(20),
        /^consensus.validators\[0\].address is .*the key's own address/,
      ],
      [
        'consensus.validators.0.pub_key.type',
        'x',
        /^consensus.validators\[0\].pub_key.type is "x"; expected one of tendermint\/PubKeyEd25519$/,
      ],
      ['consensus.validators.0.pub_key.type', 'tendermint/PubKeySecp256k1', /pub_key.type is/],
      [
        'consensus.validators.0.pub_key.value',
        'AAAA',
        /^consensus.validators\[0\].pub_key.value is "AAAA"; expected base64 of 32 bytes/,
      ],
      ['consensus.validators.0.pub_key.value', '*', /expected base64$/],
    ];
    for (const [path, value, message] of faults) {
      assert.throws(
        () => parseGenesis(altered(path, value)),
        (error: Error) => {
          assert.equal(error.name, 'BizraError');
          assert.match(error.message, message, `${path} = ${JSON.stringify(value)}`);
          assert.ok(error.message.length < 300 && !error.message.includes('\n'), 'one short line');
          return true;
        },
      );
    }
    const twice = altered('consensus.validators.0.pub_key.value', Buffer.from(key).toString('base64'));
    assert.throws(() => parseGenesis(altered('consensus.validators.0.address', '', twice)), /no validator twice/);
  });

  it('refuses text that is no JSON object, and nesting without end', () => {
    for (const bad of ['', 'null', '[]', '5', '{', 'x'.repeat(100_000), `{"__proto__":{"chain_id":"x"}}`]) {
      assert.throws(() => parseGenesis(bad), { name: 'BizraError', code: 'bad_genesis' });
    }
    const deep = `${'['.repeat(5000)}${']'.repeat(5000)}`;
    assert.throws(() => parseGenesis(`{"app_state":${deep}}`), { code: 'bad_genesis', message: /nested deeper/ });
  });

  it('secp-key-and-signature-form: secp256k1 validators need their type allowed and a compressed key', () => {
    const bytes = new Uint8Array(33).fill(1);
    const withKey = (prefix: number): string => {
      bytes[0] = prefix;
      const allowed = altered('consensus.params.validator.pub_key_types', ['ed25519', 'secp256k1']);
      const pubKey = { type: 'tendermint/PubKeySecp256k1', value: Buffer.from(bytes).toString('base64') };
      return altered('consensus.validators.0.address', '', altered('consensus.validators.0.pub_key', pubKey, allowed));
    };
    assert.equal(parseGenesis(withKey(2)).validators[0]?.pubKey.type, 'secp256k1');
    assert.throws(() => parseGenesis(withKey(4)), /02 or 03 first/);
  });
});
