import type { Clock, Timer } from '#ports/clock.ts';
import type { Random } from '#ports/random.ts';
import { encodeTxBatch, MAX_BATCH_TXS, TX_BATCH_BYTES } from './gossip-codec.ts';

/** A transaction waits at most this long for company, as long as the network is small. */
export const MIN_BATCH_INTERVAL_MS = 10;
/** Gossip messages a second that all nodes together may publish: half of what was measured to stay fast. */
export const NETWORK_MESSAGES_PER_SECOND = 500;
export const MAX_BATCH_INTERVAL_MS = 500;
/** Between two batches even when they are full: 64 KiB every 2 ms is 32 MB/s, gossipsub must stay well below saturation. */
const MIN_GAP_MS = 2;
/** What waits for publication at most. Above it transactions are left to the mempool, which offers them again. */
export const MAX_WAITING_BYTES = 8 * 1_024 * 1_024;

export interface TxBatcherComponents {
  readonly clock: Clock;
  readonly random: Random;
  publish(batch: Uint8Array): void;
  /** Nodes that may publish, this one included. */
  publishers(): number;
}

/** Collects own transactions and publishes them in batches of at most 64 KiB (or one larger transaction). */
export class TxBatcher {
  private readonly components: TxBatcherComponents;
  private waiting: Uint8Array[] = [];
  private waitingBytes = 0;
  private timer: Timer | undefined;
  private dueMs = 0;
  private lastPublishMs = Number.NEGATIVE_INFINITY;
  private stopped = false;

  constructor(components: TxBatcherComponents) {
    this.components = components;
  }

  /** Takes transactions in order; returns how many: the rest did not fit and should be offered again later. */
  add(txs: readonly Uint8Array[]): number {
    if (this.stopped) return 0;
    let taken = 0;
    for (const tx of txs) {
      if (this.waitingBytes + tx.length > MAX_WAITING_BYTES) break;
      this.waiting.push(tx);
      this.waitingBytes += tx.length;
      taken++;
    }
    if (taken > 0) this.schedule();
    return taken;
  }

  stop(): void {
    this.stopped = true;
    this.timer?.cancel();
    this.waiting = [];
    this.waitingBytes = 0;
  }

  private schedule(): void {
    const now = this.components.clock.monotonicMs();
    const earliest = this.lastPublishMs + MIN_GAP_MS;
    const full = this.waitingBytes >= TX_BATCH_BYTES;
    const due = full ? Math.max(now, earliest) : Math.max(now + this.interval(), earliest);
    if (this.timer !== undefined) {
      if (this.dueMs <= due) return;
      this.timer.cancel();
    }
    if (due <= now) {
      this.publishOne();
      return;
    }
    this.dueMs = due;
    this.timer = this.components.clock.setTimer(due - now, () => this.publishOne());
  }

  private publishOne(): void {
    this.timer = undefined;
    if (this.stopped || this.waiting.length === 0) return;
    const batch = this.take();
    this.lastPublishMs = this.components.clock.monotonicMs();
    this.components.publish(encodeTxBatch(batch));
    if (this.waiting.length > 0) this.schedule();
  }

  private take(): Uint8Array[] {
    let count = 0;
    let bytes = 0;
    for (const tx of this.waiting) {
      if (count > 0 && (bytes + tx.length > TX_BATCH_BYTES || count >= MAX_BATCH_TXS)) break;
      bytes += tx.length;
      count++;
    }
    const batch = this.waiting.slice(0, count);
    this.waiting = this.waiting.slice(count);
    this.waitingBytes -= bytes;
    return batch;
  }

  /** Grows with the network, with some jitter so that nodes do not publish in step. */
  private interval(): number {
    const fair = (1_000 * this.components.publishers()) / NETWORK_MESSAGES_PER_SECOND;
    const interval = Math.min(MAX_BATCH_INTERVAL_MS, Math.max(MIN_BATCH_INTERVAL_MS, fair));
    return interval * (0.8 + 0.2 * this.components.random.uniform());
  }
}
