import { decodeBech32, validatorAddress } from '#crypto/address.ts';
import type { StateView } from '#state/store.ts';
import type { Genesis } from '#types/genesis.ts';
import { isWellFormedKey, type PublicKey } from '#types/public-key.ts';
import { formatTime, parseTime } from '#types/time.ts';
import { equalBytes, fromLatin1, toLatin1 } from '#util/bytes.ts';
import { BizraError } from '#util/errors.ts';
import { fromBase64, toBase64 } from '../../codec/text.ts';
import { genesisError } from '../../errors.ts';
import {
  type GenesisPart,
  genesisBoolean,
  genesisList,
  genesisNumber,
  genesisObject,
  genesisText,
  type Json,
} from '../../genesis-fields.ts';
import type { StoreAccess } from '../../store/collection.ts';
import { CONSENSUS_KEY_URLS } from './consensus-key.ts';
import { EQUIVOCATION_URL, type PunishedOffence } from './equivocation.ts';
import { JAILED_FOR_EVER, newSigningInfo, type SigningInfo } from './signing-info.ts';
import {
  EVIDENCE_STORE,
  OFFENCE_PREFIX,
  PUBLIC_KEY_PREFIX,
  SIGNING_INFO_PREFIX,
  SLASHING_STORE,
  type SlashingState,
} from './state.ts';

const SLASHING = 'app_state.slashing';
const EVIDENCE = 'app_state.evidence';
const ADDRESS_BYTES = 20;

type Fields = Readonly<Record<string, unknown>>;

/**
 * Writes `app_state.slashing` and `app_state.evidence` in the SDK's shape, and a clean record for every first validator
 * that has none there.
 */
export function initSlashingGenesis(access: StoreAccess, slashing: SlashingState, genesis: Genesis): void {
  const { appState, validators, initialHeight } = genesis;
  const infos = readSigningInfos(slashing, appState.slashing);
  for (const { address, info } of infos.values()) slashing.setSigningInfo(access, address, info);
  for (const { address, key } of readPublicKeys(slashing, appState.slashing))
    slashing.setPublicKey(access, address, key);
  for (const [i, { pubKey }] of validators.entries()) {
    const address = validatorAddress(pubKey);
    slashing.setPublicKey(access, address, pubKey);
    const known = infos.get(toLatin1(address));
    // Where all were punished the strongest stays, until somebody takes its place (punish.ts).
    if (known?.info.tombstoned === true && validators.length > 1) {
      throw genesisError(`validators[${i}]`, `${known.info.address} is tombstoned and cannot be a validator`);
    }
    if (known !== undefined) continue;
    slashing.setSigningInfo(access, address, newSigningInfo(slashing.addressText(address), initialHeight));
  }
  for (const offence of readOffences(slashing, appState.evidence)) slashing.addOffence(access, offence);
}

/** What `initSlashingGenesis` makes the same state of: `app_state.slashing`. */
export function exportSlashingGenesis(view: StateView, slashing: SlashingState): GenesisPart {
  return { signing_infos: exportSigningInfos(view, slashing), public_keys: exportPublicKeys(view, slashing) };
}

/** `app_state.evidence`: who was punished once is not punished again. */
export function exportEvidenceGenesis(view: StateView, slashing: SlashingState): GenesisPart {
  return { evidence: exportOffences(view, slashing) };
}

async function* exportSigningInfos(view: StateView, slashing: SlashingState): AsyncGenerator<Json> {
  for await (const [key, value] of view.iterate(SLASHING_STORE, { prefix: fromLatin1(SIGNING_INFO_PREFIX) })) {
    const info = slashing.signingInfos.codec.decode(value);
    yield {
      address: slashing.addressText(addressIn(key)),
      validator_signing_info: {
        address: info.address,
        start_height: String(info.startHeight),
        index_offset: String(info.indexOffset),
        jailed_until: formatTime(info.jailedUntil),
        tombstoned: info.tombstoned,
        missed_blocks_counter: String(info.missedBlocksCounter),
      },
    };
  }
}

/** Our own: the SDK finds the keys of its validators in its staking module. */
async function* exportPublicKeys(view: StateView, slashing: SlashingState): AsyncGenerator<Json> {
  for await (const [key, value] of view.iterate(SLASHING_STORE, { prefix: fromLatin1(PUBLIC_KEY_PREFIX) })) {
    const { type, bytes } = slashing.publicKeys.codec.decode(value);
    const pubKey = { '@type': CONSENSUS_KEY_URLS[type], key: toBase64(bytes) };
    yield { address: slashing.addressText(addressIn(key)), pub_key: pubKey };
  }
}

async function* exportOffences(view: StateView, slashing: SlashingState): AsyncGenerator<Json> {
  for await (const [, value] of view.iterate(EVIDENCE_STORE, { prefix: fromLatin1(OFFENCE_PREFIX) })) {
    const { height, time, power, consensusAddress } = slashing.offences.codec.decode(value);
    yield {
      '@type': EQUIVOCATION_URL,
      height: String(height),
      time: formatTime(time),
      power: String(power),
      consensus_address: consensusAddress,
    };
  }
}

