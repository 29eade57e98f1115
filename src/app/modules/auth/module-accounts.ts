import type { AddressBook } from '../../address.ts';

/** Collects the fees of all transactions (the SDK's name). */
export const FEE_COLLECTOR = 'fee_collector';

/**
 * Names whose addresses belong to modules. Nobody can send to them, or the address of a module that comes later could
 * be taken by a plain account first (regression blocked-addresses). All but the first are reserved.
 */
const MODULE_ACCOUNT_NAMES = [
  FEE_COLLECTOR,
  'bonded_tokens_pool',
  'not_bonded_tokens_pool',
  'distribution',
  'gov',
  'impact',
  'mint',
  'transfer',
] as const;

/** Keys (one character a byte) of the addresses that refuse direct sends. */
export function blockedAddressKeys(addresses: AddressBook): ReadonlySet<string> {
  return new Set(MODULE_ACCOUNT_NAMES.map((name) => addresses.ofModule(name).key));
}
