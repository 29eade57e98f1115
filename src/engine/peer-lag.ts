/** Share of votes that a peer reports within its lag. What is lost on the way is above, and must not raise it. */
const QUANTILE = 0.95;
/** Step of the estimate, as a share of it, and at least this much. */
const STEP = 0.05;
const STEP_MIN_MS = 1;
/** Longer waits are no lag: something was lost. Round the world and back it is 400 ms. */
const LAG_MAX_MS = 400;
const MARGIN = 1.5;

/**
 * How long after this node a peer says that it has a vote: the time for which a gap in its report means nothing. On a LAN that is the time between two reports, across the world some hundred
 * milliseconds. Followed sample by sample, up or down by a step whose ratio gives the quantile.
 */
export class PeerLag {
  private lagMs = 0;

  note(sampleMs: number): void {
    if (sampleMs > LAG_MAX_MS) return;
    const step = Math.max(STEP_MIN_MS, STEP * this.lagMs);
    this.lagMs = Math.max(0, this.lagMs + (sampleMs > this.lagMs ? QUANTILE * step : (QUANTILE - 1) * step));
  }

  /** After this long, what the peer has not reported is probably lost. */
  get graceMs(): number {
    return MARGIN * this.lagMs;
  }
}
