/** A peer that did not deliver what it claimed is left alone this long, doubled with each failure. */
const DISTRUST_MIN_MS = 1_000;
const DISTRUST_MAX_MS = 60_000;
/**
 * Silence may be the network's doing: it is forgiven once at once, then the pauses stay short, so that a node finds the
 * way back soon after a network did.
 */
const SILENCE_PAUSE_MAX_MS = 2_000;
/** How long an answer is waited for: some times what this peer's answers took of late, within bounds. */
const PATIENCE_FACTOR = 4;
const PATIENCE_MIN_MS = 1_000;
const PATIENCE_MAX_MS = 10_000;
/** Weight of the newest answer in the running averages. */
const NEWEST = 0.25;
/** Heights in one request; fewer are asked of a peer that was too slow for them. */
const BATCH_HEIGHTS = 32;
/** Requests under way to a peer that delivers: while one answer is decoded, the next is on its way. */
const REQUESTS_MAX = 2;

/** What one peer deserves, by what it did with our requests. */
export class PeerTrust {
  /** Requests without the blocks that were claimed, since the last delivery. */
  failures = 0;
  distrustedUntilMs = 0;
  batchHeights = BATCH_HEIGHTS;
  /** Bytes a millisecond of its answers of late; 0 before the first. */
  rate = 0;
  private hasDelivered = false;
  private silences = 0;
  private averageMs: number | undefined;

  get patienceMs(): number {
    const expectedMs = Math.max(PATIENCE_MIN_MS, PATIENCE_FACTOR * (this.averageMs ?? 0));
    return Math.min(expectedMs * 2 ** this.silences, PATIENCE_MAX_MS);
  }

  /** Requests that may be under way at a time. */
  get requestsMax(): number {
    return this.hasDelivered && this.failures === 0 ? REQUESTS_MAX : 1;
  }

  /** Its last claim did not hold: it is asked for what nothing rests on, as long as others deliver. */
  get isOnProbation(): boolean {
    return this.failures > 0;
  }

  /** It sent blocks; whether they verify is another question. */
  answered(tookMs: number, bytes: number): void {
    const rate = bytes / Math.max(tookMs, 1);
    this.rate = this.averageMs === undefined ? rate : this.rate + NEWEST * (rate - this.rate);
    this.averageMs = this.averageMs === undefined ? tookMs : this.averageMs + NEWEST * (tookMs - this.averageMs);
    this.silences = 0;
    this.batchHeights = Math.min(2 * this.batchHeights, BATCH_HEIGHTS);
  }

  /** A block that it sent was applied. */
  delivered(): void {
    this.failures = 0;
    this.distrustedUntilMs = 0;
    this.hasDelivered = true;
  }

  /** No answer came in time: too much was asked for, or it was lost, or the peer has nothing. Returns the pause. */
  silent(nowMs: number): number {
    const pauseMs =
      this.silences === 0 ? 0 : Math.min(DISTRUST_MIN_MS * 2 ** (this.silences - 1), SILENCE_PAUSE_MAX_MS);
    this.silences++;
    this.failures++;
    this.batchHeights = Math.max(1, this.batchHeights >> 1);
    this.distrustedUntilMs = Math.max(this.distrustedUntilMs, nowMs + pauseMs);
    return pauseMs;
  }

  /** It refused, or sent something else than what was asked for. Returns the pause. */
  failed(nowMs: number): number {
    this.failures++;
    const pauseMs = Math.min(DISTRUST_MIN_MS * 2 ** (this.failures - 1), DISTRUST_MAX_MS);
    this.distrustedUntilMs = nowMs + pauseMs;
    return pauseMs;
  }
}

/** Who is asked first for what is needed next: who delivers, the fastest before; then who was never asked; then who failed. */
export function byMerit(a: PeerTrust, b: PeerTrust): number {
  return a.failures - b.failures || b.rate - a.rate;
}
