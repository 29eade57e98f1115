import { accountAddress } from '#crypto/address.ts';
import { hasSecp256k1KeyForm } from '#crypto/secp256k1-form.ts';
import type { StateView } from '#state/store.ts';
import { equalBytes, fromLatin1 } from '#util/bytes.ts';
import { type Address, type AddressBook, isAddress } from '../../address.ts';
import { fromBase64, toBase64 } from '../../codec/text.ts';
import { genesisError } from '../../errors.ts';
import {
  type GenesisPart,
  genesisList,
  genesisNumber,
  genesisObject,
  genesisText,
  type Json,
} from '../../genesis-fields.ts';
import { readRecord } from '../../query/handler.ts';
import type { StoreAccess } from '../../store/collection.ts';
import { type Account, BASE_ACCOUNT_URL, MODULE_ACCOUNT_URL, SECP256K1_PUB_KEY_URL } from './account.ts';
import { FEE_COLLECTOR } from './module-accounts.ts';
import { authParamsMessage, parseAuthParams } from './params.ts';
import { ACCOUNT_PREFIX, AUTH_STORE, type AuthState } from './state.ts';

const FIELD = 'app_state.auth';

/**
 * Writes `app_state.auth` in the SDK's shape. Account numbers that repeat are replaced by the lowest free ones, as the
 * SDK does (tools write 0 for all). `funded` addresses without an account get one, so that they can sign.
 */
export function initAuthGenesis(
  access: StoreAccess,
  auth: AuthState,
  addresses: AddressBook,
  value: unknown,
  funded: readonly Address[],
): void {
  const state = value === undefined ? {} : genesisObject(value, FIELD);
  auth.setParams(access, parseAuthParams(state.params, `${FIELD}.params`));
  const accounts = withUniqueNumbers(readAccounts(addresses, state.accounts));
  let next = 0n;
  for (const account of accounts) {
    auth.setAccount(access, account);
    next = account.accountNumber + 1n;
  }
  auth.setNextNumber(access, next);
  const feeCollector = addresses.ofModule(FEE_COLLECTOR);
  if (auth.getAccount(access, feeCollector) === undefined) {
    auth.createAccount(access, feeCollector, { name: FEE_COLLECTOR, permissions: [] });
  }
  for (const address of funded) {
    if (auth.getAccount(access, address) === undefined) auth.createAccount(access, address);
  }
}

/** What `initAuthGenesis` makes the same state of. */
export async function exportAuthGenesis(view: StateView, auth: AuthState): Promise<GenesisPart> {
  const params = authParamsMessage(await auth.queryParams((collection, key) => readRecord(view, collection, key)));
  return {
    params: {
      max_memo_characters: String(params.maxMemoCharacters),
      tx_sig_limit: String(params.txSigLimit),
      tx_size_cost_per_byte: String(params.txSizeCostPerByte),
      sig_verify_cost_ed25519: String(params.sigVerifyCostEd25519),
      sig_verify_cost_secp256k1: String(params.sigVerifyCostSecp256k1),
    },
    accounts: exportAccounts(view, auth),
  };
}

async function* exportAccounts(view: StateView, auth: AuthState): AsyncGenerator<Json> {
  for await (const [, value] of view.iterate(AUTH_STORE, { prefix: fromLatin1(ACCOUNT_PREFIX) })) {
    const account = auth.accounts.codec.decode(value);
    const { module } = account;
    if (module === undefined) yield { '@type': BASE_ACCOUNT_URL, ...baseJson(account) };
    else {
      const { name, permissions } = module;
      yield { '@type': MODULE_ACCOUNT_URL, base_account: baseJson(account), name, permissions: [...permissions] };
    }
  }
}

function baseJson({ address, pubKey, accountNumber, sequence }: Account): { readonly [name: string]: Json } {
  return {
    address: address.text,
    pub_key: pubKey === undefined ? null : { '@type': SECP256K1_PUB_KEY_URL, key: toBase64(pubKey) },
    account_number: String(accountNumber),
    sequence: String(sequence),
  };
}

