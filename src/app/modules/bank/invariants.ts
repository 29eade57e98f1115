import type { StateView } from '#state/store.ts';
import { fromLatin1, toLatin1 } from '#util/bytes.ts';
import { BALANCES_PREFIX, BANK_STORE, decodeAmount, SUPPLY_PREFIX } from './state.ts';

/** Faults found, in words; none when the supply of every denomination equals the sum of its balances. */
export async function bankInvariants(view: StateView): Promise<string[]> {
  const sums = new Map<string, bigint>();
  for await (const [key, value] of view.iterate(BANK_STORE, { prefix: fromLatin1(BALANCES_PREFIX) })) {
    const denom = denomOfBalanceKey(key);
    const amount = decodeAmount(value);
    sums.set(denom, (sums.get(denom) ?? 0n) + amount);
  }
  const faults: string[] = [];
  for await (const [key, value] of view.iterate(BANK_STORE, { prefix: fromLatin1(SUPPLY_PREFIX) })) {
    const denom = toLatin1(key.subarray(1));
    const sum = sums.get(denom) ?? 0n;
    const supply = decodeAmount(value);
    if (sum !== supply) faults.push(`supply of ${denom} is ${supply}, its balances add up to ${sum}`);
    sums.delete(denom);
  }
  for (const [denom, sum] of sums) faults.push(`${sum}${denom} in balances has no supply`);
  return faults;
}

/** `02 | length | address | denom`. */
export function denomOfBalanceKey(key: Uint8Array): string {
  return toLatin1(key.subarray(2 + (key[1] as number)));
}
