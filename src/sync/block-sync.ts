import type { Clock, Timer } from '#ports/clock.ts';
import type { PeerId } from '#ports/transport.ts';
import { BizraError } from '#util/errors.ts';

/** Heights asked for ahead of the applied one: bounds what a fast peer can make this node hold. */
const WINDOW_HEIGHTS = 128;
/** Heights in one request; the answer also ends at BATCH_MAX_BYTES, so large blocks come few at a time. */
const BATCH_HEIGHTS = 32;
const BATCH_MAX_BYTES = 2 * 1024 * 1024;
/** Fetched blocks that wait for their turn: with full blocks the window is not 128 of them. */
const WAITING_MAX_BYTES = 64 * 1024 * 1024;
const REQUEST_TIMEOUT_MS = 10_000;
/** The height that everything waits for is asked of another peer after this long: a slow one must not hold up the rest. */
const STALLED_MS = 500;
/** One height behind is the ordinary case of votes in flight: only after this long is the block fetched. */
const ONE_BEHIND_GRACE_MS = 150;
/** A peer that did not deliver what it claimed is left alone this long, doubled with each failure. */
const DISTRUST_MIN_MS = 1_000;
const DISTRUST_MAX_MS = 60_000;
/** Farther behind than this, the node counts as catching up: it refuses transactions and says so in `status`. */
export const CATCHING_UP_HEIGHTS = 3;

/** A block as a peer sent it, decoded and bounded, its commit not yet verified. */
export interface FetchedBlock {
  readonly height: number;
  /** Bytes of the block. */
  readonly size: number;
}

export interface SyncChain<Fetched extends FetchedBlock> {
  /** Last applied height. */
  height(): number;
  /** Verifies the commit (every signature) and the block against it. Throws a BizraError that blames the sender. */
  verify(fetched: Fetched): Promise<void>;
  /** Hands the block to consensus as `decided`; resolves when its height is applied. */
  apply(fetched: Fetched): Promise<void>;
}

export interface SyncPeers<Fetched extends FetchedBlock> {
  /** Peers with the heights that they say they can serve. */
  heads(): readonly { readonly peer: PeerId; readonly base: number; readonly head: number }[];
  /** Consecutive blocks from `from` on: at least one, or a rejection. */
  fetch(peer: PeerId, from: number, count: number, maxBytes: number, timeoutMs: number): Promise<Fetched[]>;
  /** The peer sent a block or commit that does not verify. */
  blame(peer: PeerId, reason: string): void;
}

interface PeerTrust {
  failures: number;
  distrustedUntilMs: number;
}

/**
 * Brings a node that is behind to the head: pulls ranges from several peers at once, verifies each block by the commit
 * that came with it, and applies them in order through consensus, the one path that applies heights. A peer is believed
 * only for what it delivers: claims alone neither hold the node in sync nor keep it from voting.
 */
export class BlockSync<Fetched extends FetchedBlock> {
  private readonly chain: SyncChain<Fetched>;
  private readonly peers: SyncPeers<Fetched>;
  private readonly clock: Clock;
  private readonly onFatal: (error: unknown) => void;
  private readonly onCatchingUp: (catchingUp: boolean) => void;
  private readonly trust = new Map<PeerId, PeerTrust>();
  private readonly busy = new Set<PeerId>();
  /** Fetched and waiting for their turn, with who sent them. */
  private readonly fetched = new Map<number, { readonly peer: PeerId; readonly block: Fetched }>();
  /** Heights that a request in flight will bring. */
  private readonly requested = new Map<number, { readonly peer: PeerId; readonly sinceMs: number }>();
  private timer: Timer | undefined;
  private pokeAtMs = 0;
  private behindSinceMs: number | undefined;
  private applying = false;
  private stopped = false;
  private toldCatchingUp = false;
  /** Blocks applied from peers since start. */
  appliedCount = 0;

  constructor(components: {
    chain: SyncChain<Fetched>;
    peers: SyncPeers<Fetched>;
    clock: Clock;
    onFatal: (error: unknown) => void;
    /** Told when `catchingUp` changed. */
    onCatchingUp: (catchingUp: boolean) => void;
  }) {
    this.chain = components.chain;
    this.peers = components.peers;
    this.clock = components.clock;
    this.onFatal = components.onFatal;
    this.onCatchingUp = components.onCatchingUp;
  }

  stop(): void {
    this.stopped = true;
    this.timer?.cancel();
  }

  /**
   * True while peers are well ahead. One that failed to deliver what it claimed does not count until it has delivered
   * again, so that a liar costs a node one request and not its work.
   */
  get catchingUp(): boolean {
    return this.toldCatchingUp;
  }

  forget(peer: PeerId): void {
    this.trust.delete(peer);
    this.tellCatchingUp();
  }

  /** Called when a peer reported its height, and when a height was applied. Cheap when there is nothing to do. */
  poke(): void {
    if (this.stopped) return;
    this.tellCatchingUp();
    const lag = this.lag();
    if (lag <= 0) {
      this.behindSinceMs = undefined;
      this.dropStale();
      return;
    }
    const now = this.clock.monotonicMs();
    this.behindSinceMs ??= now;
    const waitMs = lag === 1 ? this.behindSinceMs + ONE_BEHIND_GRACE_MS - now : 0;
    if (waitMs > 0) {
      this.pokeIn(waitMs);
      return;
    }
    this.dropStale();
    this.requestMore();
    this.applyReady();
  }