function readAccounts(addresses: AddressBook, value: unknown): Account[] {
  const seen = new Set<string>();
  return genesisList(value, `${FIELD}.accounts`).map((entry, i) => {
    const field = `${FIELD}.accounts[${i}]`;
    const account = readAccount(addresses, genesisObject(entry, field), field);
    if (seen.has(account.address.key)) throw genesisError(`${field}.address`, `${account.address.text} comes twice`);
    seen.add(account.address.key);
    return account;
  });
}

function readAccount(addresses: AddressBook, entry: Readonly<Record<string, unknown>>, field: string): Account {
  const type = genesisText(entry['@type'], `${field}.@type`);
  if (type === BASE_ACCOUNT_URL) return readBase(addresses, entry, field, undefined);
  if (type !== MODULE_ACCOUNT_URL) {
    throw genesisError(`${field}.@type`, `expected ${BASE_ACCOUNT_URL} or ${MODULE_ACCOUNT_URL}, got ${type}`);
  }
  const name = genesisText(entry.name, `${field}.name`);
  const permissions = genesisList(entry.permissions, `${field}.permissions`).map((permission, i) =>
    genesisText(permission, `${field}.permissions[${i}]`),
  );
  const base = genesisObject(entry.base_account, `${field}.base_account`);
  const account = readBase(addresses, base, `${field}.base_account`, { name, permissions });
  if (account.address.key !== addresses.ofModule(name).key) {
    throw genesisError(`${field}.base_account.address`, `is not the address of module account ${name}`);
  }
  return account;
}

function readBase(
  addresses: AddressBook,
  entry: Readonly<Record<string, unknown>>,
  field: string,
  module: Account['module'],
): Account {
  const address = addresses.parse(genesisText(entry.address, `${field}.address`));
  if (!isAddress(address)) throw genesisError(`${field}.address`, address.fault);
  const number = (name: string): bigint =>
    entry[name] === undefined
      ? 0n
      : BigInt(genesisNumber(entry[name], `${field}.${name}`, 0, Number.MAX_SAFE_INTEGER - 1));
  return {
    address,
    pubKey: readPubKey(address, entry.pub_key, `${field}.pub_key`),
    accountNumber: number('account_number'),
    sequence: number('sequence'),
    module,
  };
}

function readPubKey(address: Address, value: unknown, field: string): Uint8Array | undefined {
  if (value === undefined || value === null) return undefined;
  const entry = genesisObject(value, field);
  if (entry['@type'] !== SECP256K1_PUB_KEY_URL) {
    throw genesisError(`${field}.@type`, `only ${SECP256K1_PUB_KEY_URL} is supported`);
  }
  const key = fromBase64(genesisText(entry.key, `${field}.key`));
  if (key === undefined || !hasSecp256k1KeyForm(key)) {
    throw genesisError(`${field}.key`, 'expected base64 of 33 bytes that start with 02 or 03');
  }
  if (!equalBytes(accountAddress(key), address.bytes)) {
    throw genesisError(`${field}.key`, `is not the key of ${address.text}`);
  }
  return key;
}

/** Sorted by number. The first account with a number keeps it. */
function withUniqueNumbers(accounts: readonly Account[]): readonly Account[] {
  const used = new Set(accounts.map((account) => account.accountNumber));
  const kept = new Set<bigint>();
  let free = 0n;
  const unique = accounts.map((account) => {
    if (!kept.has(account.accountNumber)) {
      kept.add(account.accountNumber);
      return account;
    }
    while (used.has(free)) free++;
    used.add(free);
    kept.add(free);
    return { ...account, accountNumber: free };
  });
  return unique.sort((a, b) => (a.accountNumber < b.accountNumber ? -1 : 1));
}
