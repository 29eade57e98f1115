import assert from 'node:assert/strict';
import fc from 'fast-check';
import { buildReport } from '#cli/load/load-report.ts';
import { intervals, percentile, summarize } from '#cli/load/statistics.ts';

describe('load statistics', () => {
  it('takes percentiles by nearest rank', () => {
    const sorted = Float64Array.from({ length: 100 }, (_, index) => index + 1);
    assert.deepEqual(
      [0.5, 0.95, 0.99, 1].map((fraction) => percentile(sorted, fraction)),
      [50, 95, 99, 100],
    );
    assert.equal(percentile(Float64Array.of(7), 0.5), 7);
  });

  it('gives values that occurred, in order, and does not touch its input', () => {
    fc.assert(
      fc.property(fc.float64Array({ minLength: 1, noNaN: true, noDefaultInfinity: true }), (samples) => {
        const copy = samples.slice();
        const summary = summarize(samples);
        assert.ok(summary !== undefined);
        const values = [summary.p50, summary.p95, summary.p99, summary.max];
        assert.ok(values.every((value) => copy.includes(value)));
        assert.deepEqual(
          values,
          values.toSorted((a, b) => a - b),
        );
        assert.deepEqual(samples, copy);
      }),
    );
    assert.equal(summarize(new Float64Array(0)), undefined);
    assert.deepEqual(intervals([1, 4, 9]), Float64Array.of(3, 5));
    assert.deepEqual(intervals([1]), new Float64Array(0));
  });

  it('counts only what was committed, from the first submission to the last commit', () => {
    const usage = (cpuMicros: number) => new Map([[1, { cpuMicros, residentBytes: 50_000_000 }]]);
    const report = buildReport({
      run: {
        offered: 4,
        accepted: 3,
        refused: 1,
        committed: 2,
        refusals: new Map([['code 5', 1]]),
        blocks: [
          { height: 5, seenMs: 1_100, txs: ['a'] },
          { height: 6, seenMs: 1_500, txs: ['b', 'x'] },
          { height: 7, seenMs: 9_000, txs: [] },
        ],
        submittedMs: Float64Array.of(1_000, 1_200, 1_300, 1_400, Number.NaN),
        committedMs: Float64Array.of(1_100, 1_500, Number.NaN, Number.NaN, Number.NaN),
      },
      startMs: 1_000,
      elapsedMs: 1_000,
      failed: 0,
      before: usage(1_000),
      after: usage(1_400),
      generatorCpuMicros: 250_000,
    });
    assert.equal(report.committedPerSecond, 4);
    assert.equal(report.offeredPerSecond, 10);
    assert.deepEqual([report.latency?.p50, report.latency?.max], [100, 300]);
    assert.deepEqual([report.blocks, report.blockInterval?.max, report.largestBlockTxs], [2, 400, 2]);
    assert.equal(report.cpuMicrosPerTxAndNode, 200);
    assert.equal(report.generatorCpuSeconds, 0.25);
    assert.equal(report.nodes[0]?.residentMegabytes, 50);
  });

  it('reports nothing instead of zeros when nothing was committed', () => {
    const nothing = Float64Array.of(Number.NaN);
    const run = {
      offered: 1,
      accepted: 0,
      refused: 1,
      committed: 0,
      refusals: new Map(),
      blocks: [],
      submittedMs: Float64Array.of(1),
      committedMs: nothing,
    };
    const report = buildReport({
      run,
      startMs: 1,
      elapsedMs: 5,
      failed: 0,
      before: new Map(),
      after: new Map(),
      generatorCpuMicros: 0,
    });
    assert.deepEqual(
      [report.latency, report.blockInterval, report.cpuMicrosPerTxAndNode],
      [undefined, undefined, undefined],
    );
    assert.equal(report.committedPerSecond, 0);
  });
});
