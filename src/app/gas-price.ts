import { BizraError } from '#util/errors.ts';
import { type Coin, isDenom } from './coins.ts';
import type { AppErrorCode } from './errors.ts';

/** Least fee a unit of gas, in 10^-18 of the denomination's unit. A node's own setting, never part of validity. */
export interface GasPrice {
  readonly denom: string;
  readonly atto: bigint;
}

const DECIMALS = 18;
const ATTO = 10n ** BigInt(DECIMALS);
const GAS_PRICE = /^([0-9]{1,30})(?:\.([0-9]{1,18}))?([a-zA-Z].*)$/;

/** Reads `0.025ubizra`. Throws a BizraError that says what is expected. */
export function parseGasPrice(text: string): GasPrice {
  const match = GAS_PRICE.exec(text);
  const denom = match?.[3] ?? '';
  if (match === null || !isDenom(denom)) {
    throw new BizraError<AppErrorCode>('options', `gas price ${JSON.stringify(text)}: expected one like 0.025ubizra`);
  }
  const fraction = (match[2] ?? '').padEnd(DECIMALS, '0');
  return { denom, atto: BigInt(match[1] as string) * ATTO + BigInt(fraction) };
}

/** What a transaction with this gas limit must offer: rounded up. */
export function requiredFee(price: GasPrice, gasLimit: bigint): Coin {
  return { denom: price.denom, amount: (price.atto * gasLimit + ATTO - 1n) / ATTO };
}
