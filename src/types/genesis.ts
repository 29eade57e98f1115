import { base64 } from '@scure/base';
import { validatorAddress } from '#crypto/address.ts';
import { sha256 } from '#crypto/hash.ts';
import { EMPTY_BYTES, equalBytes, toHex, toLatin1 } from '#util/bytes.ts';
import { BizraError } from '#util/errors.ts';
import { canonicalJson, deepFreeze } from './canonical-json.ts';
import { check, typesError } from './errors.ts';
import { JsonFields } from './json-fields.ts';
import { MAX_CHAIN_ID_BYTES, MAX_TOTAL_VOTING_POWER, MAX_VALIDATORS } from './limits.ts';
import { type ConsensusParams, validateConsensusParams } from './params.ts';
import { consensusParamsFromJson, consensusParamsToJson } from './params-json.ts';
import { isWellFormedKey, publicKeyLength } from './public-key.ts';
import { formatTime, parseTime, type Time } from './time.ts';
import type { PublicKey } from './validator-set.ts';

export interface GenesisValidator {
  readonly address: Uint8Array;
  readonly pubKey: PublicKey;
  readonly power: bigint;
  readonly name: string;
}

/** How the chain paces its blocks, and its names. On-chain: the same for every node. */
export interface ChainParams {
  readonly bech32Prefix: string;
  readonly baseDenom: string;
  /** Blocks with work come no closer than this. */
  readonly blockIntervalMinMs: number;
  /** Empty blocks come this often; 0 = as fast as they come. */
  readonly emptyBlockIntervalMs: number;
}

/** The genesis file, checked. */
export interface Genesis {
  readonly genesisTime: Time;
  readonly chainId: string;
  readonly initialHeight: number;
  readonly consensusParams: ConsensusParams;
  readonly validators: readonly GenesisValidator[];
  readonly appHash: Uint8Array;
  /** `app_state.chain`. */
  readonly chain: ChainParams;
  /** `app_state` as parsed JSON, module by module; each module checks its own part. */
  readonly appState: Readonly<Record<string, unknown>>;
  /** sha256 of the file's canonical JSON: two nodes with different files never talk. */
  readonly hash: Uint8Array;
}

/** What a new genesis file is made from. */
export interface GenesisContents {
  readonly genesisTime: Time;
  readonly chainId: string;
  /** 1 unless given. */
  readonly initialHeight?: number;
  readonly consensusParams: ConsensusParams;
  readonly validators: readonly { readonly pubKey: PublicKey; readonly power: bigint; readonly name: string }[];
  readonly chain: ChainParams;
  /** The modules' parts; `chain` is added. */
  readonly appState: Readonly<Record<string, unknown>>;
}

/** Longest pause that `app_state.chain` may ask for: an hour. */
const MAX_INTERVAL_MS = 3_600_000;

/** The SDK's rule for denominations. */
const DENOM = /^[a-zA-Z][a-zA-Z0-9/:._-]{2,127}$/;

/** A prefix leaves room for `valoper` and for the 90 characters of bech32. */
const BECH32_PREFIX = /^[a-z][a-z0-9]{0,19}$/;

const KEY_TYPES: Readonly<Record<string, PublicKey['type']>> = {
  'tendermint/PubKeyEd25519': 'ed25519',
  'tendermint/PubKeySecp256k1': 'secp256k1',
};

/**
 * Reads a genesis file: the Cosmos SDK's shape (`consensus.params`, `consensus.validators`) or CometBFT's
 * (`consensus_params`, `validators`), with `app_state.chain`. Throws `bad_genesis` or `bad_params` in one line that
 * names the field, its value and what is expected.
 */
export function parseGenesis(text: string): Genesis {
  const document = parseJson(text);
  const hash = sha256(new TextEncoder().encode(canonicalJson(document)));
  const fields = new JsonFields(deepFreeze(document), '', 'bad_genesis');
  const consensus = consensusPart(fields);
  const consensusParams = readParams(consensus);
  const appState = fields.object('app_state');
  return Object.freeze({
    genesisTime: readTime(fields),
    chainId: readChainId(fields),
    initialHeight: fields.has('initial_height') ? Math.max(1, fields.number('initial_height', 0)) : 1,
    consensusParams: deepFreeze(consensusParams),
    validators: Object.freeze(readValidators(consensus.fields, consensusParams)),
    appHash: readAppHash(fields),
    chain: readChain(appState),
    appState: fields.raw('app_state') as Readonly<Record<string, unknown>>,
    hash,
  });
}

