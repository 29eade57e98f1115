/** Bounds that are CometBFT's own, so that its light clients can follow. */

/** Signatures in a commit, and validators in a set. */
export const MAX_VALIDATORS = 10_000;

/** Bytes of a block; no consensus parameter can raise it. */
export const MAX_BLOCK_BYTES = 100 * 1024 * 1024;

/** Bytes of every part of a block but the last. */
export const PART_BYTES = 65_536;

/** Parts of the largest block. */
export const MAX_PARTS = Math.ceil(MAX_BLOCK_BYTES / PART_BYTES);

/** Bytes of a chain id in UTF-8. */
export const MAX_CHAIN_ID_BYTES = 50;

/** Block protocol version in every header, for CometBFT v0.34 to v1. */
export const BLOCK_PROTOCOL = 11n;

/** Total voting power: an eighth of int64, so that priorities can be computed without overflow. */
export const MAX_TOTAL_VOTING_POWER = (2n ** 63n - 1n) / 8n;

/** Bytes of a transaction at least: it carries a signature. So a block of so many bytes has only so many of them. */
export const MIN_TX_BYTES = 64;

/** Transactions in a block: a transfer takes more than 200 bytes, and empty ones must not cost memory without end. */
export const MAX_BLOCK_TXS = 500_000;
