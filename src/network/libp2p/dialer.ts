import { peerIdFromString } from '@libp2p/peer-id';
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr';
import { NetworkError } from '../errors.ts';
import { MAX_PERSISTENT_REDIAL_MS, MIN_REDIAL_MS } from './options.ts';

/** Links shorter than this do not reset the backoff: a peer that refuses us at once must not be dialled in a loop. */
const STABLE_LINK_MS = 5_000;

export interface DialTarget {
  readonly peer: string;
  readonly addresses: readonly Multiaddr[];
}

/** Reads `/ip4/.../tcp/.../p2p/ID` texts, grouped by peer. Throws NetworkError `bad_config` that names the address. */
export function parseTargets(texts: readonly string[]): DialTarget[] {
  const targets = new Map<string, Multiaddr[]>();
  for (const text of texts) {
    const { peer, address } = parseTarget(text);
    const addresses = targets.get(peer) ?? [];
    addresses.push(address);
    targets.set(peer, addresses);
  }
  return [...targets].map(([peer, addresses]) => ({ peer, addresses }));
}

function parseTarget(text: string): { readonly peer: string; readonly address: Multiaddr } {
  let address: Multiaddr;
  let peer: string | undefined;
  try {
    address = multiaddr(text);
    peer = address.getComponents().findLast((component) => component.name === 'p2p')?.value;
  } catch {
    throw new NetworkError('bad_config', `not a multiaddr: ${text.slice(0, 200)}`);
  }
  if (peer === undefined) {
    throw new NetworkError('bad_config', `the address ${text.slice(0, 200)} does not end in /p2p/PEER-ID`);
  }
  if (!isEd25519PeerId(peer)) throw new NetworkError('bad_config', `${peer.slice(0, 100)} is not an Ed25519 peer id`);
  return { peer, address };
}

export function isEd25519PeerId(peer: string): boolean {
  try {
    return peerIdFromString(peer).type === 'Ed25519';
  } catch {
    return false;
  }
}

export interface DialerComponents {
  /** Rejects when no address could be reached. */
  dial(target: DialTarget): Promise<void>;
  /** Whether a connection to the peer exists, in whatever state. */
  connected(peer: string): boolean;
  bannedFor(peer: string): number;
  /** Monotonic, milliseconds. */
  nowMs(): number;
}

export interface DialerOptions {
  readonly self: string;
  readonly fallbackMs: number;
}

interface Persistent {
  readonly target: DialTarget;
  attempt: number;
  dialing: boolean;
  timer: NodeJS.Timeout | undefined;
}

/**
 * Keeps a link to every configured peer, for ever. libp2p's own KEEP_ALIVE gives up after five failures.
 * The side with the lower peer id dials; the other one waits `fallbackMs` longer, so that usually one link results.
 */
export class PersistentDialer {
  private readonly components: DialerComponents;
  private readonly options: DialerOptions;
  private readonly peers = new Map<string, Persistent>();
  private stopped = false;

  constructor(components: DialerComponents, options: DialerOptions, targets: readonly DialTarget[]) {
    this.components = components;
    this.options = options;
    for (const target of targets) {
      if (target.peer === options.self) continue;
      this.peers.set(target.peer, { target, attempt: 0, dialing: false, timer: undefined });
    }
  }

  has(peer: string): boolean {
    return this.peers.has(peer);
  }

  get size(): number {
    return this.peers.size;
  }

  start(): void {
    for (const peer of this.peers.values()) this.schedule(peer, this.isDialler(peer) ? 0 : this.options.fallbackMs);
  }

  stop(): void {
    this.stopped = true;
    for (const peer of this.peers.values()) clearTimeout(peer.timer);
  }

  /** A link to the peer has ended after `lastedMs`. */
  linkClosed(id: string, lastedMs: number): void {
    const peer = this.peers.get(id);
    if (peer === undefined) return;
    if (lastedMs >= STABLE_LINK_MS) peer.attempt = 0;
    else peer.attempt++;
    this.schedule(peer, this.delay(peer));
  }

  private isDialler(peer: Persistent): boolean {
    return this.options.self < peer.target.peer;
  }

  /** Doubling with jitter in its upper half, so that peers that lost each other at one moment do not dial at one moment. */
  private delay(peer: Persistent): number {
    const limit = Math.min(MAX_PERSISTENT_REDIAL_MS, MIN_REDIAL_MS * 2 ** Math.min(peer.attempt, 16));
    const backoff = limit * (0.5 + Math.random() / 2);
    return this.isDialler(peer) ? backoff : backoff + this.options.fallbackMs;
  }

  private schedule(peer: Persistent, delayMs: number): void {
    if (this.stopped) return;
    clearTimeout(peer.timer);
    peer.timer = setTimeout(() => void this.run(peer), delayMs);
  }

  private async run(peer: Persistent): Promise<void> {
    const { target } = peer;
    const banned = this.components.bannedFor(target.peer);
    if (peer.dialing || this.components.connected(target.peer) || banned > 0) {
      this.schedule(peer, Math.max(MAX_PERSISTENT_REDIAL_MS, Math.min(banned, 2 ** 30)));
      return;
    }
    peer.dialing = true;
    const startMs = this.components.nowMs();
    try {
      await this.components.dial(target);
      this.schedule(peer, MAX_PERSISTENT_REDIAL_MS);
    } catch {
      peer.attempt++;
      // Dials into a cut end by timeout. The backoff is from one dial to the next, so it is over by then: TCP's own
      // repetitions lie seconds apart, and after the heal only a new dial is quick.
      const spentMs = this.components.nowMs() - startMs;
      this.schedule(peer, Math.max(MIN_REDIAL_MS * (0.5 + Math.random() / 2), this.delay(peer) - spentMs));
    } finally {
      peer.dialing = false;
    }
  }
}
