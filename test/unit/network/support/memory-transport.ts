import type {
  GossipVerdict,
  PeerId,
  PeerInfo,
  StreamClass,
  Topic,
  Transport,
  TransportHandlers,
} from '#ports/transport.ts';

export interface Punishment {
  readonly peer: PeerId;
  readonly reason: string;
  readonly points?: number;
  readonly banMs?: number;
}

/** Transports of one test that reach each other by function calls. No delays: what is sent has arrived. */
export class MemoryTransport implements Transport {
  readonly self: PeerId;
  readonly punished: Punishment[] = [];
  readonly published: { readonly topic: Topic; readonly bytes: Uint8Array }[] = [];
  readonly verdicts: GossipVerdict[] = [];
  /** Makes `send` fail, as a full queue does. */
  full = false;
  stopped = false;
  handlers: TransportHandlers | undefined;
  private readonly others = new Map<PeerId, MemoryTransport>();

  constructor(self: PeerId) {
    this.self = self;
  }

  static join(a: MemoryTransport, b: MemoryTransport): void {
    a.others.set(b.self, b);
    b.others.set(a.self, a);
    a.handlers?.peerConnected(infoOf(b));
    b.handlers?.peerConnected(infoOf(a));
  }

  async start(handlers: TransportHandlers): Promise<void> {
    this.handlers = handlers;
  }

  async stop(): Promise<void> {
    this.stopped = true;
  }

  addresses(): readonly string[] {
    return [];
  }

  peers(): readonly PeerInfo[] {
    return [...this.others.values()].map(infoOf);
  }

  send(peer: PeerId, stream: StreamClass, bytes: Uint8Array): boolean {
    const other = this.others.get(peer);
    if (other === undefined || this.full) return false;
    other.handlers?.frame(this.self, stream, bytes.slice());
    return true;
  }

  async request(peer: PeerId, bytes: Uint8Array): Promise<Uint8Array> {
    const other = this.others.get(peer);
    if (other?.handlers === undefined) throw new Error('disconnected');
    return other.handlers.request(this.self, bytes);
  }

  publish(topic: Topic, bytes: Uint8Array): void {
    this.published.push({ topic, bytes });
  }

  /** Delivers a gossip message and notes what the receiver made of it. */
  async gossip(topic: Topic, bytes: Uint8Array, from: PeerId): Promise<GossipVerdict | undefined> {
    return this.handlers?.gossip(topic, bytes, from);
  }

  penalize(peer: PeerId, points: number, reason: string): void {
    this.punished.push({ peer, points, reason });
  }

  ban(peer: PeerId, durationMs: number, reason: string): void {
    this.punished.push({ peer, banMs: durationMs, reason });
  }
}

function infoOf(transport: MemoryTransport): PeerInfo {
  return { id: transport.self, address: 'memory', outbound: true, connectedAtMs: 0 };
}
