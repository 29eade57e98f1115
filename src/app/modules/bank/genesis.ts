import type { Metadata } from 'cosmjs-types/cosmos/bank/v1beta1/bank';
import type { StateView } from '#state/store.ts';
import { fromLatin1, toLatin1 } from '#util/bytes.ts';
import { type Address, type AddressBook, isAddress } from '../../address.ts';
import { type Coin, isAmountInRange, isDenom, parseAmount } from '../../coins.ts';
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
import { readRecord } from '../../query/handler.ts';
import type { StoreAccess } from '../../store/collection.ts';
import { denomOfBalanceKey } from './invariants.ts';
import { parseBankParams } from './params.ts';
import {
  BALANCES_PREFIX,
  BANK_STORE,
  type BankState,
  decodeAmount,
  METADATA_PREFIX,
  SEND_ENABLED_PREFIX,
  SUPPLY_PREFIX,
} from './state.ts';

const FIELD = 'app_state.bank';

/** Writes `app_state.bank` in the SDK's shape, and returns the addresses that own something. */
export function initBankGenesis(
  access: StoreAccess,
  bank: BankState,
  addresses: AddressBook,
  value: unknown,
): readonly Address[] {
  const state = value === undefined ? {} : genesisObject(value, FIELD);
  bank.setParams(access, parseBankParams(state.params, `${FIELD}.params`));
  const sums = new Map<string, bigint>();
  const owners = writeBalances(access, bank, addresses, state.balances, sums);
  checkSupply(state.supply, sums);
  for (const [denom, amount] of sums) bank.setSupply(access, denom, amount);
  writeSendEnabled(access, bank, state.send_enabled);
  writeMetadata(access, bank, state.denom_metadata);
  return owners;
}

/** What `initBankGenesis` makes the same state of. */
export async function exportBankGenesis(
  view: StateView,
  bank: BankState,
  addresses: AddressBook,
): Promise<GenesisPart> {
  const { defaultSendEnabled } = await bank.queryParams((collection, key) => readRecord(view, collection, key));
  return {
    params: { send_enabled: [], default_send_enabled: defaultSendEnabled },
    balances: exportBalances(view, addresses),
    supply: exportSupply(view),
    denom_metadata: exportMetadata(view, bank),
    send_enabled: exportSendEnabled(view),
  };
}

/** One entry an owner: their keys begin alike, so they follow each other. */
async function* exportBalances(view: StateView, addresses: AddressBook): AsyncGenerator<Json> {
  let owner = '';
  let coins: Json[] = [];
  const entry = (): Json => ({ address: addresses.ofBytes(fromLatin1(owner)).text, coins });
  for await (const [key, value] of view.iterate(BANK_STORE, { prefix: fromLatin1(BALANCES_PREFIX) })) {
    const address = toLatin1(key.subarray(2, 2 + (key[1] as number)));
    if (address !== owner && coins.length > 0) {
      yield entry();
      coins = [];
    }
    owner = address;
    coins.push({ denom: denomOfBalanceKey(key), amount: String(decodeAmount(value)) });
  }
  if (coins.length > 0) yield entry();
}

async function* exportSupply(view: StateView): AsyncGenerator<Json> {
  for await (const [key, value] of view.iterate(BANK_STORE, { prefix: fromLatin1(SUPPLY_PREFIX) })) {
    yield { denom: toLatin1(key.subarray(1)), amount: String(decodeAmount(value)) };
  }
}

async function* exportMetadata(view: StateView, bank: BankState): AsyncGenerator<Json> {
  for await (const [, value] of view.iterate(BANK_STORE, { prefix: fromLatin1(METADATA_PREFIX) })) {
    const { denomUnits, uriHash, ...texts } = bank.metadata.codec.decode(value);
    const { description, base, display, name, symbol, uri } = texts;
    const units = denomUnits.map(({ denom, exponent, aliases }) => ({ denom, exponent, aliases: [...aliases] }));
    yield { description, denom_units: units, base, display, name, symbol, uri, uri_hash: uriHash };
  }
}

async function* exportSendEnabled(view: StateView): AsyncGenerator<Json> {
  for await (const [key, value] of view.iterate(BANK_STORE, { prefix: fromLatin1(SEND_ENABLED_PREFIX) })) {
    yield { denom: toLatin1(key.subarray(1)), enabled: value[0] === 1 };
  }
}

