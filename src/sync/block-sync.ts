import type { Clock, Timer } from '#ports/clock.ts';
import type { PeerId } from '#ports/transport.ts';
import { BizraError, MachineError } from '#util/errors.ts';
import { PeerTrust } from './peer-trust.ts';

/** Heights asked for ahead of the applied one: bounds what a fast peer can make this node hold. */
const WINDOW_HEIGHTS = 128;
/** An answer ends here, whatever the number of heights, so large blocks come few at a time. */
const BATCH_MAX_BYTES = 2 * 1024 * 1024;
/** Fetched blocks that wait for their turn: with full blocks the window is not 128 of them. */
const WAITING_MAX_BYTES = 64 * 1024 * 1024;
/** The height that everything waits for is asked of another peer after this long: a slow one must not hold up the rest. */
const STALLED_MS = 500;
/**
 * When everybody is asked already and the height that everything waits for does not come, it is asked again alone, of
 * one peer after the other: what was lost on the way would be waited for as long as a large answer may take.
 */
const AGAIN_TIMEOUT_MS = 2_000;
const AGAIN_MAX = 4;
/** One height behind is the ordinary case of votes in flight: only after this long is the block fetched. */
const ONE_BEHIND_GRACE_MS = 150;
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
  /** Single heights that were asked for again, by peer; the one that was asked longest ago comes first. */
  private readonly again = new Set<PeerId>();
  /** Fetched and waiting for their turn, with who sent them. */
  private readonly fetched = new Map<number, { readonly peer: PeerId; readonly block: Fetched }>();
  /** Heights that a request in flight will bring. */
  private readonly requested = new Map<number, { readonly peer: PeerId; readonly sinceMs: number }>();
  private timer: Timer | undefined;
  private pokeAtMs = 0;
  private behindSinceMs: number | undefined;
  private applying = false;
  /** The height that is being verified or applied. */
  private inHand = 0;
  private stopped = false;
  private toldCatchingUp = false;
  /** The last height that came from peers, or that this process started with. */
  private syncedHeight: number;
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
    this.syncedHeight = components.chain.height();
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
   * again, and a node that decided its last height by votes is where the network is, whatever peers claim: else anybody
   * who connects could keep it from taking transactions.
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
    const height = this.chain.height();
    const catchingUp = height === this.syncedHeight && head - height >= CATCHING_UP_HEIGHTS;
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
      const trust = this.trustIn(peer);
      const count = Math.min(this.missingRun(from), head - from + 1, trust.batchHeights);
      this.busy.add(peer);
      this.note(peer, from, count);
      this.fetchRange(peer, from, count, trust.patienceMs)
        .finally(() => {
          this.busy.delete(peer);
          for (const [height, owner] of this.requested) if (owner.peer === peer) this.requested.delete(height);
        })
        .then(() => this.poke())
        .catch((error: unknown) => this.fail(error));
    }
    this.askAgain();
  }

  /** The next height, of a peer that has it and has not answered yet. */
  private askAgain(): void {
    const next = this.chain.height() + 1;
    if (this.isCovered(next) || this.again.size >= AGAIN_MAX) return;
    const having = this.peers.heads().filter(({ base, head }) => base <= next && next <= head);
    const peer = having.find((candidate) => this.busy.has(candidate.peer) && !this.again.has(candidate.peer))?.peer;
    if (peer === undefined) return;
    this.again.add(peer);
    this.note(peer, next, 1);
    this.fetchRange(peer, next, 1, AGAIN_TIMEOUT_MS)
      .finally(() => this.again.delete(peer))
      .then(() => this.poke())
      .catch((error: unknown) => this.fail(error));
  }

  private note(peer: PeerId, from: number, count: number): void {
    const sinceMs = this.clock.monotonicMs();
    for (let height = from; height < from + count; height++) this.requested.set(height, { peer, sinceMs });
    this.pokeIn(STALLED_MS);
  }

  private trustIn(peer: PeerId): PeerTrust {
    let trust = this.trust.get(peer);
    if (trust === undefined) {
      trust = new PeerTrust();
      this.trust.set(peer, trust);
    }
    return trust;
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
    const end = this.chain.height() + 1 + WINDOW_HEIGHTS;
    let height = from;
    while (height < end && !this.isCovered(height)) height++;
    return height - from;
  }

  private isCovered(height: number): boolean {
    if (height === this.inHand || this.fetched.has(height)) return true;
    const request = this.requested.get(height);
    if (request === undefined) return false;
    const isNext = height === this.chain.height() + 1;
    return !isNext || this.clock.monotonicMs() - request.sinceMs < STALLED_MS;
  }

  private async fetchRange(peer: PeerId, from: number, count: number, timeoutMs: number): Promise<void> {
    const startMs = this.clock.monotonicMs();
    try {
      const blocks = await this.peers.fetch(peer, from, count, BATCH_MAX_BYTES, timeoutMs);
      if (blocks.length === 0 || blocks.length > count) throw new BizraError('bad_answer', 'wrong number of blocks');
      for (const [index, block] of blocks.entries()) {
        if (block.height !== from + index) throw new BizraError('bad_answer', 'blocks out of order');
        if (from + index > this.chain.height()) this.fetched.set(from + index, { peer, block });
      }
      this.trustIn(peer).answered(this.clock.monotonicMs() - startMs);
    } catch (error) {
      if (!(error instanceof BizraError) || error instanceof MachineError) throw error;
      const isSilence = error.code === 'timeout' || error.code === 'disconnected';
      this.distrust(peer, isSilence ? 'silent' : 'failed');
    }
  }

  private distrust(peer: PeerId, why: 'silent' | 'failed'): void {
    this.pokeIn(this.trustIn(peer)[why](this.clock.monotonicMs()));
    this.tellCatchingUp();
  }

  private applyReady(): void {
    if (this.applying || this.stopped) return;
    this.applying = true;
    this.applyAll()
      .catch((error: unknown) => this.fail(error))
      .finally(() => {
        this.applying = false;
        this.inHand = 0;
        if (this.fetched.has(this.chain.height() + 1)) this.applyReady();
      });
  }

  private async applyAll(): Promise<void> {
    for (;;) {
      const height = this.chain.height() + 1;
      const next = this.fetched.get(height);
      if (next === undefined || this.stopped) return;
      this.fetched.delete(height);
      this.inHand = height;
      try {
        await this.chain.verify(next.block);
      } catch (error) {
        if (!(error instanceof BizraError) || error instanceof MachineError) throw error;
        this.peers.blame(next.peer, error.code);
        this.discardFrom(next.peer);
        this.distrust(next.peer, 'failed');
        this.inHand = 0;
        this.requestMore();
        return;
      }
      // Consensus may have decided the height by votes meanwhile.
      if (this.chain.height() + 1 !== height) continue;
      this.syncedHeight = height;
      await this.chain.apply(next.block);
      this.appliedCount++;
      this.trust.get(next.peer)?.delivered();
      this.requestMore();
    }
  }

  /** What happened is not a peer's fault: nothing more is asked for by a process that must end. */
  private fail(error: unknown): void {
    this.stop();
    this.onFatal(error);
  }

  private discardFrom(peer: PeerId): void {
    for (const [height, entry] of this.fetched) if (entry.peer === peer) this.fetched.delete(height);
  }
}
