import type { Clock } from '#ports/clock.ts';
import type { PeerId } from '#ports/transport.ts';
import { byMerit, PeerTrust } from './peer-trust.ts';

/** Heights asked for ahead of the applied one: bounds what a fast peer can make this node hold. */
const WINDOW_HEIGHTS = 128;
/** Where the window moves on, one height after the other, some are collected before they are asked for. */
const FEWEST_HEIGHTS = 16;
/**
 * The height that everything waits for is asked of another peer after this long: a slow one must not hold up the rest.
 * Other heights are then asked again of a peer that has nothing else to do and is this many times as fast.
 */
export const STALLED_MS = 500;
const FASTER = 2;
/**
 * When everybody is asked already and the height that everything waits for does not come, it is asked again alone, of
 * one peer after the other: what was lost on the way would be waited for as long as a large answer may take.
 */
const AGAIN_TIMEOUT_MS = 2_000;
const AGAIN_MAX = 4;

/** Peers that are gone and of whom something came late: remembered until there are so many. */
const REMEMBERED_PEERS = 256;

/** A peer with the heights that it says it can serve. */
export interface PeerHeights {
  readonly peer: PeerId;
  readonly base: number;
  readonly head: number;
}

/** Consecutive heights that one peer is asked for. */
export interface BlockRequest {
  readonly peer: PeerId;
  readonly from: number;
  readonly count: number;
  readonly timeoutMs: number;
  readonly sinceMs: number;
  /** `again`: alone, beside others of the same peer. `trial`: nobody relies on it. */
  readonly kind: 'range' | 'again' | 'trial';
}

export interface RequestPlanComponents {
  readonly clock: Clock;
  readonly heads: () => readonly PeerHeights[];
  /** The height that everything waits for. */
  readonly next: () => number;
  /** Fetched, or in hand. */
  readonly isHere: (height: number) => boolean;
  /** Whether blocks that are not needed next may wait. */
  readonly hasRoom: () => boolean;
}

/** Who is asked for which heights. */
export class RequestPlan {
  private readonly parts: RequestPlanComponents;
  private readonly trust = new Map<PeerId, PeerTrust>();
  private readonly underWay = new Set<BlockRequest>();
  /** Heights that a request under way will bring. */
  private readonly expected = new Map<number, BlockRequest>();
  private lastAgainMs = Number.NEGATIVE_INFINITY;

  constructor(components: RequestPlanComponents) {
    this.parts = components;
  }

  /** It need not be connected any more. */
  trustIn(peer: PeerId): PeerTrust {
    const known = this.trust.get(peer);
    if (known !== undefined) return known;
    const trust = new PeerTrust();
    this.trust.set(peer, trust);
    return trust;
  }

  forget(peer: PeerId): void {
    this.trust.delete(peer);
  }

  private forgetAllBut(heads: readonly PeerHeights[]): void {
    const connected = new Set(heads.map(({ peer }) => peer));
    for (const peer of this.trust.keys()) if (!connected.has(peer)) this.trust.delete(peer);
  }

  /** Peers that may be asked now: who delivers most comes first. */
  usable(): PeerHeights[] {
    const now = this.parts.clock.monotonicMs();
    const heads = this.parts.heads();
    if (this.trust.size > heads.length + REMEMBERED_PEERS) this.forgetAllBut(heads);
    const peers = heads.filter(({ peer }) => (this.trust.get(peer)?.distrustedUntilMs ?? 0) <= now);
    return peers.sort((a, b) => byMerit(this.trustIn(a.peer), this.trustIn(b.peer)));
  }

  dropUpTo(height: number): void {
    for (const expected of this.expected.keys()) if (expected <= height) this.expected.delete(expected);
  }

  /** Requests to be made now. Each counts as under way from here on, until `ended`. */
  *due(): Generator<BlockRequest> {
    const next = this.parts.next();
    const peers = this.usable();
    const serving = peers.filter((peer) => has(peer, next));
    // What comes later is of no use while nobody has what comes first.
    if (serving.length > 0) {
      const someDeliver = serving.some(({ peer }) => !this.trustIn(peer).isOnProbation);
      for (const peer of peers) {
        const isTrial = someDeliver && this.trustIn(peer.peer).isOnProbation;
        yield* isTrial ? this.trial(peer) : this.ranges(peer);
      }
    }
    yield* this.again(next);
  }

  ended(request: BlockRequest): void {
    this.underWay.delete(request);
    for (const [height, expected] of this.expected) if (expected === request) this.expected.delete(height);
  }

