import { offenceOf } from '#network/consequences.ts';
import type { Network } from '#network/network.ts';
import type { SnapshotOffer } from '#network/state-sync-messages.ts';
import type { Clock } from '#ports/clock.ts';
import type { PeerId } from '#ports/transport.ts';
import type { Logger } from '#telemetry/logger.ts';
import type { LightBlock } from '#types/light-block.ts';
import { BizraError, MachineError } from '#util/errors.ts';
import { StateSyncError } from './sync-errors.ts';

/** Small answers. */
const ASK_TIMEOUT_MS = 5_000;
/** A manifest of 100,000 chunks has 3.5 MB. */
const MANIFEST_TIMEOUT_MS = 20_000;

/** The network, as far as state sync needs it. */
export type StateSyncNetwork = Pick<Network, 'peers' | 'request' | 'report' | 'gossipEvidence'>;

export interface StateSyncPeersComponents {
  readonly network: StateSyncNetwork;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Aborted: the process ends. */
  readonly signal: AbortSignal;
}

/** Which snapshot, whatever a peer says of it. */
export type SnapshotName = Pick<SnapshotOffer, 'height' | 'id'>;

/** Peers as state sync asks them: whoever lied once is not asked again by this process. */
export class StateSyncPeers {
  readonly clock: Clock;
  private readonly parts: StateSyncPeersComponents;
  private readonly liars = new Set<PeerId>();

  constructor(components: StateSyncPeersComponents) {
    this.parts = components;
    this.clock = components.clock;
  }

  /** Peers that have lied so far. */
  get liarCount(): number {
    return this.liars.size;
  }

  usable(): PeerId[] {
    return this.parts.network
      .peers()
      .map(({ id }) => id)
      .filter((peer) => !this.liars.has(peer));
  }

  isUsable(peer: PeerId): boolean {
    return this.usable().includes(peer);
  }

  async offers(peer: PeerId): Promise<readonly SnapshotOffer[]> {
    return (await this.parts.network.request(peer, { kind: 'getSnapshots' }, ASK_TIMEOUT_MS)).snapshots;
  }

  async manifest(peer: PeerId, { height, id }: SnapshotName): Promise<Uint8Array | undefined> {
    return (await this.parts.network.request(peer, { kind: 'getManifest', height, id }, MANIFEST_TIMEOUT_MS)).manifest;
  }

  async chunk(peer: PeerId, name: SnapshotName, index: number, timeoutMs: number): Promise<Uint8Array | undefined> {
    const { height, id } = name;
    return (await this.parts.network.request(peer, { kind: 'getChunk', height, id, index }, timeoutMs)).chunk;
  }

  async lightBlocks(peer: PeerId, from: number, count: number): Promise<readonly LightBlock[]> {
    return (await this.parts.network.request(peer, { kind: 'getLightBlocks', from, count }, ASK_TIMEOUT_MS)).blocks;
  }

  gossipEvidence(...evidence: Parameters<StateSyncNetwork['gossipEvidence']>): void {
    this.parts.network.gossipEvidence(...evidence);
  }

  /** What the peer sent cannot come from an honest node: it is left out from now on, and banned. */
  lied(peer: PeerId, what: string): void {
    if (this.liars.has(peer)) return;
    this.liars.add(peer);
    this.parts.logger.warn('a peer lied and is banned', { peer, what });
    this.parts.network.report(peer, 'invalid_snapshot');
  }

  /** It claimed what it does not have. */
  failed(peer: PeerId): void {
    this.parts.network.report(peer, 'wrong_answer');
  }

  /** Throws what is no peer's fault, and when the process is to end. True where the peer only did not answer. */
  isSilence(error: unknown): boolean {
    this.checkRunning();
    if (!(error instanceof BizraError) || error instanceof MachineError) throw error;
    return offenceOf(error) === 'no_answer';
  }

  checkRunning(): void {
    if (this.parts.signal.aborted) throw new StateSyncError('stopped', 'state sync was told to stop');
  }

  /** Waits, or throws `stopped` when the process is to end. */
  async sleep(ms: number): Promise<void> {
    const { signal, clock } = this.parts;
    this.checkRunning();
    await new Promise<void>((resolve) => {
      const done = (): void => {
        timer.cancel();
        signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = clock.setTimer(ms, done);
      signal.addEventListener('abort', done);
    });
    this.checkRunning();
  }
}
