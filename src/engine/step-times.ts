import type { Consensus } from '#consensus/consensus.ts';
import type { Clock } from '#ports/clock.ts';
import type { NodeMetrics } from '#telemetry/node-metrics.ts';

const MILLISECONDS_PER_SECOND = 1_000;
/** CometBFT's labels, so that its dashboards show our steps. */
const STEP_LABELS: Readonly<Record<Consensus['step'], string>> = {
  newHeight: 'NewHeight',
  propose: 'Propose',
  prevote: 'Prevote',
  precommit: 'Precommit',
  commit: 'Commit',
};

/** Measures how long each round and step lasts. Without metrics it does nothing. */
export class StepTimes {
  private readonly clock: Clock;
  private readonly metrics: NodeMetrics['consensus'] | undefined;
  private height = 0;
  private round = -1;
  private step: Consensus['step'] = 'newHeight';
  private stepStartMs: number | undefined;
  private roundStartMs = 0;

  constructor(clock: Clock, metrics: NodeMetrics | undefined) {
    this.clock = clock;
    this.metrics = metrics?.consensus;
  }

  /** Called after every input: only a change counts. */
  look({ height, round, step }: Pick<Consensus, 'height' | 'round' | 'step'>): void {
    const { metrics } = this;
    if (metrics === undefined) return;
    const sameRound = round === this.round && height === this.height;
    if (sameRound && step === this.step) return;
    const nowMs = this.clock.monotonicMs();
    if (this.stepStartMs !== undefined) {
      metrics.stepDurationSeconds.with(STEP_LABELS[this.step]).observe(secondsFrom(this.stepStartMs, nowMs));
      // Before round 0 there is a pause, which is no round.
      if (!sameRound && this.round >= 0) {
        metrics.roundDurationSeconds.observe(secondsFrom(this.roundStartMs, nowMs));
      }
    }
    if (!sameRound) this.roundStartMs = nowMs;
    this.stepStartMs = nowMs;
    this.height = height;
    this.round = round;
    this.step = step;
    metrics.height.set(height);
    metrics.rounds.set(Math.max(0, round));
  }
}

function secondsFrom(startMs: number, endMs: number): number {
  return (endMs - startMs) / MILLISECONDS_PER_SECOND;
}