/** A genesis file in the SDK's shape, for people to read. `parseGenesis` accepts it. */
export function formatGenesis(contents: GenesisContents): string {
  return `${JSON.stringify(genesisDocument(contents), null, 2)}\n`;
}

/** The same before it is text. */
export function genesisDocument(contents: GenesisContents): Readonly<Record<string, unknown>> {
  const { chain } = contents;
  return {
    app_name: 'bizra-node',
    app_version: '',
    genesis_time: formatTime(contents.genesisTime),
    chain_id: contents.chainId,
    initial_height: contents.initialHeight ?? 1,
    app_hash: null,
    app_state: {
      ...contents.appState,
      chain: {
        bech32_prefix: chain.bech32Prefix,
        base_denom: chain.baseDenom,
        block_interval_min_ms: String(chain.blockIntervalMinMs),
        empty_block_interval_ms: String(chain.emptyBlockIntervalMs),
      },
    },
    consensus: {
      validators: contents.validators.map(validatorToJson),
      params: consensusParamsToJson(contents.consensusParams),
    },
  };
}

/** The document as CometBFT's RPC answers `genesis`, keys in its order. */
export function genesisToRpcJson(genesis: Genesis): Record<string, unknown> {
  return {
    genesis_time: formatTime(genesis.genesisTime),
    chain_id: genesis.chainId,
    initial_height: String(genesis.initialHeight),
    consensus_params: consensusParamsToJson(genesis.consensusParams),
    ...(genesis.validators.length > 0 ? { validators: genesis.validators.map(validatorToJson) } : {}),
    app_hash: toHex(genesis.appHash).toUpperCase(),
    app_state: genesis.appState,
  };
}

function validatorToJson(validator: {
  readonly pubKey: PublicKey;
  readonly power: bigint;
  readonly name: string;
}): Record<string, unknown> {
  const { pubKey, power, name } = validator;
  const type = Object.keys(KEY_TYPES).find((key) => KEY_TYPES[key] === pubKey.type);
  return {
    address: toHex(validatorAddress(pubKey)).toUpperCase(),
    pub_key: { type, value: base64.encode(pubKey.bytes) },
    power: String(power),
    name,
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new BizraError('bad_genesis', `the genesis document is not JSON: ${reason.slice(0, 160)}`, { cause: error });
  }
}

interface ConsensusPart {
  readonly fields: JsonFields;
  readonly paramsName: 'params' | 'consensus_params';
}

function consensusPart(fields: JsonFields): ConsensusPart {
  if (!fields.has('consensus')) return { fields, paramsName: 'consensus_params' };
  for (const name of ['consensus_params', 'validators']) {
    check(!fields.has(name), 'bad_genesis', () => `both consensus and ${name} are given; keep one of them`);
  }
  return { fields: fields.object('consensus'), paramsName: 'params' };
}

function readParams({ fields, paramsName }: ConsensusPart): ConsensusParams {
  const params = consensusParamsFromJson(fields.object(paramsName));
  validateConsensusParams(params);
  return params;
}

function readTime(fields: JsonFields): Time {
  const text = fields.string('genesis_time');
  try {
    return parseTime(text);
  } catch {
    throw fields.fault('genesis_time', text, 'a time such as 2026-11-20T12:00:00Z');
  }
}

function readChainId(fields: JsonFields): string {
  const chainId = fields.string('chain_id');
  const length = new TextEncoder().encode(chainId).length;
  if (length === 0 || length > MAX_CHAIN_ID_BYTES || chainId.trim() !== chainId) {
    throw fields.fault('chain_id', chainId, `1 to ${MAX_CHAIN_ID_BYTES} bytes without spaces around them`);
  }
  return chainId;
}

