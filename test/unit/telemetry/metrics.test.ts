import { deepEqual, equal, ok, throws } from 'node:assert/strict';
import { createMempoolMetrics } from '#mempool/metrics.ts';
import { MetricsRegistry } from '#telemetry/metrics.ts';
import { createNodeMetrics } from '#telemetry/node-metrics.ts';

const registry = () => new MetricsRegistry({ namespace: 'cometbft', constantLabels: { chain_id: 'c"1' } });

describe('metrics', () => {
  it('renders counters and gauges in the text format, labels escaped', () => {
    const metrics = registry();
    const counter = metrics.counters('p2p_bytes_total', 'Bytes\nreceived.', ['kind']);
    counter.with('a\\b\n').add(3);
    counter.with('a\\b\n').add();
    metrics.gauge('peers', 'Peers.').set(2.5);
    deepEqual(metrics.render().split('\n'), [
      '# HELP cometbft_p2p_bytes_total Bytes\\nreceived.',
      '# TYPE cometbft_p2p_bytes_total counter',
      'cometbft_p2p_bytes_total{chain_id="c\\"1",kind="a\\\\b\\n"} 4',
      '# HELP cometbft_peers Peers.',
      '# TYPE cometbft_peers gauge',
      'cometbft_peers{chain_id="c\\"1"} 2.5',
      '',
    ]);
  });

  it('renders histograms with cumulative buckets, bounds inclusive', () => {
    const metrics = new MetricsRegistry({ namespace: 'n' });
    const histogram = metrics.histogram('t_seconds', 'T.', [1, 2]);
    for (const value of [0.5, 1, 1.5, 9]) histogram.observe(value);
    deepEqual(metrics.render().split('\n').slice(2), [
      'n_t_seconds_bucket{le="1"} 2',
      'n_t_seconds_bucket{le="2"} 3',
      'n_t_seconds_bucket{le="+Inf"} 4',
      'n_t_seconds_sum 12',
      'n_t_seconds_count 4',
      '',
    ]);
  });

  it('bounds label combinations', () => {
    const metrics = new MetricsRegistry({ namespace: 'n' });
    const family = metrics.counters('c', 'C.', ['peer']);
    for (let i = 0; i < 2_000; i++) family.with(`peer${i}`).add();
    const lines = metrics.render().split('\n');
    ok(lines.length < 510);
    ok(lines.includes('n_c{peer="other"} 1500'));
  });

  it('refuses programmer errors: two of one name, bad names, wrong label counts, unordered buckets', () => {
    const metrics = registry();
    metrics.gauge('a', 'A.');
    throws(() => metrics.counter('a', 'A.'), /twice/);
    throws(() => metrics.gauge('a-b', 'A.'), /bad metric/);
    throws(() => metrics.counters('b', 'B.', ['x']).with(), /1 labels/);
    throws(() => metrics.histogram('h', 'H.', [2, 1]), /ascending/);
  });

  it('reports the mempool under CometBFT`s names', () => {
    const metrics = registry();
    const mempool = createMempoolMetrics(metrics);
    createNodeMetrics(metrics).consensus.height.set(9);
    mempool.size(3, 900);
    mempool.admitted(300);
    mempool.rejected('full');
    mempool.rejected('check');
    mempool.removed('evicted');
    mempool.rechecked();
    const value = (name: string): string | undefined =>
      metrics
        .render()
        .split('\n')
        .find((line) => line.startsWith(`cometbft_${name}{`))
        ?.split(' ')[1];
    equal(value('mempool_size'), '3');
    equal(value('mempool_size_bytes'), '900');
    equal(value('mempool_rejected_txs'), '1');
    equal(value('mempool_failed_txs'), '1');
    equal(value('mempool_evicted_txs'), '1');
    equal(value('mempool_recheck_times'), '1');
    equal(value('mempool_tx_size_bytes_count'), '1');
    equal(value('consensus_height'), '9');
  });
});
