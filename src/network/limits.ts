import { MIN_TX_BYTES } from '#types/limits.ts';

/** Sizes that depend on the chain's parameters or on settings. */
export interface MessageLimits {
  readonly maxBlockBytes: number;
  readonly maxTxBytes: number;
}

/** CometBFT's default for block.max_bytes. */
export const DEFAULT_MAX_BLOCK_BYTES = 22_020_096;
/** CometBFT's default for mempool.max_tx_bytes. */
export const DEFAULT_MAX_TX_BYTES = 1_048_576;

/** Index and length of a transaction that travels in full. */
export const FULL_TX_OVERHEAD_BYTES = 8;
/** Header, evidence framing, and a commit of 10,000 validators (1.3 MB). */
const MESSAGE_OVERHEAD_BYTES = 2 * 1_024 * 1_024;

/**
 * The largest legal message: a proposal that carries all transactions of the largest block in full, or that block as
 * an answer. A smaller frame limit would let the chain make a block that never arrives.
 */
export function maxMessageBytes(maxBlockBytes: number): number {
  return Math.ceil(maxBlockBytes * (1 + FULL_TX_OVERHEAD_BYTES / MIN_TX_BYTES)) + MESSAGE_OVERHEAD_BYTES;
}
