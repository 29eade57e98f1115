import { deepEqual, equal } from 'node:assert/strict';
import { StepTimes } from '#engine/step-times.ts';
import { MetricsRegistry } from '#telemetry/metrics.ts';
import { createNodeMetrics } from '#telemetry/node-metrics.ts';
import { ManualClock } from '../../support/manual-clock.ts';

describe('step times', () => {
  it('measures steps and rounds from change to change, not the pause before round 0', () => {
    const clock = new ManualClock();
    const registry = new MetricsRegistry({ namespace: 'n' });
    const times = new StepTimes(clock, createNodeMetrics(registry));
    const value = (name: string): string | undefined =>
      registry
        .render()
        .split('\n')
        .find((line) => line.startsWith(`n_consensus_${name} `))
        ?.split(' ')[1];

    times.look({ height: 5, round: -1, step: 'newHeight' });
    clock.spend(7_000);
    times.look({ height: 5, round: 0, step: 'propose' });
    clock.spend(300);
    times.look({ height: 5, round: 0, step: 'propose' });
    clock.spend(200);
    times.look({ height: 5, round: 0, step: 'prevote' });
    clock.spend(1_500);
    equal(value('round_duration_seconds_count'), '0');
    times.look({ height: 5, round: 1, step: 'propose' });
    deepEqual([value('height'), value('rounds')], ['5', '1']);
    clock.spend(1_000);
    times.look({ height: 6, round: -1, step: 'newHeight' });

    equal(value('step_duration_seconds_sum{step="NewHeight"}'), '7');
    equal(value('step_duration_seconds_sum{step="Propose"}'), '1.5');
    equal(value('step_duration_seconds_count{step="Propose"}'), '2');
    equal(value('step_duration_seconds_sum{step="Prevote"}'), '1.5');
    equal(value('round_duration_seconds_count'), '2');
    equal(value('round_duration_seconds_sum'), '3');
    deepEqual([value('height'), value('rounds')], ['6', '0']);
  });

  it('may be without metrics', () => {
    const times = new StepTimes(new ManualClock(), undefined);
    times.look({ height: 1, round: 0, step: 'propose' });
    times.look({ height: 2, round: 0, step: 'propose' });
  });
});
