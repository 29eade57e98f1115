import { accountAddress } from '#crypto/address.ts';
import { hasSecp256k1KeyForm } from '#crypto/secp256k1-form.ts';
import { equalBytes } from '#util/bytes.ts';
import { type Address, type AddressBook, isAddress } from '../../address.ts';
import { genesisError } from '../../errors.ts';
import { genesisList, genesisNumber, genesisObject, genesisText } from '../../genesis-fields.ts';
import type { StoreAccess } from '../../store/collection.ts';
import { type Account, BASE_ACCOUNT_URL, MODULE_ACCOUNT_URL, SECP256K1_PUB_KEY_URL } from './account.ts';
import { FEE_COLLECTOR } from './module-accounts.ts';
import { parseAuthParams } from './params.ts';
import type { AuthState } from './state.ts';

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

function fromBase64(text: string): Uint8Array | undefined {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text) || text.length % 4 !== 0) return undefined;
  const binary = atob(text);
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
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
