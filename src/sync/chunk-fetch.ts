import type { Clock } from '#ports/clock.ts';
import type { PeerId } from '#ports/transport.ts';
import { CHUNK_BYTES_MAX } from '#state/snapshot/limits.ts';
import type { Logger } from '#telemetry/logger.ts';
import { BizraError, MachineError } from '#util/errors.ts';
import { ChunkPeer } from './chunk-peers.ts';
import type { SnapshotOffers } from './snapshot-offers.ts';
import type { SnapshotName, StateSyncPeers } from './state-sync-peers.ts';

/** Chunks on their way or being checked, from all peers: some 32 MB at most, as chunks are. */
const IN_FLIGHT_MAX = 16;
/** When nothing is left to ask for, what has been on its way for so long is asked of another peer, too. */
const ASK_TWICE_AFTER_MS = 2_000;
/**
 * Chunks in `patienceMs` that are too few where others offer something: who gives one now and then could make a state of
 * thousands of chunks last for weeks.
 */
const CHUNKS_MIN = 6;
const LOOK_EVERY_MS = 250;
const REPORT_EVERY_MS = 5_000;
const MEGABYTE = 1_000_000;

/** Where chunks go: `SnapshotImport`. */
export interface ChunkSink {
  readonly chunks: readonly unknown[];
  readonly chunksDone: number;
  has(index: number): boolean;
  missing(): number[];
  /** Throws BizraError `bad_snapshot` for what is not the chunk at `index`. */
  add(index: number, encoded: Uint8Array): Promise<void>;
}

export interface ChunkFetchComponents {
  readonly peers: StateSyncPeers;
  readonly offers: SnapshotOffers;
  readonly sink: ChunkSink;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Undefined for what cannot be unfolded within so many bytes. */
  readonly decompress: (bytes: Uint8Array, maxBytes: number) => Promise<Uint8Array | undefined>;
}

interface Asked {
  readonly peers: Set<PeerId>;
  sinceMs: number;
}

/**
 * Brings the chunks of one snapshot from all peers that have it, each by what it delivers. A chunk is checked on arrival
 * by its hash, so it does not matter who sent it; who sent a wrong one is banned, and another peer is asked.
 */
export class ChunkFetch {
  private readonly parts: ChunkFetchComponents;
  private readonly name: SnapshotName;
  private readonly options: { readonly patienceMs: number };
  private readonly states = new Map<PeerId, ChunkPeer>();
  private readonly asked = new Map<number, Asked>();
  /** Chunks that are being written: asked twice, one may come twice. */
  private readonly adding = new Set<number>();
  private queue: number[];
  private progressMs: number;
  /** Chunks that came since then. */
  private counted: { sinceMs: number; chunks: number };
  private reportedMs: number;
  private bytes = 0;
  private failure: { readonly error: unknown } | undefined;
  private wake: (() => void) | undefined;

  constructor(components: ChunkFetchComponents, name: SnapshotName, options: { readonly patienceMs: number }) {
    this.parts = components;
    this.name = name;
    this.options = options;
    this.queue = components.sink.missing();
    this.progressMs = components.clock.monotonicMs();
    this.counted = { sinceMs: this.progressMs, chunks: 0 };
    this.reportedMs = this.progressMs;
  }

  /** True when all chunks are there; false when nobody has delivered one for `patienceMs`, or few where others offer something. */
  async run(): Promise<boolean> {
    const { sink, clock, peers, offers } = this.parts;
    while (sink.chunksDone < sink.chunks.length) {
      if (this.failure !== undefined) throw this.failure.error;
      peers.checkRunning();
      if (clock.monotonicMs() - this.progressMs > this.options.patienceMs || this.isTooSlow()) return false;
      offers.refresh((error) => this.fail(error));
      this.askMore();
      this.report();
      await this.pauseFor(LOOK_EVERY_MS);
    }
    this.report(true);
    return true;
  }

  private isTooSlow(): boolean {
    const now = this.parts.clock.monotonicMs();
    if (now - this.counted.sinceMs < this.options.patienceMs) return false;
    const { chunks } = this.counted;
    this.counted = { sinceMs: now, chunks: 0 };
    return chunks < CHUNKS_MIN && this.parts.offers.hasOthers(this.name);
  }

