import type { MetricsRegistry } from '#telemetry/metrics.ts';

export type RejectReason =
  | 'too_large'
  | 'in_cache'
  | 'full'
  | 'syncing'
  | 'undecodable'
  | 'signature'
  | 'check'
  | 'gas';
export type RemoveReason = 'evicted' | 'expired' | 'recheck';

/** What the mempool reports. */
export interface MempoolMetrics {
  /** Transactions and framed bytes in the pool now. */
  size(count: number, bytes: number): void;
  admitted(bytes: number): void;
  rejected(reason: RejectReason): void;
  removed(reason: RemoveReason): void;
  /** One transaction was checked again. */
  rechecked(): void;
}

/** For running without telemetry. */
export const NO_MEMPOOL_METRICS: MempoolMetrics = {
  size: () => undefined,
  admitted: () => undefined,
  rejected: () => undefined,
  removed: () => undefined,
  rechecked: () => undefined,
};

/** Bytes: from a bare transfer to the largest that is admitted. */
const TX_SIZE_BUCKETS = [128, 256, 512, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576];

/** Under CometBFT's names; the counters with a `reason` are ours. */
export function createMempoolMetrics(registry: MetricsRegistry): MempoolMetrics {
  const count = registry.gauge('mempool_size', 'Number of uncommitted transactions.');
  const bytes = registry.gauge('mempool_size_bytes', 'Total size of the uncommitted transactions in bytes.');
  const txSize = registry.histogram('mempool_tx_size_bytes', 'Sizes of admitted transactions.', TX_SIZE_BUCKETS);
  const failed = registry.counter('mempool_failed_txs', 'Transactions that failed their check.');
  const full = registry.counter('mempool_rejected_txs', 'Transactions refused because the pool was full.');
  const evicted = registry.counter('mempool_evicted_txs', 'Transactions evicted for better paying ones.');
  const known = registry.counter('mempool_already_received_txs', 'Transactions received that were known already.');
  const rechecks = registry.counter('mempool_recheck_times', 'Transactions checked again.');
  const refused = registry.counters('mempool_refused_txs_total', 'Transactions refused, by reason.', ['reason']);
  const dropped = registry.counters('mempool_dropped_txs_total', 'Transactions dropped, by reason.', ['reason']);
  return {
    size(newCount, newBytes) {
      count.set(newCount);
      bytes.set(newBytes);
    },
    admitted: (size) => txSize.observe(size),
    rejected(reason) {
      refused.with(reason).add();
      if (reason === 'full') full.add();
      else if (reason === 'in_cache') known.add();
      else if (reason !== 'syncing') failed.add();
    },
    removed(reason) {
      dropped.with(reason).add();
      if (reason === 'evicted') evicted.add();
    },
    rechecked: () => rechecks.add(),
  };
}
