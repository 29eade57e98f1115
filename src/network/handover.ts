import type { PeerId, PeerInfo, StreamClass, Topic, Transport, TransportHandlers } from '#ports/transport.ts';

/**
 * A transport that is handed on while it runs: whoever starts it next gets what comes from then on, and is told of the
 * peers that are there. So a node that begins with a snapshot keeps its connections, and its bans.
 */
export class HandoverTransport implements Transport {
  private readonly inner: Transport;
  private handlers: TransportHandlers | undefined;

  constructor(inner: Transport) {
    this.inner = inner;
  }

  get self(): PeerId {
    return this.inner.self;
  }

  async start(handlers: TransportHandlers): Promise<void> {
    const isRunning = this.handlers !== undefined;
    this.handlers = handlers;
    if (isRunning) {
      for (const peer of this.inner.peers()) handlers.peerConnected(peer);
      return;
    }
    const now = (): TransportHandlers => this.handlers ?? handlers;
    await this.inner.start({
      peerConnected: (peer) => now().peerConnected(peer),
      peerDisconnected: (peer) => now().peerDisconnected(peer),
      frame: (peer, stream, bytes) => now().frame(peer, stream, bytes),
      request: (peer, bytes) => now().request(peer, bytes),
      gossip: (topic, bytes, from) => now().gossip(topic, bytes, from),
    });
  }

  async stop(): Promise<void> {
    if (this.handlers !== undefined) await this.inner.stop();
  }

  addresses(): readonly string[] {
    return this.inner.addresses();
  }

  peers(): readonly PeerInfo[] {
    return this.inner.peers();
  }

  send(peer: PeerId, stream: StreamClass, bytes: Uint8Array): boolean {
    return this.inner.send(peer, stream, bytes);
  }

  request(peer: PeerId, bytes: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
    return this.inner.request(peer, bytes, timeoutMs);
  }

  publish(topic: Topic, bytes: Uint8Array): void {
    this.inner.publish(topic, bytes);
  }

  penalize(peer: PeerId, points: number, reason: string): void {
    this.inner.penalize(peer, points, reason);
  }

  ban(peer: PeerId, durationMs: number, reason: string): void {
    this.inner.ban(peer, durationMs, reason);
  }
}
