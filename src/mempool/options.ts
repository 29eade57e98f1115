/** Limits and pace of the mempool. Sizes are framed bytes (`util/framing.ts`) except `maxTxBytes`, which is raw. */
export interface MempoolOptions {
  readonly maxTxs: number;
  readonly maxTxsBytes: number;
  readonly maxTxBytes: number;
  /** Hashes of committed transactions that the duplicate cache remembers. */
  readonly cacheSize: number;
  /** Blocks after which a pending transaction is dropped; 0: never. */
  readonly ttlBlocks: number;
  /** Blocks after which an own pending transaction is offered to the network again. */
  readonly republishBlocks: number;
  /** Transactions that may wait for their signature check. */
  readonly maxWaiting: number;
  /** Signatures that one call verifies at most. */
  readonly verifyBatch: number;
  /** Longest stretch of work without letting the event loop run, milliseconds. */
  readonly sliceMs: number;
}

export const DEFAULT_MEMPOOL_OPTIONS: MempoolOptions = {
  /** CometBFT's default; at 4,000 tx/s more than a second of full blocks. */
  maxTxs: 5_000,
  /** Room for 5,000 transactions of 12 KiB; bounds memory, while CometBFT's 1 GiB would not. */
  maxTxsBytes: 64 * 1024 * 1024,
  /** CometBFT's default. */
  maxTxBytes: 1024 * 1024,
  /** CometBFT's default; seconds of full blocks, by when late gossip of a committed transaction has passed. */
  cacheSize: 10_000,
  /** About eight minutes of full pace (250 ms): a wallet has given up by then. */
  ttlBlocks: 2_000,
  /** Longer than any healthy way into a block, shorter than a user's patience. */
  republishBlocks: 10,
  /** Half a second of native signature checks at one core, the longest a waiting client should queue behind. */
  maxWaiting: 5_000,
  /** 64 native checks take 2.4 ms, about one slice; fewer would waste worker round trips. */
  verifyBatch: 64,
  /** The daemon's slice for transaction work: consensus frames must not wait longer. */
  sliceMs: 2,
};