function readAppHash(fields: JsonFields): Uint8Array {
  const appHash = fields.hex('app_hash');
  if (appHash.length > 32) throw fields.fault('app_hash', fields.raw('app_hash'), 'at most 32 bytes');
  return appHash;
}

function readValidators(fields: JsonFields, params: ConsensusParams): GenesisValidator[] {
  const entries = fields.objects('validators');
  if (entries.length === 0 || entries.length > MAX_VALIDATORS) {
    const expected = `1 to ${MAX_VALIDATORS} validators (\`bizra-node init\` and \`testnet\` write them)`;
    throw typesError(
      'bad_genesis',
      `${fields.pathOf('validators')} has ${entries.length} entries; expected ${expected}`,
    );
  }
  const validators = entries.map((entry) => readValidator(entry, params));
  const seen = new Set<string>();
  let total = 0n;
  for (const [index, { address, power }] of validators.entries()) {
    const key = toLatin1(address);
    if (seen.has(key)) throw (entries[index] as JsonFields).fault('address', toHex(address), 'no validator twice');
    seen.add(key);
    total += power;
  }
  const within = total <= MAX_TOTAL_VOTING_POWER;
  check(within, 'bad_genesis', () => `the validators' powers sum to ${total}; at most ${MAX_TOTAL_VOTING_POWER} works`);
  return validators;
}

function readValidator(fields: JsonFields, params: ConsensusParams): GenesisValidator {
  const key = fields.object('pub_key');
  const type = KEY_TYPES[key.string('type')];
  if (type === undefined || !params.validator.pubKeyTypes.includes(type)) {
    const known = Object.keys(KEY_TYPES).filter((name) => params.validator.pubKeyTypes.includes(KEY_TYPES[name] ?? ''));
    throw key.fault('type', key.raw('type'), `one of ${known.join(', ')}`);
  }
  const bytes = key.base64('value');
  if (bytes.length !== publicKeyLength(type)) {
    throw key.fault('value', key.raw('value'), `base64 of ${publicKeyLength(type)} bytes`);
  }
  const pubKey: PublicKey = Object.freeze({ type, bytes });
  if (!isWellFormedKey(pubKey)) throw key.fault('value', key.raw('value'), 'a compressed key (02 or 03 first)');
  const address = validatorAddress(pubKey);
  const given = fields.has('address') ? fields.hex('address') : EMPTY_BYTES;
  if (given.length > 0 && !equalBytes(given, address)) {
    throw fields.fault('address', fields.raw('address'), `${toHex(address).toUpperCase()}, the key's own address`);
  }
  const power = fields.integer('power');
  if (power <= 0n) throw fields.fault('power', power, 'a number above 0');
  return Object.freeze({ address, pubKey, power, name: fields.has('name') ? fields.string('name') : '' });
}

function readChain(appState: JsonFields): ChainParams {
  const names = ['bech32_prefix', 'base_denom', 'block_interval_min_ms', 'empty_block_interval_ms'];
  if (!appState.has('chain')) throw appState.fault('chain', undefined, `an object with ${names.join(', ')}`);
  const fields = appState.object('chain');
  for (const name of fields.keys()) {
    if (!names.includes(name))
      throw fields.fault(name, fields.raw(name), `no such field; known are ${names.join(', ')}`);
  }
  const bech32Prefix = fields.string('bech32_prefix');
  if (!BECH32_PREFIX.test(bech32Prefix)) {
    throw fields.fault('bech32_prefix', bech32Prefix, '1 to 20 lower-case letters and digits, a letter first');
  }
  const baseDenom = fields.string('base_denom');
  if (!DENOM.test(baseDenom)) throw fields.fault('base_denom', baseDenom, 'a denomination such as ubizra');
  return Object.freeze({
    bech32Prefix,
    baseDenom,
    blockIntervalMinMs: fields.number('block_interval_min_ms', 0, MAX_INTERVAL_MS),
    emptyBlockIntervalMs: fields.number('empty_block_interval_ms', 0, MAX_INTERVAL_MS),
  });
}
