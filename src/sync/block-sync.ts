import type { Clock, Timer } from '#ports/clock.ts';
import type { PeerId } from '#ports/transport.ts';
import { BizraError, MachineError } from '#util/errors.ts';
import { type BlockRequest, type PeerHeights, RequestPlan, STALLED_MS } from './request-plan.ts';
import { WaitingBlocks } from './waiting-blocks.ts';

/** An answer ends here, whatever the number of heights, so large blocks come few at a time. */
const BATCH_MAX_BYTES = 2 * 1024 * 1024;
/** One height behind is the ordinary case of votes in flight: only after this long is the block fetched. */
const ONE_BEHIND_GRACE_MS = 150;
/** Farther behind than this, the node counts as catching up: it refuses transactions and says so in `status`. */
export const CATCHING_UP_HEIGHTS = 3;
/** From here on catching up is worth threads of its own, until it is over. */
const FAR_BEHIND_HEIGHTS = 8;
/** How often an operator is told that no peer has what is needed. */
const OUT_OF_REACH_EVERY_MS = 60_000;

/** A block as a peer sent it, decoded and bounded, its commit not yet verified. */
export interface FetchedBlock {
  readonly height: number;
  /** Bytes of the block. */
  readonly size: number;
}

export interface SyncChain<Fetched extends FetchedBlock> {
  /** Last applied height. */
  height(): number;
  /** Does ahead of their turn what needs no state before them, for consecutive blocks. Decides nothing. */
  prepare?(fetched: readonly Fetched[]): Promise<void>;
  /** Verifies the commit (every signature) and the block against it. Throws a BizraError that blames the sender. */
  verify(fetched: Fetched): Promise<void>;
  /** Hands the block to consensus as `decided`; resolves when its height is applied. */
  apply(fetched: Fetched): Promise<void>;
}

export interface SyncPeers<Fetched extends FetchedBlock> {
  /** Peers with the heights that they say they can serve. */
  heads(): readonly PeerHeights[];
  /** Consecutive blocks from `from` on: at least one, or a rejection. */
  fetch(peer: PeerId, from: number, count: number, maxBytes: number, timeoutMs: number): Promise<Fetched[]>;
  /** The peer sent a block or commit that does not verify. */
  blame(peer: PeerId, reason: string): void;
}

export interface BlockSyncComponents<Fetched extends FetchedBlock> {
  readonly chain: SyncChain<Fetched>;
  readonly peers: SyncPeers<Fetched>;
  readonly clock: Clock;
  readonly onFatal: (error: unknown) => void;
  /** Told when `catchingUp` changed. */
  readonly onCatchingUp: (catchingUp: boolean) => void;
  /** Told when so much is to be caught up with that it is worth threads of its own, and when that is over. */
  readonly onFarBehind?: (farBehind: boolean) => void;
  /** No peer has the next height any more; the lowest that one has. Told now and then. */
  readonly onOutOfReach?: (next: number, lowest: number) => void;
}

/**
 * Brings a node that is behind to the head: pulls ranges from several peers at once, verifies each block by the commit
 * that came with it, and applies them in order through consensus, the one path that applies heights. While a block is
 * applied, the next ones are fetched, decoded, and their signatures checked. A peer is believed only for what it delivers:
 * claims alone neither hold the node in sync nor keep it from voting.
 */
export class BlockSync<Fetched extends FetchedBlock> {
  private readonly parts: BlockSyncComponents<Fetched>;
  private readonly waiting: WaitingBlocks<Fetched>;
  private readonly plan: RequestPlan;
  private timer: Timer | undefined;
  private pokeAtMs = 0;
  private behindSinceMs: number | undefined;
  private applying = false;
  /** The height that is being verified or applied. */
  private inHand = 0;
  private stopped = false;
  private toldCatchingUp = false;
  private toldFarBehind = false;
  private toldOutOfReachMs: number | undefined;
  /** The last height that came from peers, or that this process started with. */
  private syncedHeight: number;
  /** Blocks applied from peers since start. */
  appliedCount = 0;

  constructor(components: BlockSyncComponents<Fetched>) {
    this.parts = components;
    this.syncedHeight = components.chain.height();
    this.waiting = new WaitingBlocks((blocks) => this.prepare(blocks));
    this.plan = new RequestPlan({
      clock: components.clock,
      heads: () => components.peers.heads(),
      next: () => this.next,
      isHere: (height) => height === this.inHand || this.waiting.has(height),
      hasRoom: () => !this.waiting.isFull,
    });
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
    this.plan.forget(peer);
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
    const now = this.parts.clock.monotonicMs();
    this.behindSinceMs ??= now;
    const waitMs = lag === 1 ? this.behindSinceMs + ONE_BEHIND_GRACE_MS - now : 0;
    if (waitMs > 0) {
      this.pokeIn(waitMs);
      return;
    }
    this.dropStale();
    this.requestMore();
    this.tellOutOfReach(now);
    this.applyReady();
  }

  private get next(): number {
    return this.parts.chain.height() + 1;
  }

  private tellCatchingUp(): void {
    const { chain, peers, onCatchingUp, onFarBehind } = this.parts;
    const honest = peers.heads().filter(({ peer }) => !this.plan.trustIn(peer).isOnProbation);
    const height = chain.height();
    const lag = honest.reduce((head, peer) => Math.max(head, peer.head), 0) - height;
    // One below it while that is being applied.
    const catchingUp = height <= this.syncedHeight && lag >= CATCHING_UP_HEIGHTS;
    const farBehind = catchingUp && (this.toldFarBehind || lag >= FAR_BEHIND_HEIGHTS);
    if (catchingUp !== this.toldCatchingUp) {
      this.toldCatchingUp = catchingUp;
      onCatchingUp(catchingUp);
    }
    if (farBehind === this.toldFarBehind) return;
    this.toldFarBehind = farBehind;
    onFarBehind?.(farBehind);
  }

