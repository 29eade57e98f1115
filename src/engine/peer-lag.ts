/** Share of votes that a peer reports within its lag. What is lost on the way is above, and must not raise it. */
const QUANTILE = 0.95;
/** Step of the estimate, as a share of it, and at least this much. */
const STEP = 0.05;
const STEP_MIN_MS = 1;
/** Round the world and back. What takes longer, beside the time between two reports, is no lag: something was lost. */
const WAY_MAX_MS = 400;
const MARGIN = 1.5;

/**
 * How long after this node a peer says that it has a vote: the time for which a gap in its report means nothing. On a
 * LAN that is the time between two reports, across the world some hundred milliseconds. Followed sample by sample, up or
 * down by a step whose ratio gives the quantile.
 */
export class PeerLag {
  private lagMs: number;
  private readonly maxMs: number;

  /** `betweenReportsMs`: how often the peer reports. With many peers the first guess is that, not nothing. */
  constructor(betweenReportsMs: number) {
    this.maxMs = WAY_MAX_MS + betweenReportsMs;
    this.lagMs = betweenReportsMs;
  }

  note(sampleMs: number): void {
    if (sampleMs > this.maxMs) return;
    const step = Math.max(STEP_MIN_MS, STEP * this.lagMs);
    this.lagMs = Math.max(0, this.lagMs + (sampleMs > this.lagMs ? QUANTILE * step : (QUANTILE - 1) * step));
  }

  /** After this long, what the peer has not reported is probably lost. */
  get graceMs(): number {
    return MARGIN * this.lagMs;
  }
}