/** `prefix | length | address`. */
function addressIn(key: Uint8Array): Uint8Array {
  return key.subarray(2);
}

interface Entry {
  readonly address: Uint8Array;
  readonly info: SigningInfo;
}

function readSigningInfos(slashing: SlashingState, value: unknown): ReadonlyMap<string, Entry> {
  const entries = new Map<string, Entry>();
  if (value === undefined) return entries;
  const state = genesisObject(value, SLASHING);
  for (const [i, item] of genesisList(state.signing_infos, `${SLASHING}.signing_infos`).entries()) {
    const field = `${SLASHING}.signing_infos[${i}]`;
    const entry = genesisObject(item, field);
    const address = readAddress(slashing, entry.address, `${field}.address`);
    const key = toLatin1(address);
    if (entries.has(key)) throw genesisError(`${field}.address`, 'comes twice');
    const info = readInfo(
      slashing.addressText(address),
      genesisObject(entry.validator_signing_info, `${field}.validator_signing_info`),
      `${field}.validator_signing_info`,
    );
    entries.set(key, { address, info });
  }
  return entries;
}

function readPublicKeys(
  slashing: SlashingState,
  value: unknown,
): { readonly address: Uint8Array; readonly key: PublicKey }[] {
  if (value === undefined) return [];
  return genesisList(genesisObject(value, SLASHING).public_keys, `${SLASHING}.public_keys`).map((item, i) => {
    const field = `${SLASHING}.public_keys[${i}]`;
    const entry = genesisObject(item, field);
    const address = readAddress(slashing, entry.address, `${field}.address`);
    const key = readConsensusKey(genesisObject(entry.pub_key, `${field}.pub_key`), `${field}.pub_key`);
    if (!equalBytes(validatorAddress(key), address)) throw genesisError(`${field}.pub_key`, 'is of another address');
    return { address, key };
  });
}

function readConsensusKey(entry: Fields, field: string): PublicKey {
  const types = Object.keys(CONSENSUS_KEY_URLS) as PublicKey['type'][];
  const type = types.find((name) => CONSENSUS_KEY_URLS[name] === entry['@type']);
  const bytes = fromBase64(genesisText(entry.key, `${field}.key`));
  if (type !== undefined && bytes !== undefined && isWellFormedKey({ type, bytes })) return { type, bytes };
  throw genesisError(field, `expected a key of ${Object.values(CONSENSUS_KEY_URLS).join(' or ')}`);
}

function readInfo(address: string, entry: Fields, field: string): SigningInfo {
  if (entry.address !== address) throw genesisError(`${field}.address`, `is not ${address}`);
  const number = (name: string): bigint =>
    entry[name] === undefined
      ? 0n
      : BigInt(genesisNumber(entry[name], `${field}.${name}`, 0, Number.MAX_SAFE_INTEGER - 1));
  const tombstoned = entry.tombstoned === undefined ? false : genesisBoolean(entry.tombstoned, `${field}.tombstoned`);
  const jailedUntil = readTime(entry.jailed_until, `${field}.jailed_until`);
  if (tombstoned && jailedUntil !== JAILED_FOR_EVER) {
    throw genesisError(`${field}.jailed_until`, 'must be 9999-12-31T23:59:59Z for a tombstoned validator');
  }
  return {
    address,
    startHeight: number('start_height'),
    indexOffset: number('index_offset'),
    jailedUntil,
    tombstoned,
    missedBlocksCounter: number('missed_blocks_counter'),
  };
}

function readOffences(slashing: SlashingState, value: unknown): PunishedOffence[] {
  if (value === undefined) return [];
  const state = genesisObject(value, EVIDENCE);
  return genesisList(state.evidence, `${EVIDENCE}.evidence`).map((item, i) => {
    const field = `${EVIDENCE}.evidence[${i}]`;
    const entry = genesisObject(item, field);
    if (entry['@type'] !== EQUIVOCATION_URL) throw genesisError(`${field}.@type`, `expected ${EQUIVOCATION_URL}`);
    const number = (name: string): bigint =>
      BigInt(genesisNumber(entry[name], `${field}.${name}`, 1, Number.MAX_SAFE_INTEGER - 1));
    return {
      height: number('height'),
      time: readTime(entry.time, `${field}.time`),
      power: number('power'),
      consensusAddress: slashing.addressText(
        readAddress(slashing, entry.consensus_address, `${field}.consensus_address`),
      ),
    };
  });
}

function readAddress(slashing: SlashingState, value: unknown, field: string): Uint8Array {
  const text = genesisText(value, field);
  const { prefix, bytes } = read(() => decodeBech32(text), field);
  if (prefix !== slashing.addressPrefix || bytes.length !== ADDRESS_BYTES) {
    throw genesisError(field, `expected a consensus address that begins with ${slashing.addressPrefix}`);
  }
  return bytes;
}

function readTime(value: unknown, field: string): bigint {
  const text = genesisText(value, field);
  return read(() => parseTime(text), field);
}

function read<Value>(parse: () => Value, field: string): Value {
  try {
    return parse();
  } catch (error) {
    if (error instanceof BizraError) throw genesisError(field, error.message);
    throw error;
  }
}