  /** Until something happened, or for so long. */
  private async pauseFor(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = this.parts.clock.setTimer(ms, resolve);
      this.wake = () => {
        timer.cancel();
        resolve();
      };
    });
  }

  private askMore(): void {
    const now = this.parts.clock.monotonicMs();
    for (;;) {
      if (this.inFlight() >= IN_FLIGHT_MAX) return;
      const peer = this.bestPeer(now);
      if (peer === undefined) return;
      const index = this.nextFor(peer, now);
      if (index === undefined) return;
      this.fetch(peer, index).catch((error: unknown) => this.fail(error));
    }
  }

  private inFlight(): number {
    let sum = 0;
    for (const { inFlight } of this.states.values()) sum += inFlight;
    return sum;
  }

  /** The quickest that may take one more. */
  private bestPeer(now: number): ChunkPeer | undefined {
    const free = this.parts.offers
      .havers(this.name)
      .map((peer) => this.stateOf(peer))
      .filter((peer) => peer.canTake(now));
    return free.sort((a, b) => a.inFlight - b.inFlight || a.expectedMs - b.expectedMs)[0];
  }

  private stateOf(peer: PeerId): ChunkPeer {
    let state = this.states.get(peer);
    if (state === undefined) {
      state = new ChunkPeer(peer);
      this.states.set(peer, state);
    }
    return state;
  }

  private nextFor(peer: ChunkPeer, now: number): number | undefined {
    const next = this.queue.shift();
    if (next !== undefined) return next;
    for (const [index, { peers, sinceMs }] of this.asked) {
      const isLate = now - sinceMs >= ASK_TWICE_AFTER_MS && now - sinceMs >= peer.expectedMs;
      if (isLate && !peers.has(peer.id) && !this.adding.has(index)) return index;
    }
    return undefined;
  }

  private async fetch(peer: ChunkPeer, index: number): Promise<void> {
    const startMs = this.parts.clock.monotonicMs();
    const asked = this.asked.get(index) ?? { peers: new Set(), sinceMs: startMs };
    asked.peers.add(peer.id);
    asked.sinceMs = startMs;
    this.asked.set(index, asked);
    peer.inFlight++;
    try {
      if (await this.take(peer, index)) {
        peer.delivered(this.parts.clock.monotonicMs() - startMs);
        this.progressMs = this.parts.clock.monotonicMs();
        this.counted.chunks++;
      } else peer.failed(this.parts.clock.monotonicMs());
    } finally {
      peer.inFlight--;
      asked.peers.delete(peer.id);
      if (asked.peers.size === 0) {
        this.asked.delete(index);
        if (!this.parts.sink.has(index)) this.queue.unshift(index);
      }
      this.wake?.();
    }
  }

  /** Whether the peer delivered the chunk. */
  private async take(peer: ChunkPeer, index: number): Promise<boolean> {
    const { peers, offers, decompress, sink } = this.parts;
    let chunk: Uint8Array | undefined;
    try {
      chunk = await peers.chunk(peer.id, this.name, index, peer.patienceMs);
    } catch (error) {
      peers.isSilence(error);
      return false;
    }
    if (chunk === undefined) {
      offers.gone(peer.id, this.name);
      return false;
    }
    if (sink.has(index) || this.adding.has(index)) return true;
    this.adding.add(index);
    try {
      const encoded = await decompress(chunk, CHUNK_BYTES_MAX);
      if (encoded === undefined) throw new BizraError('bad_snapshot', 'a chunk that cannot be unfolded');
      await sink.add(index, encoded);
      this.bytes += chunk.length;
      return true;
    } catch (error) {
      if (!(error instanceof BizraError) || error instanceof MachineError) throw error;
      peers.lied(peer.id, `chunk ${index} of the snapshot at height ${this.name.height}: ${error.message}`);
      return false;
    } finally {
      this.adding.delete(index);
    }
  }

  private report(last = false): void {
    const { sink, clock, logger, offers } = this.parts;
    const now = clock.monotonicMs();
    if (!last && now - this.reportedMs < REPORT_EVERY_MS) return;
    this.reportedMs = now;
    logger.info('state sync', {
      height: this.name.height,
      chunks: `${sink.chunksDone}/${sink.chunks.length}`,
      megabytes: Math.round(this.bytes / MEGABYTE),
      peers: offers.havers(this.name).length,
    });
  }

  private fail(error: unknown): void {
    this.failure ??= { error };
    this.wake?.();
  }
}