  private *ranges(peer: PeerHeights): Generator<BlockRequest> {
    const trust = this.trustIn(peer.peer);
    while (this.load(peer.peer) < trust.requestsMax) {
      const range = this.missing(peer) ?? this.overdue(peer);
      if (range === undefined) return;
      const count = Math.min(range.count, trust.batchHeights);
      yield this.begin(peer.peer, range.from, count, trust.patienceMs, 'range');
    }
  }

  /** One height at the far end: whoever failed can show that it delivers after all, and nothing waits for it. */
  private *trial({ peer, base, head }: PeerHeights): Generator<BlockRequest> {
    if (this.load(peer) > 0 || !this.parts.hasRoom()) return;
    const next = this.parts.next();
    for (let height = Math.min(head, next + WINDOW_HEIGHTS - 1); height > next && height >= base; height--) {
      if (!this.isMissing(height, peer)) continue;
      yield this.begin(peer, height, 1, this.trustIn(peer).patienceMs, 'trial');
      return;
    }
  }

  /** The next height, of a peer that has it and has not answered yet. */
  private *again(next: number): Generator<BlockRequest> {
    const repeats = [...this.underWay].filter(({ kind }) => kind === 'again');
    if (repeats.length >= AGAIN_MAX || this.parts.isHere(next) || !this.isOverdue(next)) return;
    // A peer that refuses at once would be asked without end.
    const now = this.parts.clock.monotonicMs();
    if (now - this.lastAgainMs < STALLED_MS) return;
    // Who failed of late comes last, and is asked where there is nobody else.
    const having = [...this.usable(), ...this.parts.heads()].filter((peer) => has(peer, next));
    const found = having.find(
      ({ peer }) => this.load(peer) > 0 && !repeats.some((request) => request.peer === peer),
    )?.peer;
    if (found === undefined) return;
    this.lastAgainMs = now;
    yield this.begin(found, next, 1, AGAIN_TIMEOUT_MS, 'again');
  }

  private begin(
    peer: PeerId,
    from: number,
    count: number,
    timeoutMs: number,
    kind: BlockRequest['kind'],
  ): BlockRequest {
    const request = { peer, from, count, timeoutMs, kind, sinceMs: this.parts.clock.monotonicMs() };
    this.underWay.add(request);
    if (kind !== 'trial') for (let i = 0; i < count; i++) this.expected.set(from + i, request);
    return request;
  }

  /** The first heights that nobody was asked for and this peer has. */
  private missing({ peer, base, head }: PeerHeights): { from: number; count: number } | undefined {
    const next = this.parts.next();
    const end = Math.min(head + 1, next + WINDOW_HEIGHTS);
    let from = Math.max(next, base);
    while (from < end && !this.isMissing(from, peer)) from++;
    if (from >= end || (from > next && !this.parts.hasRoom())) return undefined;
    let to = from + 1;
    while (to < end && this.isMissing(to, peer)) to++;
    const isCutShort = to === next + WINDOW_HEIGHTS && to <= head && to - from < FEWEST_HEIGHTS;
    return isCutShort ? undefined : { from, count: to - from };
  }

  /** Heights that a much slower peer was asked for a while ago. */
  private overdue({ peer, base, head }: PeerHeights): { from: number; count: number } | undefined {
    const { rate } = this.trustIn(peer);
    const isSlower = (request: BlockRequest | undefined): boolean =>
      request !== undefined && request.peer !== peer && FASTER * this.trustIn(request.peer).rate < rate;
    const next = this.parts.next();
    const end = Math.min(head + 1, next + WINDOW_HEIGHTS);
    let from = Math.max(next, base);
    while (from < end && !(this.isOverdue(from) && isSlower(this.expected.get(from)))) from++;
    let to = from;
    while (to < end && this.expected.get(to) === this.expected.get(from) && !this.parts.isHere(to)) to++;
    return to > from ? { from, count: to - from } : undefined;
  }

  private isMissing(height: number, peer: PeerId): boolean {
    if (this.parts.isHere(height)) return false;
    const request = this.expected.get(height);
    if (request === undefined) return true;
    return height === this.parts.next() && request.peer !== peer && this.isOverdue(height);
  }

  private isOverdue(height: number): boolean {
    const request = this.expected.get(height);
    if (request === undefined) return true;
    return !this.parts.isHere(height) && this.parts.clock.monotonicMs() - request.sinceMs >= STALLED_MS;
  }

  private load(peer: PeerId): number {
    let load = 0;
    for (const request of this.underWay) if (request.peer === peer && request.kind !== 'again') load++;
    return load;
  }
}

function has({ base, head }: PeerHeights, height: number): boolean {
  return base <= height && height <= head;
}
