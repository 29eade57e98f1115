import type { PeerId } from '#ports/transport.ts';

/** As in the address book: a peer has this many points, and regains some a minute. */
const POINTS = 100;
const REGAINED_A_MINUTE = 6;
/** What zero points cost. Milliseconds. */
const SCORE_BAN_MS = 10 * 60_000;
/** A run is a minute long: whoever was banned must come back in it, to misbehave again. */
const BAN_SCALE = 1 / 200;

interface Score {
  points: number;
  sinceMs: number;
}

/** Who does not talk to whom any more, and how close the others are to it. */
export class Standing {
  private readonly scores = new Map<string, Score>();
  private readonly bans = new Map<string, number>();

  /** True when the peer is banned for it now. */
  penalize(by: PeerId, peer: PeerId, points: number, nowMs: number): boolean {
    const key = `${by}>${peer}`;
    const before = this.scores.get(key) ?? { points: POINTS, sinceMs: nowMs };
    const regained = ((nowMs - before.sinceMs) / 60_000) * REGAINED_A_MINUTE;
    const left = Math.min(POINTS, before.points + regained) - points;
    this.scores.set(key, { points: left <= 0 ? POINTS : left, sinceMs: nowMs });
    if (left > 0) return false;
    this.ban(by, peer, SCORE_BAN_MS, nowMs);
    return true;
  }

  ban(by: PeerId, peer: PeerId, durationMs: number, nowMs: number): void {
    this.bans.set(`${by}>${peer}`, nowMs + durationMs * BAN_SCALE);
  }

  /** Either of the two has banned the other. */
  isApart(a: PeerId, b: PeerId, nowMs: number): boolean {
    return Math.max(this.bans.get(`${a}>${b}`) ?? 0, this.bans.get(`${b}>${a}`) ?? 0) > nowMs;
  }
}
