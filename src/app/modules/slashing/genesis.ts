import { decodeBech32, validatorAddress } from '#crypto/address.ts';
import type { Genesis } from '#types/genesis.ts';
import { parseTime } from '#types/time.ts';
import { toLatin1 } from '#util/bytes.ts';
import { BizraError } from '#util/errors.ts';
import { genesisError } from '../../errors.ts';
import { genesisBoolean, genesisList, genesisNumber, genesisObject, genesisText } from '../../genesis-fields.ts';
import type { StoreAccess } from '../../store/collection.ts';
import { EQUIVOCATION_URL, type PunishedOffence } from './equivocation.ts';
import { JAILED_FOR_EVER, newSigningInfo, type SigningInfo } from './signing-info.ts';
import type { SlashingState } from './state.ts';

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
  for (const [i, { pubKey }] of validators.entries()) {
    const address = validatorAddress(pubKey);
    slashing.setPublicKey(access, address, pubKey);
    const known = infos.get(toLatin1(address));
    if (known?.info.tombstoned === true) {
      throw genesisError(`validators[${i}]`, `${known.info.address} is tombstoned and cannot be a validator`);
    }
    if (known !== undefined) continue;
    slashing.setSigningInfo(access, address, newSigningInfo(slashing.addressText(address), initialHeight));
  }
  for (const offence of readOffences(slashing, appState.evidence)) slashing.addOffence(access, offence);
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
