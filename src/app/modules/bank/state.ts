import { Metadata } from 'cosmjs-types/cosmos/bank/v1beta1/bank';
import { assert } from '#util/assert.ts';
import type { Address } from '../../address.ts';
import { encodeMessage } from '../../codec/exact-writer.ts';
import { asciiBytes, asciiText } from '../../codec/text.ts';
import { type Codec, Collection, type StoreAccess } from '../../store/collection.ts';
import type { ReadRecord } from '../auth/state.ts';
import { type BankParams, bankParamsCodec } from './params.ts';

export const BANK_STORE = 'bank';

/** Keys of the SDK's `bank` store (wire-formats 7.7). */
export const SUPPLY_PREFIX = '\x00';
export const METADATA_PREFIX = '\x01';
export { BALANCES_PREFIX } from '../../address.ts';

export const SEND_ENABLED_PREFIX = '\x04';
const PARAMS_KEY = '\x05';

/** Decimal ASCII text. Zero is never kept: the record is deleted (regression zero-balance-keys). */
const amountCodec: Codec<bigint> = {
  encode: (amount) => asciiBytes(amount.toString()),
  size: (amount) => amount.toString().length,
  decode: decodeAmount,
  rebase: (pending, before, now) => {
    const amount = (pending ?? 0n) + (now ?? 0n) - (before ?? 0n);
    return amount > 0n ? amount : undefined;
  },
};

const booleanCodec: Codec<boolean> = {
  encode: (value) => new Uint8Array([value ? 1 : 0]),
  size: () => 1,
  decode: (bytes) => bytes[0] === 1,
};

const metadataCodec: Codec<Metadata> = {
  encode: (metadata) => encodeMessage(Metadata, metadata),
  size: (metadata) => encodeMessage(Metadata, metadata).length,
  decode: (bytes) => Metadata.decode(bytes),
};

/** What an absent record stands for: a Params message with nothing in it (design 5). */
const NO_PARAMS: BankParams = bankParamsCodec.decode(new Uint8Array(0));

/** Balances, supply and what may be sent. */
export class BankState {
  readonly balances = new Collection<bigint>(BANK_STORE, amountCodec);
  readonly supply = new Collection<bigint>(BANK_STORE, amountCodec);
  readonly metadata = new Collection<Metadata>(BANK_STORE, metadataCodec);
  readonly params = new Collection<BankParams>(BANK_STORE, bankParamsCodec);
  private readonly sendEnabled = new Collection<boolean>(BANK_STORE, booleanCodec);

  getParams(access: StoreAccess): BankParams {
    return this.params.get(access, PARAMS_KEY) ?? NO_PARAMS;
  }

  /** The parameters of a view that `read` reads. */
  async queryParams(read: ReadRecord): Promise<BankParams> {
    return (await read(this.params, PARAMS_KEY)) ?? NO_PARAMS;
  }

  setParams(access: StoreAccess, params: BankParams): void {
    this.params.set(access, PARAMS_KEY, params);
  }

  getBalance(access: StoreAccess, address: Address, denom: string): bigint {
    return this.getAmount(access, balanceKey(address, denom));
  }

  setBalance(access: StoreAccess, address: Address, denom: string, amount: bigint): void {
    this.setAmount(access, balanceKey(address, denom), amount);
  }

  /** Balance under a key that `balanceKey` made. */
  getAmount(access: StoreAccess, key: string): bigint {
    return this.balances.get(access, key) ?? 0n;
  }

  setAmount(access: StoreAccess, key: string, amount: bigint): void {
    setAmount(access, this.balances, key, amount);
  }

  setSupply(access: StoreAccess, denom: string, amount: bigint): void {
    setAmount(access, this.supply, supplyKey(denom), amount);
  }

  setMetadata(access: StoreAccess, metadata: Metadata): void {
    this.metadata.set(access, METADATA_PREFIX + metadata.base, metadata);
  }

  /** The denomination's own entry, else undefined. */
  getSendEnabled(access: StoreAccess, denom: string): boolean | undefined {
    return this.sendEnabled.get(access, SEND_ENABLED_PREFIX + denom);
  }

  setSendEnabled(access: StoreAccess, denom: string, enabled: boolean): void {
    this.sendEnabled.set(access, SEND_ENABLED_PREFIX + denom, enabled);
  }
}

/** `02 | length | address | denom`. */
export function balanceKey(address: Address, denom: string): string {
  return address.balancesPrefix + denom;
}

export function balancesPrefix(address: Address): string {
  return address.balancesPrefix;
}

export function supplyKey(denom: string): string {
  return SUPPLY_PREFIX + denom;
}

/** Amount of a record's value. */
export function decodeAmount(bytes: Uint8Array): bigint {
  return BigInt(asciiText(bytes));
}

function setAmount(access: StoreAccess, collection: Collection<bigint>, key: string, amount: bigint): void {
  assert(amount >= 0n, 'no balance or supply is negative');
  if (amount === 0n) collection.delete(access, key);
  else collection.set(access, key, amount);
}
