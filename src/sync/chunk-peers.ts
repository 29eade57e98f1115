import type { PeerId } from '#ports/transport.ts';

/** Chunks asked of one peer at a time: the next one is under way while the last one is checked. */
const WINDOW_MIN = 1;
const WINDOW_MAX = 4;
/** How long a chunk is waited for: some times what this peer's chunks took of late, within bounds. */
const PATIENCE_FACTOR = 4;
const PATIENCE_FIRST_MS = 15_000;
const PATIENCE_MIN_MS = 3_000;
const PATIENCE_MAX_MS = 30_000;
/** Weight of the newest chunk in the running average. */
const NEWEST = 0.25;
/** A peer that did not deliver is left alone this long, doubled each time. */
const REST_MIN_MS = 1_000;
const REST_MAX_MS = 60_000;

/** What one peer deserves, by how it delivers chunks: slow ones are asked for less, silent ones are left alone. */
export class ChunkPeer {
  readonly id: PeerId;
  inFlight = 0;
  private window = WINDOW_MIN;
  private failures = 0;
  private averageMs: number | undefined;
  private restUntilMs = 0;

  constructor(id: PeerId) {
    this.id = id;
  }

  get patienceMs(): number {
    if (this.averageMs === undefined) return PATIENCE_FIRST_MS;
    return Math.min(Math.max(PATIENCE_MIN_MS, PATIENCE_FACTOR * this.averageMs), PATIENCE_MAX_MS);
  }

  /** Milliseconds that a chunk is expected to take; unknown peers count as fast, so that each is tried. */
  get expectedMs(): number {
    return this.averageMs ?? 0;
  }

  canTake(nowMs: number): boolean {
    return this.inFlight < this.window && this.restUntilMs <= nowMs;
  }

  delivered(tookMs: number): void {
    this.averageMs = this.averageMs === undefined ? tookMs : this.averageMs + NEWEST * (tookMs - this.averageMs);
    this.failures = 0;
    this.window = Math.min(this.window + 1, WINDOW_MAX);
  }

  /** No answer, or none that can be used. */
  failed(nowMs: number): void {
    this.window = WINDOW_MIN;
    this.restUntilMs = nowMs + Math.min(REST_MIN_MS * 2 ** this.failures, REST_MAX_MS);
    this.failures++;
  }
}