  /** Nothing comes while no peer has what is needed: an operator must know, since waiting does not help. */
  private tellOutOfReach(now: number): void {
    const { next } = this;
    const ahead = this.parts.peers.heads().filter(({ head }) => head >= next);
    const lowest = Math.min(...ahead.map(({ base }) => base));
    if (ahead.length === 0 || lowest <= next) return;
    if (now - (this.toldOutOfReachMs ?? Number.NEGATIVE_INFINITY) < OUT_OF_REACH_EVERY_MS) return;
    this.toldOutOfReachMs = now;
    this.parts.onOutOfReach?.(next, lowest);
  }

  private lag(): number {
    let head = 0;
    for (const peer of this.plan.usable()) head = Math.max(head, peer.head);
    return head - this.parts.chain.height();
  }

  /** The earliest of what is wanted: a peer that is distrusted for a minute must not put off the others. */
  private pokeIn(delayMs: number): void {
    const { clock } = this.parts;
    const atMs = clock.monotonicMs() + delayMs;
    if (this.timer !== undefined && this.pokeAtMs <= atMs) return;
    this.timer?.cancel();
    this.pokeAtMs = atMs;
    this.timer = clock.setTimer(delayMs, () => {
      this.timer = undefined;
      this.poke();
    });
  }

  private dropStale(): void {
    const height = this.parts.chain.height();
    this.waiting.dropUpTo(height);
    this.plan.dropUpTo(height);
  }

  private requestMore(): void {
    if (this.stopped) return;
    for (const request of this.plan.due()) {
      this.pokeIn(STALLED_MS);
      this.fetchRange(request)
        .finally(() => this.plan.ended(request))
        .then(() => this.poke())
        .catch((error: unknown) => this.fail(error));
    }
  }

  private async fetchRange({ peer, from, count, timeoutMs, kind }: BlockRequest): Promise<void> {
    const { peers, clock } = this.parts;
    const startMs = clock.monotonicMs();
    try {
      const blocks = await peers.fetch(peer, from, count, BATCH_MAX_BYTES, timeoutMs);
      if (blocks.length === 0 || blocks.length > count) throw new BizraError('bad_answer', 'wrong number of blocks');
      if (blocks.some(({ height }, index) => height !== from + index))
        throw new BizraError('bad_answer', 'blocks out of order');
      let bytes = 0;
      for (const block of blocks) {
        bytes += block.size;
        if (block.height >= this.next && block.height !== this.inHand) this.waiting.add(peer, block);
      }
      // One that was asked for alone says nothing of what the peer can do.
      if (kind !== 'again') this.plan.trustIn(peer).answered(clock.monotonicMs() - startMs, bytes);
    } catch (error) {
      if (!(error instanceof BizraError) || error instanceof MachineError) throw error;
      const isSilence = error.code === 'timeout' || error.code === 'disconnected';
      this.distrust(peer, isSilence ? 'silent' : 'failed');
    }
  }

  private distrust(peer: PeerId, why: 'silent' | 'failed'): void {
    this.pokeIn(this.plan.trustIn(peer)[why](this.parts.clock.monotonicMs()));
    this.tellCatchingUp();
  }

  /** Whatever a peer's bytes are good for shows when it is their turn. */
  private async prepare(blocks: readonly Fetched[]): Promise<void> {
    try {
      if (!this.stopped) await this.parts.chain.prepare?.(blocks);
    } catch (error) {
      if (!(error instanceof BizraError) || error instanceof MachineError) this.fail(error);
    }
  }

  private applyReady(): void {
    this.waiting.prepareAfter(Math.max(this.next - 1, this.inHand));
    if (this.applying || this.stopped) return;
    this.applying = true;
    this.applyAll()
      .catch((error: unknown) => this.fail(error))
      .finally(() => {
        this.applying = false;
        this.inHand = 0;
        if (this.waiting.has(this.next)) this.applyReady();
      });
  }

  private async applyAll(): Promise<void> {
    const { chain } = this.parts;
    for (;;) {
      const height = this.next;
      const taken = this.stopped ? undefined : this.waiting.take(height);
      if (taken === undefined) return;
      const { peer, block } = taken;
      this.inHand = height;
      this.waiting.prepareAfter(height);
      await taken.prepared;
      if (!(await this.isGood(block, peer))) return;
      // Consensus may have decided the height by votes meanwhile.
      if (this.next !== height) continue;
      this.syncedHeight = height;
      await chain.apply(block);
      this.appliedCount++;
      this.plan.trustIn(peer).delivered();
      this.requestMore();
    }
  }

  private async isGood(block: Fetched, peer: PeerId): Promise<boolean> {
    try {
      await this.parts.chain.verify(block);
      return true;
    } catch (error) {
      if (!(error instanceof BizraError) || error instanceof MachineError) throw error;
      this.parts.peers.blame(peer, error.code);
      this.waiting.dropOf(peer);
      this.distrust(peer, 'failed');
      this.inHand = 0;
      this.requestMore();
      return false;
    }
  }

  /** What happened is not a peer's fault: nothing more is asked for by a process that must end. */
  private fail(error: unknown): void {
    this.stop();
    this.parts.onFatal(error);
  }
}
