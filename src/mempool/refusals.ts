import { EMPTY_BYTES } from '#util/bytes.ts';
import type { AdmitResult, Refusal } from './contract.ts';

/** The SDK's codes for what CometBFT's mempool refuses (codespace `sdk`). */
const CODE_IN_CACHE = 19;
const CODE_FULL = 20;
const CODE_TOO_LARGE = 21;
const CODE_INVALID_GAS_LIMIT = 41;
/** The SDK has no code for a node that syncs; 18 is its "invalid request". */
const CODE_SYNCING = 18;

function refuse(refusal: Refusal, code: number, log: string, hash: Uint8Array): AdmitResult {
  return { refusal, code, codespace: 'sdk', log, gasWanted: 0n, gasUsed: 0n, hash };
}

export function refuseSyncing(): AdmitResult {
  const log = 'node is catching up with the chain and takes no transactions: try again later or at another node';
  return refuse('syncing', CODE_SYNCING, log, EMPTY_BYTES);
}

/** Clients match this text and the two below: they are CometBFT's. */
export function refuseTooLarge(limit: number, size: number): AdmitResult {
  return refuse('too_large', CODE_TOO_LARGE, `Tx too large. Max size is ${limit}, but got ${size}`, EMPTY_BYTES);
}

export function refuseInCache(hash: Uint8Array): AdmitResult {
  return refuse('in_cache', CODE_IN_CACHE, 'tx already exists in cache', hash);
}

export function refuseFull(
  hash: Uint8Array,
  pool: { count: number; maxTxs: number; bytes: number; maxTxsBytes: number },
): AdmitResult {
  const log = `mempool is full: number of txs ${pool.count} (max: ${pool.maxTxs}), total txs bytes ${pool.bytes} (max: ${pool.maxTxsBytes})`;
  return refuse('full', CODE_FULL, log, hash);
}

/** As the SDK's ante handler words it; this one is an answer, not a refusal by the pool. */
export function gasAboveBlock(hash: Uint8Array, gas: bigint, maxGas: bigint): AdmitResult {
  const log = `tx gas limit ${gas} exceeds block max gas ${maxGas}: invalid gas limit`;
  return { code: CODE_INVALID_GAS_LIMIT, codespace: 'sdk', log, gasWanted: gas, gasUsed: 0n, hash };
}

export function gasNotPositive(hash: Uint8Array): AdmitResult {
  const log = 'must provide positive gas: invalid gas limit';
  return { code: CODE_INVALID_GAS_LIMIT, codespace: 'sdk', log, gasWanted: 0n, gasUsed: 0n, hash };
}
