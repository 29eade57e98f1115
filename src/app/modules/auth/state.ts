import { assert } from '#util/assert.ts';
import { uint64BytesBE } from '#util/bytes.ts';
import type { Address, AddressBook } from '../../address.ts';
import { type Codec, Collection, type StoreAccess } from '../../store/collection.ts';
import { type Account, accountCodec } from './account.ts';
import { type AuthParams, authParamsCodec } from './params.ts';

export const AUTH_STORE = 'acc';

/** Keys of the SDK's `acc` store (wire-formats 7.7). */
const PARAMS_KEY = '\x00';

export { ACCOUNT_PREFIX } from '../../address.ts';

const NEXT_NUMBER_KEY = '\x02';

const uint64Codec: Codec<bigint> = {
  encode: uint64BytesBE,
  size: () => 8,
  decode: (bytes) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getBigUint64(0),
};

/** What an absent record stands for: a Params message with nothing in it (design 5). */
const NO_PARAMS: AuthParams = authParamsCodec.decode(new Uint8Array(0));

/** Reads a record from a view at some height. */
export type ReadRecord = <Value>(collection: Collection<Value>, key: string) => Promise<Value | undefined>;

/** Accounts and their numbers. */
export class AuthState {
  readonly accounts: Collection<Account>;
  readonly params: Collection<AuthParams>;
  private readonly nextNumber: Collection<bigint>;

  constructor(addresses: AddressBook) {
    this.accounts = new Collection(AUTH_STORE, accountCodec(addresses));
    this.params = new Collection(AUTH_STORE, authParamsCodec);
    this.nextNumber = new Collection(AUTH_STORE, uint64Codec);
  }

  getParams(access: StoreAccess): AuthParams {
    return this.params.get(access, PARAMS_KEY) ?? NO_PARAMS;
  }

  /** The parameters of a view that `read` reads. */
  async queryParams(read: ReadRecord): Promise<AuthParams> {
    return (await read(this.params, PARAMS_KEY)) ?? NO_PARAMS;
  }

  setParams(access: StoreAccess, params: AuthParams): void {
    this.params.set(access, PARAMS_KEY, params);
  }

  getAccount(access: StoreAccess, address: Address): Account | undefined {
    return this.accounts.get(access, accountKey(address));
  }

  setAccount(access: StoreAccess, account: Account): void {
    this.accounts.set(access, accountKey(account.address), account);
  }

  /** A plain account with the next number. The address must not have one. */
  createAccount(access: StoreAccess, address: Address, module?: Account['module']): Account {
    const account: Account = {
      address,
      pubKey: undefined,
      accountNumber: this.takeNumber(access),
      sequence: 0n,
      module,
    };
    this.setAccount(access, account);
    return account;
  }

  setNextNumber(access: StoreAccess, next: bigint): void {
    this.nextNumber.set(access, NEXT_NUMBER_KEY, next);
  }

  private takeNumber(access: StoreAccess): bigint {
    const number = this.nextNumber.get(access, NEXT_NUMBER_KEY);
    assert(number !== undefined, 'genesis writes the next account number');
    this.setNextNumber(access, number + 1n);
    return number;
  }
}

export function accountKey(address: Address): string {
  return address.accountKey;
}
