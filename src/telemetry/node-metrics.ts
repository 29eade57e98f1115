import type { MetricsRegistry } from './metrics.ts';

/** Seconds: from a local round trip to a chain that stands still. */
const SECONDS_BUCKETS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 30, 60];
/** Milliseconds: from an empty block to one that starves consensus. */
const MILLISECONDS_BUCKETS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000];

export type NodeMetrics = ReturnType<typeof createNodeMetrics>;

/**
 * What the daemon reports of consensus, execution and peers, under CometBFT's names where it has them. Made once, by
 * the node; code writes `metrics?.consensus.height.set(...)`, and `metrics` may be absent.
 */
export function createNodeMetrics(registry: MetricsRegistry) {
  return {
    consensus: consensusMetrics(registry),
    state: {
      blockProcessingTime: registry.histogram(
        'state_block_processing_time',
        'Time to execute a block and to stage what it changed, in milliseconds.',
        MILLISECONDS_BUCKETS,
      ),
    },
    storage: {
      batchWriteMilliseconds: registry.histogram(
        'storage_batch_write_milliseconds',
        'Time of the synced write of a height.',
        MILLISECONDS_BUCKETS,
      ),
      walSyncMilliseconds: registry.histogram(
        'storage_wal_sync_milliseconds',
        'Time of a WAL fsync.',
        MILLISECONDS_BUCKETS,
      ),
    },
    p2p: {
      peers: registry.gauge('p2p_peers', 'Number of connected peers.'),
      receivedBytes: registry.counter('p2p_message_receive_bytes_total', 'Bytes received from peers, on the wire.'),
      sentBytes: registry.counter('p2p_message_send_bytes_total', 'Bytes sent to peers, on the wire.'),
      offences: registry.counters('p2p_offences_total', 'What peers did wrong, by kind.', ['kind']),
    },
    blocksync: {
      syncing: registry.gauge('blocksync_syncing', '1 while the node catches up, else 0.'),
    },
  };
}

/** Of the process, under the names that Prometheus' own clients use: `registry` has the namespace `process`. */
export function createProcessMetrics(registry: MetricsRegistry) {
  return {
    cpuSeconds: registry.counter('cpu_seconds_total', 'User and system time, in seconds.'),
    residentBytes: registry.gauge('resident_memory_bytes', 'Resident memory.'),
    eventLoopLagMilliseconds: registry.histogram(
      'event_loop_lag_milliseconds',
      'How late a timer fired.',
      MILLISECONDS_BUCKETS,
    ),
  };
}

function consensusMetrics(registry: MetricsRegistry) {
  return {
    height: registry.gauge('consensus_height', 'Height that is being decided.'),
    latestBlockHeight: registry.gauge('consensus_latest_block_height', 'The latest block height.'),
    rounds: registry.gauge('consensus_rounds', 'Round that consensus is in.'),
    validators: registry.gauge('consensus_validators', 'Number of validators.'),
    validatorsPower: registry.gauge('consensus_validators_power', 'Total voting power of the validators.'),
    missingValidators: registry.gauge(
      'consensus_missing_validators',
      'Validators whose precommit is not in the last commit of the latest block.',
    ),
    missingValidatorsPower: registry.gauge('consensus_missing_validators_power', 'Voting power of those.'),
    byzantineValidators: registry.gauge('consensus_byzantine_validators', 'Pieces of evidence in the latest block.'),
    validatorMissedBlocks: registry.counter(
      'consensus_validator_missed_blocks',
      'Last commits without the precommit of this validator, since start.',
    ),
    blockIntervalSeconds: registry.histogram(
      'consensus_block_interval_seconds',
      'Time between this block and the last.',
      SECONDS_BUCKETS,
    ),
    roundDurationSeconds: registry.histogram(
      'consensus_round_duration_seconds',
      'Duration of a round.',
      SECONDS_BUCKETS,
    ),
    stepDurationSeconds: registry.histograms(
      'consensus_step_duration_seconds',
      'Duration of each step.',
      SECONDS_BUCKETS,
      ['step'],
    ),
    numTxs: registry.gauge('consensus_num_txs', 'Transactions in the latest block.'),
    totalTxs: registry.counter('consensus_total_txs', 'Transactions committed since start.'),
    foreignSignatures: registry.counter(
      'consensus_foreign_signatures_total',
      'Signatures of this validator that another process made: above 0, this node has stopped signing.',
    ),
    blockSizeBytes: registry.gauge('consensus_block_size_bytes', 'Size of the latest block.'),
  };
}
