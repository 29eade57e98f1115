import { BaseAccount, ModuleAccount } from 'cosmjs-types/cosmos/auth/v1beta1/auth';
import { Any } from 'cosmjs-types/google/protobuf/any';
import { AssertionError, assert } from '#util/assert.ts';
import { type Address, type AddressBook, isAddress } from '../../address.ts';
import { encodeMessage } from '../../codec/exact-writer.ts';
import { asciiBytes } from '../../codec/text.ts';
import { WireReader } from '../../codec/wire-reader.ts';
import { fieldSize, uint64Size, WireWriter } from '../../codec/wire-writer.ts';
import type { Codec } from '../../store/collection.ts';

/** An account. Replaced, never changed. */
export interface Account {
  readonly address: Address;
  /** 33 bytes, compressed secp256k1; set by the first transaction that the account signs. */
  readonly pubKey: Uint8Array | undefined;
  readonly accountNumber: bigint;
  /** Number of transactions that the account has signed. */
  readonly sequence: bigint;
  /** Set for accounts that modules own. */
  readonly module: { readonly name: string; readonly permissions: readonly string[] } | undefined;
}

/** The account with another key or sequence. Written out: a spread costs more than the rest of the step. */
export function copyAccount(account: Account, pubKey: Uint8Array | undefined, sequence: bigint): Account {
  const { address, accountNumber, module } = account;
  return { address, pubKey, accountNumber, sequence, module };
}

export const BASE_ACCOUNT_URL = '/cosmos.auth.v1beta1.BaseAccount';
export const MODULE_ACCOUNT_URL = '/cosmos.auth.v1beta1.ModuleAccount';
export const SECP256K1_PUB_KEY_URL = '/cosmos.crypto.secp256k1.PubKey';

const BASE_ACCOUNT_URL_BYTES = asciiBytes(BASE_ACCOUNT_URL);
const SECP256K1_URL_BYTES = asciiBytes(SECP256K1_PUB_KEY_URL);
const PUB_KEY_LENGTH = 33;
/** `PubKey{key=1}`. */
const PUB_KEY_MESSAGE_SIZE = fieldSize(PUB_KEY_LENGTH);
/** `Any{type_url=1, value=2}` of such a key. */
const PUB_KEY_ANY_SIZE = fieldSize(SECP256K1_PUB_KEY_URL.length) + fieldSize(PUB_KEY_MESSAGE_SIZE);

/** Accounts as the SDK keeps them: `Any` of a BaseAccount or a ModuleAccount (wire-formats 7.7). */
export function accountCodec(addresses: AddressBook): Codec<Account> {
  return {
    size: accountSize,
    encode: encodeAccount,
    decode: (bytes) => decodeAccount(addresses, bytes),
  };
}

/** As a query answers it. */
export function accountAny(account: Account): Any {
  if (account.module === undefined) return { typeUrl: BASE_ACCOUNT_URL, value: encodeBase(account) };
  return { typeUrl: MODULE_ACCOUNT_URL, value: encodeModule(account) };
}

export function encodeBase(account: Account): Uint8Array {
  const writer = new WireWriter(baseSize(account));
  writeBase(writer, account);
  return writer.bytes;
}

function accountSize(account: Account): number {
  if (account.module !== undefined) return encodeAccount(account).length;
  return fieldSize(BASE_ACCOUNT_URL.length) + fieldSize(baseSize(account));
}

function baseSize(account: Account): number {
  let size = fieldSize(account.address.text.length);
  if (account.pubKey !== undefined) size += fieldSize(PUB_KEY_ANY_SIZE);
  if (account.accountNumber > 0n) size += 1 + uint64Size(account.accountNumber);
  if (account.sequence > 0n) size += 1 + uint64Size(account.sequence);
  return size;
}

function encodeAccount(account: Account): Uint8Array {
  if (account.module !== undefined) return encodeMessage(Any, accountAny(account));
  const inner = baseSize(account);
  const writer = new WireWriter(fieldSize(BASE_ACCOUNT_URL.length) + fieldSize(inner));
  writer.asciiField(0x0a, BASE_ACCOUNT_URL);
  writer.tag(0x12);
  writer.number(inner);
  writeBase(writer, account);
  return writer.bytes;
}

/** `BaseAccount{address=1, pub_key=2, account_number=3, sequence=4}`. */
function writeBase(writer: WireWriter, account: Account): void {
  writer.asciiField(0x0a, account.address.text);
  if (account.pubKey !== undefined) {
    writer.tag(0x12);
    writer.number(PUB_KEY_ANY_SIZE);
    writer.bytesField(0x0a, SECP256K1_URL_BYTES);
    writer.tag(0x12);
    writer.number(PUB_KEY_MESSAGE_SIZE);
    writer.bytesField(0x0a, account.pubKey);
  }
  if (account.accountNumber > 0n) {
    writer.tag(0x18);
    writer.uint64(account.accountNumber);
  }
  if (account.sequence > 0n) {
    writer.tag(0x20);
    writer.uint64(account.sequence);
  }
}

function encodeModule(account: Account): Uint8Array {
  const { name, permissions } = account.module as NonNullable<Account['module']>;
  const message = ModuleAccount.fromPartial({ name, permissions: [...permissions] });
  message.baseAccount = BaseAccount.decode(encodeBase(account));
  return encodeMessage(ModuleAccount, message);
}

/** Reads what this file wrote; committed bytes were checked against the state's root. */
function decodeAccount(addresses: AddressBook, bytes: Uint8Array): Account {
  const reader = new WireReader(bytes);
  reader.tag(0);
  if (!reader.skipIfEqual(BASE_ACCOUNT_URL_BYTES)) return decodeModuleAccount(addresses, bytes);
  reader.tag(0);
  const outer = reader.enterBytes();
  const account = readBase(addresses, reader, undefined);
  reader.leave(outer);
  return account;
}

function readBase(addresses: AddressBook, reader: WireReader, module: Account['module']): Account {
  let text = '';
  let pubKey: Uint8Array | undefined;
  let accountNumber = 0n;
  let sequence = 0n;
  while (reader.more()) {
    const tag = reader.tag(0);
    if (tag === 0x0a) text = reader.text();
    else if (tag === 0x12) pubKey = readPubKey(reader);
    else if (tag === 0x18) accountNumber = reader.uint64();
    else if (tag === 0x20) sequence = reader.uint64();
    else throw new AssertionError(`account record with tag ${tag}`);
  }
  const address = addresses.parse(text);
  assert(isAddress(address), `account record with address ${text}`);
  return { address, pubKey, accountNumber, sequence, module };
}

/** `Any` of a secp256k1 key; a copy of the key. */
function readPubKey(reader: WireReader): Uint8Array {
  const outer = reader.enter();
  reader.tag(0);
  assert(reader.skipIfEqual(SECP256K1_URL_BYTES), 'an account has a secp256k1 key');
  reader.tag(0);
  const any = reader.enterBytes();
  reader.tag(0);
  const key = new Uint8Array(reader.view());
  reader.leave(any);
  reader.leave(outer);
  return key;
}

function decodeModuleAccount(addresses: AddressBook, bytes: Uint8Array): Account {
  const any = Any.decode(bytes);
  assert(any.typeUrl === MODULE_ACCOUNT_URL, `account record of type ${any.typeUrl}`);
  const { baseAccount, name, permissions } = ModuleAccount.decode(any.value);
  assert(baseAccount !== undefined, 'a module account has a base account');
  const base = new WireReader(encodeMessage(BaseAccount, baseAccount));
  return readBase(addresses, base, { name, permissions });
}
