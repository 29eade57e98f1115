import { peerIdFromString } from '@libp2p/peer-id';
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr';
import type { Libp2p } from 'libp2p';
import type { AddressBook } from './address-book.ts';
import { type DialerComponents, type DialTarget, isEd25519PeerId } from './dialer.ts';

/** New dials a heartbeat: each costs both sides about 15 ms of handshake. */
const DIALS_PER_TICK = 2;
/** Pause between two walks through the DHT, milliseconds. */
const DHT_WALK_MS = 30_000;
const DHT_WALK_TIMEOUT_MS = 10_000;
/** Peers taken from one walk. */
const MAX_FOUND_PEERS = 40;

export interface DiscoveryComponents extends DialerComponents {
  readonly book: AddressBook;
  outboundPeers(): number;
}

export interface DiscoveryOptions {
  readonly self: string;
  /** Dials while there are fewer outbound peers than this. */
  readonly wantedPeers: number;
}

/** Finds peers beyond the configured ones: bootstrap list, address book, and the chain's private DHT. */
export class Discovery {
  private readonly components: DiscoveryComponents;
  private readonly options: DiscoveryOptions;
  private readonly dialing = new Set<string>();
  private readonly abort = new AbortController();
  private host: Libp2p | undefined;
  private nextWalkMs = 0;
  private walking = false;

  constructor(components: DiscoveryComponents, options: DiscoveryOptions, bootstrap: readonly DialTarget[]) {
    this.components = components;
    this.options = options;
    for (const { peer, addresses } of bootstrap) {
      if (peer !== options.self) components.book.learn(peer, addresses.map(String));
    }
    this.bootstrap = bootstrap.filter(({ peer }) => peer !== options.self);
  }

  private readonly bootstrap: readonly DialTarget[];

  /** With a host, its DHT is asked as well. */
  start(host: Libp2p | undefined): void {
    this.host = host;
    // The file was read after the constructor; configured addresses come first.
    for (const { peer, addresses } of this.bootstrap) this.components.book.learn(peer, addresses.map(String));
    for (const target of this.bootstrap) this.dial(target);
  }

  stop(): void {
    this.abort.abort();
  }

  /** Once a heartbeat. */
  tick(): void {
    if (this.abort.signal.aborted || this.components.outboundPeers() >= this.options.wantedPeers) return;
    if (this.bootstrap.length === 0 && this.host === undefined) return;
    let dials = 0;
    for (const peer of this.components.book.candidates()) {
      if (dials >= DIALS_PER_TICK) break;
      const target = this.target(peer);
      if (target !== undefined && this.dial(target)) dials++;
    }
    void this.walk();
  }

  private target(peer: string): DialTarget | undefined {
    const addresses: Multiaddr[] = [];
    for (const text of this.components.book.addresses(peer)) {
      try {
        addresses.push(multiaddr(text));
      } catch {
        // An address from a peer or from the file that cannot be read is passed over.
      }
    }
    return addresses.length === 0 ? undefined : { peer, addresses };
  }

  private dial(target: DialTarget): boolean {
    const { peer } = target;
    if (peer === this.options.self || this.dialing.has(peer) || this.components.connected(peer)) return false;
    if (this.components.bannedFor(peer) > 0 || !isEd25519PeerId(peer)) return false;
    this.dialing.add(peer);
    this.components
      .dial(target)
      .catch(() => this.components.book.dialFailed(peer))
      .finally(() => this.dialing.delete(peer));
    return true;
  }

  /** Peers close to us in the DHT become entries of the book; they are dialled in later ticks. */
  private async walk(): Promise<void> {
    const now = performance.now();
    if (this.host === undefined || this.walking || now < this.nextWalkMs) return;
    if (this.host.getConnections().length === 0) return;
    this.walking = true;
    this.nextWalkMs = now + DHT_WALK_MS;
    try {
      const signal = AbortSignal.any([this.abort.signal, AbortSignal.timeout(DHT_WALK_TIMEOUT_MS)]);
      const key = peerIdFromString(this.options.self).toMultihash().bytes;
      let found = 0;
      for await (const peer of this.host.peerRouting.getClosestPeers(key, { signal })) {
        const id = peer.id.toString();
        if (id === this.options.self || !isEd25519PeerId(id)) continue;
        this.components.book.learn(id, peer.multiaddrs.slice(0, 16).map(String));
        if (++found >= MAX_FOUND_PEERS) break;
      }
    } catch {
      // An empty routing table or a timeout: the next walk tries again.
    } finally {
      this.walking = false;
    }
  }
}
