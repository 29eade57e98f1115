import { NetworkError } from '#network/errors.ts';
import type { Request } from '#network/messages.ts';
import type { PeerId } from '#ports/transport.ts';
import { type StateSyncNetwork, StateSyncPeers } from '#sync/state-sync-peers.ts';
import { SILENT_LOGGER } from '#telemetry/logger.ts';
import { ManualClock } from '../../support/manual-clock.ts';

/** What a peer answers; undefined: nothing. */
export type Serve = (request: Request) => unknown | Promise<unknown>;

/** Peers as state sync asks them. */
export class PeersBench {
  readonly clock = new ManualClock();
  readonly asked: { readonly peer: PeerId; readonly request: Request }[] = [];
  readonly reported: PeerId[] = [];
  readonly peers: StateSyncPeers;
  private readonly serving: Map<PeerId, Serve>;

  constructor(serving: Readonly<Record<PeerId, Serve>>) {
    this.serving = new Map(Object.entries(serving));
    const network = {
      peers: () => [...this.serving.keys()].map((id) => ({ id })),
      request: (peer: PeerId, request: Request, timeoutMs: number) => this.request(peer, request, timeoutMs),
      report: (peer: PeerId) => void this.reported.push(peer),
      gossipEvidence: () => {},
    } as unknown as StateSyncNetwork;
    const { signal } = new AbortController();
    this.peers = new StateSyncPeers({ network, clock: this.clock, logger: SILENT_LOGGER, signal });
  }

  /** Seconds of virtual time until `task` has ended, with its result. */
  async timed<T>(task: Promise<T>): Promise<{ readonly seconds: number; readonly result: T }> {
    let isOver = false;
    const over = (): void => {
      isOver = true;
    };
    task.then(over, over);
    const startMs = this.clock.monotonicMs();
    for (;;) {
      await this.clock.drain();
      if (isOver) break;
      this.clock.advance(50);
    }
    return { seconds: (this.clock.monotonicMs() - startMs) / 1_000, result: await task };
  }

  pass(ms: number): Promise<void> {
    return new Promise((resolve) => void this.clock.setTimer(ms, resolve));
  }

  private request(peer: PeerId, request: Request, timeoutMs: number): Promise<unknown> {
    this.asked.push({ peer, request });
    return new Promise((resolve, reject) => {
      this.clock.setTimer(timeoutMs, () => reject(new NetworkError('timeout', 'no answer')));
      Promise.resolve(this.serving.get(peer)?.(request)).then((answer) => {
        if (answer !== undefined) resolve(answer);
      }, reject);
    });
  }
}
