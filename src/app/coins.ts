/** An amount of one denomination, in its smallest unit. In transactions it may still be zero or negative. */
export interface Coin {
  readonly denom: string;
  readonly amount: bigint;
}

/** The SDK's rule for denominations. */
const DENOM = /^[a-zA-Z][a-zA-Z0-9/:._-]{2,127}$/;
const INTEGER = /^(?:0|-?[1-9][0-9]*)$/;
/** The SDK's integers have 256 bits and a sign. */
const MAX_AMOUNT = (1n << 256n) - 1n;
/** 2^256 has 78 decimal digits. */
const MAX_DIGITS = 79;

export function isDenom(text: string): boolean {
  return DENOM.test(text);
}

/** A decimal integer in its only spelling, within 256 bits; undefined for anything else. */
export function parseAmount(text: string): bigint | undefined {
  if (text.length > MAX_DIGITS || !INTEGER.test(text)) return undefined;
  const amount = BigInt(text);
  return amount > MAX_AMOUNT || amount < -MAX_AMOUNT ? undefined : amount;
}

/** As the SDK prints it: `10ubizra`. */
export function formatCoin(coin: Coin): string {
  return `${coin.amount}${coin.denom}`;
}

/** `1a,2b`; empty for no coins. */
export function formatCoins(coins: readonly Coin[]): string {
  if (coins.length === 1) return formatCoin(coins[0] as Coin);
  return coins.map(formatCoin).join(',');
}

/** Valid denominations in ascending order without repeats, and positive amounts; an empty list is canonical. */
export function areCanonical(coins: readonly Coin[]): boolean {
  for (let i = 0; i < coins.length; i++) {
    const coin = coins[i] as Coin;
    if (coin.amount <= 0n || !isDenom(coin.denom)) return false;
    if (i > 0 && (coins[i - 1] as Coin).denom >= coin.denom) return false;
  }
  return true;
}

/** A canonical list from any order, with amounts of one denomination added and zeros left out. */
export function canonicalCoins(coins: readonly Coin[]): readonly Coin[] {
  const sums = new Map<string, bigint>();
  for (const { denom, amount } of coins) sums.set(denom, (sums.get(denom) ?? 0n) + amount);
  return [...sums]
    .filter(([, amount]) => amount !== 0n)
    .map(([denom, amount]) => ({ denom, amount }))
    .sort((a, b) => (a.denom < b.denom ? -1 : 1));
}

/** True when both hold the same denominations and amounts. */
export function equalCoins(a: readonly Coin[], b: readonly Coin[]): boolean {
  return a.length === b.length && a.every((coin, i) => coin.denom === b[i]?.denom && coin.amount === b[i]?.amount);
}

/** Whether `amount` fits the SDK's 256-bit integers. */
export function isAmountInRange(amount: bigint): boolean {
  return amount <= MAX_AMOUNT && amount >= -MAX_AMOUNT;
}
