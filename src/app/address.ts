import { decodeAddress, encodeBech32 } from '#crypto/address.ts';
import { sha256 } from '#crypto/hash.ts';
import { toLatin1 } from '#util/bytes.ts';
import { BizraError } from '#util/errors.ts';
import { asciiBytes } from './codec/text.ts';
import { RecentMap } from './recent-map.ts';

/** An account's address in every form that the ledger needs. Never changed. */
export interface Address {
  /** 20 or 32 bytes. */
  readonly bytes: Uint8Array;
  /** Bech32, lower case, with the chain's prefix. */
  readonly text: string;
  /** `bytes`, one character a byte: for Map keys and state keys. */
  readonly key: string;
  /** Key of its account in the `acc` store: `01 address`. */
  readonly accountKey: string;
  /** What the keys of its balances in the `bank` store begin with: `02 length address`. */
  readonly balancesPrefix: string;
}

/** Prefixes in the SDK's stores (wire-formats 7.7). Keys are made here once an address, not once a read. */
export const ACCOUNT_PREFIX = '\x01';
export const BALANCES_PREFIX = '\x02';

/** Text that is no address of this chain, and why. */
export interface InvalidAddress {
  readonly fault: string;
}

/** Addresses remembered: 65,536 x about 300 bytes; the accounts that are active within some minutes. */
const DEFAULT_CAPACITY = 65_536;

/** Bytes of a module account's address. */
const MODULE_ADDRESS_BYTES = 20;

/** Turns address texts into bytes and back, with a bounded memory of those seen. */
export class AddressBook {
  readonly prefix: string;
  private readonly byText: RecentMap<Address>;
  private readonly byKey: RecentMap<Address>;

  constructor(prefix: string, options: { readonly capacity?: number } = {}) {
    this.prefix = prefix;
    this.byText = new RecentMap(options.capacity ?? DEFAULT_CAPACITY);
    this.byKey = new RecentMap(options.capacity ?? DEFAULT_CAPACITY);
  }

  /** Reads bech32 in lower or upper case; both give the same address. */
  parse(text: string): Address | InvalidAddress {
    const known = this.byText.get(text);
    if (known !== undefined) return known;
    if (text === '') return { fault: 'empty address string is not allowed' };
    let bytes: Uint8Array;
    try {
      bytes = decodeAddress(this.prefix, text);
    } catch (error) {
      if (error instanceof BizraError) return { fault: error.message };
      throw error;
    }
    const address = this.ofBytes(bytes);
    this.byText.set(text, address);
    return address;
  }

  /** `bytes` are 20 or 32; a copy is kept. */
  ofBytes(bytes: Uint8Array): Address {
    const key = toLatin1(bytes);
    const known = this.byKey.get(key);
    if (known !== undefined) return known;
    const address: Address = {
      bytes: new Uint8Array(bytes),
      text: encodeBech32(this.prefix, bytes),
      key,
      accountKey: ACCOUNT_PREFIX + key,
      balancesPrefix: BALANCES_PREFIX + String.fromCharCode(bytes.length) + key,
    };
    this.byKey.set(key, address);
    return address;
  }

  /** The SDK's rule: the first 20 bytes of the name's SHA-256. */
  ofModule(name: string): Address {
    return this.ofBytes(sha256(asciiBytes(name)).slice(0, MODULE_ADDRESS_BYTES));
  }
}

export function isAddress(value: Address | InvalidAddress): value is Address {
  return 'bytes' in value;
}
