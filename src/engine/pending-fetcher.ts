import type { Network } from '#network/network.ts';
import type { Clock, Timer } from '#ports/clock.ts';
import type { GossipVerdict, PeerId } from '#ports/transport.ts';
import { BizraError } from '#util/errors.ts';

/** Between two questions: what peers that come and go all the time can make this node verify is bounded. */
const PAUSE_MS = 500;
/** More peers than this at a time bring nothing new. */
const MAX_WAITING_PEERS = 8;
/** Asking a peer for its pending transactions. */
const PENDING_TIMEOUT_MS = 1_000;

export interface PendingFetcherComponents {
  readonly clock: Clock;
  /** Asks a peer for its pending transactions and takes them in. Never rejects. */
  readonly fetch: (peer: PeerId) => Promise<void>;
}

/**
 * Gossip carries a transaction once, to those who are there. Without this, a node that was cut off or restarted would
 * propose nothing when its turn comes, and the others would wait for it in vain: so it asks the peers that it meets.
 */
export class PendingFetcher {
  private readonly components: PendingFetcherComponents;
  private readonly waiting = new Set<PeerId>();
  private nextMs = Number.NEGATIVE_INFINITY;
  private timer: Timer | undefined;
  private asking = false;
  private stopped = false;

  constructor(components: PendingFetcherComponents) {
    this.components = components;
  }

  peerConnected(peer: PeerId): void {
    if (this.waiting.size >= MAX_WAITING_PEERS) return;
    this.waiting.add(peer);
    this.askLater();
  }

  peerGone(peer: PeerId): void {
    this.waiting.delete(peer);
  }

  stop(): void {
    this.stopped = true;
    this.timer?.cancel();
  }

  private askLater(): void {
    if (this.timer !== undefined || this.asking || this.stopped || this.waiting.size === 0) return;
    const { clock } = this.components;
    this.timer = clock.setTimer(Math.max(0, this.nextMs - clock.monotonicMs()), () => {
      this.timer = undefined;
      void this.ask();
    });
  }

  private async ask(): Promise<void> {
    const [peer] = this.waiting;
    if (peer === undefined) return;
    this.waiting.delete(peer);
    this.nextMs = this.components.clock.monotonicMs() + PAUSE_MS;
    this.asking = true;
    await this.components.fetch(peer);
    this.asking = false;
    this.askLater();
  }
}

export interface PendingSource {
  readonly network: Pick<Network, 'request' | 'report'>;
  readonly admitTxs: (txs: readonly Uint8Array[]) => Promise<GossipVerdict>;
}

/** Asks a peer for its pending transactions and takes them in. Never rejects. */
export async function fetchPending({ network, admitTxs }: PendingSource, peer: PeerId): Promise<void> {
  try {
    const { txs } = await network.request(peer, { kind: 'getPending' }, PENDING_TIMEOUT_MS);
    if (txs.length > 0) await admitTxs(txs);
  } catch (error) {
    // The peer went away, or answered badly and was punished for it. What else fails in here is a fault of this node.
    if (!(error instanceof BizraError)) network.report(peer, 'own_failure');
  }
}