  private tellCatchingUp(): void {
    const honest = this.peers.heads().filter(({ peer }) => (this.trust.get(peer)?.failures ?? 0) === 0);
    const head = Math.max(0, ...honest.map((peer) => peer.head));
    const catchingUp = head - this.chain.height() >= CATCHING_UP_HEIGHTS;
    if (catchingUp === this.toldCatchingUp) return;
    this.toldCatchingUp = catchingUp;
    this.onCatchingUp(catchingUp);
  }

  private lag(): number {
    let head = 0;
    for (const peer of this.usablePeers()) head = Math.max(head, peer.head);
    return head - this.chain.height();
  }

  private usablePeers(): { peer: PeerId; base: number; head: number }[] {
    const now = this.clock.monotonicMs();
    return this.peers.heads().filter(({ peer }) => (this.trust.get(peer)?.distrustedUntilMs ?? 0) <= now);
  }

  /** The earliest of what is wanted: a peer that is distrusted for a minute must not put off the others. */
  private pokeIn(delayMs: number): void {
    const atMs = this.clock.monotonicMs() + delayMs;
    if (this.timer !== undefined && this.pokeAtMs <= atMs) return;
    this.timer?.cancel();
    this.pokeAtMs = atMs;
    this.timer = this.clock.setTimer(delayMs, () => {
      this.timer = undefined;
      this.poke();
    });
  }

  private dropStale(): void {
    const height = this.chain.height();
    for (const key of this.fetched.keys()) if (key <= height) this.fetched.delete(key);
    for (const key of this.requested.keys()) if (key <= height) this.requested.delete(key);
  }

  private requestMore(): void {
    if (this.stopped) return;
    for (const { peer, base, head } of this.usablePeers()) {
      if (this.busy.has(peer)) continue;
      const from = this.firstMissing();
      if (from === undefined || from < base || from > head || !this.hasRoom(from)) continue;
      const count = Math.min(this.missingRun(from), head - from + 1);
      const sinceMs = this.clock.monotonicMs();
      this.busy.add(peer);
      this.pokeIn(STALLED_MS);
      for (let height = from; height < from + count; height++) this.requested.set(height, { peer, sinceMs });
      this.fetchRange(peer, from, count).catch(this.onFatal);
    }
  }

  private firstMissing(): number | undefined {
    const start = this.chain.height() + 1;
    for (let height = start; height < start + WINDOW_HEIGHTS; height++) if (!this.isCovered(height)) return height;
    return undefined;
  }

  /** The next height is always asked for: what waits may rest on it. */
  private hasRoom(from: number): boolean {
    if (from === this.chain.height() + 1) return true;
    let bytes = 0;
    for (const { block } of this.fetched.values()) bytes += block.size;
    return bytes < WAITING_MAX_BYTES;
  }

  private missingRun(from: number): number {
    const end = Math.min(from + BATCH_HEIGHTS, this.chain.height() + 1 + WINDOW_HEIGHTS);
    let height = from;
    while (height < end && !this.isCovered(height)) height++;
    return height - from;
  }

  private isCovered(height: number): boolean {
    if (this.fetched.has(height)) return true;
    const request = this.requested.get(height);
    if (request === undefined) return false;
    const isNext = height === this.chain.height() + 1;
    return !isNext || this.clock.monotonicMs() - request.sinceMs < STALLED_MS;
  }

  private async fetchRange(peer: PeerId, from: number, count: number): Promise<void> {
    try {
      const blocks = await this.peers.fetch(peer, from, count, BATCH_MAX_BYTES, REQUEST_TIMEOUT_MS);
      if (blocks.length === 0 || blocks.length > count) throw new BizraError('bad_answer', 'wrong number of blocks');
      for (const [index, block] of blocks.entries()) {
        if (block.height !== from + index) throw new BizraError('bad_answer', 'blocks out of order');
        if (from + index > this.chain.height()) this.fetched.set(from + index, { peer, block });
      }
    } catch (error) {
      if (!(error instanceof BizraError)) throw error;
      this.distrust(peer);
    } finally {
      this.busy.delete(peer);
      for (const [height, owner] of this.requested) if (owner.peer === peer) this.requested.delete(height);
    }
    this.poke();
  }

  private distrust(peer: PeerId): void {
    const trust = this.trust.get(peer) ?? { failures: 0, distrustedUntilMs: 0 };
    trust.failures++;
    const pauseMs = Math.min(DISTRUST_MIN_MS * 2 ** (trust.failures - 1), DISTRUST_MAX_MS);
    trust.distrustedUntilMs = this.clock.monotonicMs() + pauseMs;
    this.trust.set(peer, trust);
    this.pokeIn(pauseMs);
    this.tellCatchingUp();
  }

  private applyReady(): void {
    if (this.applying || this.stopped) return;
    this.applying = true;
    this.applyAll()
      .catch(this.onFatal)
      .finally(() => {
        this.applying = false;
        if (this.fetched.has(this.chain.height() + 1)) this.applyReady();
      });
  }

  private async applyAll(): Promise<void> {
    for (;;) {
      const height = this.chain.height() + 1;
      const next = this.fetched.get(height);
      if (next === undefined || this.stopped) return;
      this.fetched.delete(height);
      try {
        await this.chain.verify(next.block);
      } catch (error) {
        if (!(error instanceof BizraError)) throw error;
        this.peers.blame(next.peer, error.code);
        this.discardFrom(next.peer);
        this.distrust(next.peer);
        this.requestMore();
        return;
      }
      // Consensus may have decided the height by votes meanwhile.
      if (this.chain.height() + 1 !== height) continue;
      await this.chain.apply(next.block);
      this.appliedCount++;
      this.trust.delete(next.peer);
      this.requestMore();
    }
  }

  private discardFrom(peer: PeerId): void {
    for (const [height, entry] of this.fetched) if (entry.peer === peer) this.fetched.delete(height);
  }
}