function writeBalances(
  access: StoreAccess,
  bank: BankState,
  addresses: AddressBook,
  value: unknown,
  sums: Map<string, bigint>,
): readonly Address[] {
  const seen = new Set<string>();
  return genesisList(value, `${FIELD}.balances`).map((item, i) => {
    const field = `${FIELD}.balances[${i}]`;
    const entry = genesisObject(item, field);
    const address = addresses.parse(genesisText(entry.address, `${field}.address`));
    if (!isAddress(address)) throw genesisError(`${field}.address`, address.fault);
    if (seen.has(address.key)) throw genesisError(`${field}.address`, `${address.text} comes twice`);
    seen.add(address.key);
    for (const { denom, amount } of readCoins(entry.coins, `${field}.coins`)) {
      if (amount === 0n) continue;
      bank.setBalance(access, address, denom, amount);
      const sum = (sums.get(denom) ?? 0n) + amount;
      if (!isAmountInRange(sum)) throw genesisError(`${field}.coins`, `the sum of ${denom} passes 2^256`);
      sums.set(denom, sum);
    }
    return address;
  });
}

/** The sums are the supply; when the document states it, it must say the same. */
function checkSupply(value: unknown, sums: ReadonlyMap<string, bigint>): void {
  const stated = readCoins(value, `${FIELD}.supply`).filter((coin) => coin.amount > 0n);
  if (stated.length === 0) return;
  for (const { denom, amount } of stated) {
    const sum = sums.get(denom) ?? 0n;
    if (sum !== amount) {
      throw genesisError(`${FIELD}.supply`, `is ${amount}${denom}, but the balances add up to ${sum}${denom}`);
    }
  }
  const missing = [...sums.keys()].find((denom) => !stated.some((coin) => coin.denom === denom));
  if (missing !== undefined) throw genesisError(`${FIELD}.supply`, `lacks ${sums.get(missing)}${missing}`);
}

function readCoins(value: unknown, field: string): readonly Coin[] {
  const seen = new Set<string>();
  return genesisList(value, field).map((item, i) => {
    const entry = genesisObject(item, `${field}[${i}]`);
    const denom = readDenom(entry.denom, `${field}[${i}].denom`);
    const text = genesisText(entry.amount, `${field}[${i}].amount`);
    const amount = parseAmount(text);
    if (amount === undefined || amount < 0n) {
      throw genesisError(`${field}[${i}].amount`, `expected a decimal integer, 0 or more, got ${text.slice(0, 80)}`);
    }
    if (seen.has(denom)) throw genesisError(`${field}[${i}].denom`, `${denom} comes twice`);
    seen.add(denom);
    return { denom, amount };
  });
}

function readDenom(value: unknown, field: string): string {
  const denom = genesisText(value, field);
  if (!isDenom(denom)) throw genesisError(field, `${JSON.stringify(denom.slice(0, 80))} is not a valid denomination`);
  return denom;
}

function writeSendEnabled(access: StoreAccess, bank: BankState, value: unknown): void {
  genesisList(value, `${FIELD}.send_enabled`).forEach((item, i) => {
    const field = `${FIELD}.send_enabled[${i}]`;
    const entry = genesisObject(item, field);
    const enabled = entry.enabled === undefined ? false : genesisBoolean(entry.enabled, `${field}.enabled`);
    bank.setSendEnabled(access, readDenom(entry.denom, `${field}.denom`), enabled);
  });
}

function writeMetadata(access: StoreAccess, bank: BankState, value: unknown): void {
  genesisList(value, `${FIELD}.denom_metadata`).forEach((item, i) => {
    const field = `${FIELD}.denom_metadata[${i}]`;
    bank.setMetadata(access, readMetadata(genesisObject(item, field), field));
  });
}

function readMetadata(entry: Readonly<Record<string, unknown>>, field: string): Metadata {
  const text = (name: string): string =>
    entry[name] === undefined ? '' : genesisText(entry[name], `${field}.${name}`);
  return {
    description: text('description'),
    denomUnits: genesisList(entry.denom_units, `${field}.denom_units`).map((item, i) => {
      const unit = genesisObject(item, `${field}.denom_units[${i}]`);
      return {
        denom: genesisText(unit.denom, `${field}.denom_units[${i}].denom`),
        exponent: genesisNumber(unit.exponent ?? 0, `${field}.denom_units[${i}].exponent`, 0, 255),
        aliases: genesisList(unit.aliases, `${field}.denom_units[${i}].aliases`).map((alias, j) =>
          genesisText(alias, `${field}.denom_units[${i}].aliases[${j}]`),
        ),
      };
    }),
    base: readDenom(entry.base, `${field}.base`),
    display: text('display'),
    name: text('name'),
    symbol: text('symbol'),
    uri: text('uri'),
    uriHash: text('uri_hash'),
  };
}
