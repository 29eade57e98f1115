import { Refusal, SDK_ERRORS } from './errors.ts';

/** The SDK's gas prices of a key-value store (its `KVGasConfig`). */
export const READ_FLAT_GAS = 1_000;
export const READ_BYTE_GAS = 3;
export const WRITE_FLAT_GAS = 2_000;
export const WRITE_BYTE_GAS = 30;
export const DELETE_GAS = 1_000;

/** Largest consumption that a number holds exactly; what would pass it counts as out of gas at this value. */
const MAX_GAS_USED = Number.MAX_SAFE_INTEGER;

/** Counts gas against a limit. Amounts are safe integers. */
export class GasMeter {
  readonly limit: bigint;
  private readonly numericLimit: number;
  private consumed = 0;

  /** Without a limit it only counts. */
  constructor(limit: bigint | undefined) {
    this.limit = limit ?? 0n;
    this.numericLimit = limit === undefined || limit > BigInt(MAX_GAS_USED) ? MAX_GAS_USED : Number(limit);
  }

  get used(): bigint {
    return BigInt(this.consumed);
  }

  /** Throws the SDK's out-of-gas refusal when the limit is passed; the gas counts all the same. */
  consume(amount: number, location: string): void {
    this.consumed += amount;
    if (this.consumed > this.numericLimit) {
      this.consumed = Math.min(this.consumed, MAX_GAS_USED);
      throw this.outOfGas(location);
    }
  }

  outOfGas(location: string): Refusal {
    const details = `out of gas in location: ${location}; gasWanted: ${this.limit}, gasUsed: ${this.consumed}`;
    return new Refusal(SDK_ERRORS.outOfGas, details);
  }
}
