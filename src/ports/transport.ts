/** A peer's identity as text (libp2p peer id). */
export type PeerId = string;

/** Long-lived streams to a peer, by urgency. Frames on one class arrive in order. */
export type StreamClass = 'consensus' | 'bulk';

/** Gossip topics, without the chain id that the adapter puts in front. */
export type Topic = 'tx' | 'evidence';

/** What the receiver of a gossip message makes of it. `reject` costs its sender; only `accept` is forwarded. */
export type GossipVerdict = 'accept' | 'ignore' | 'reject';

export interface PeerInfo {
  readonly id: PeerId;
  /** Multiaddr of the connection. */
  readonly address: string;
  readonly outbound: boolean;
  readonly connectedAtMs: number;
  /** Bytes that the connection has carried; absent where the transport does not count them. */
  readonly sentBytes?: number;
  readonly receivedBytes?: number;
}

export interface TransportHandlers {
  /** Both ends can send from now on. */
  peerConnected(peer: PeerInfo): void;
  peerDisconnected(peer: PeerId): void;
  /** One frame, exactly as given to `send`. The array is the receiver's to keep. Must not throw. */
  frame(peer: PeerId, stream: StreamClass, bytes: Uint8Array): void;
  /** Answers a request. A rejection becomes an error at the asking side. */
  request(peer: PeerId, bytes: Uint8Array): Promise<Uint8Array>;
  gossip(topic: Topic, bytes: Uint8Array, from: PeerId): GossipVerdict | Promise<GossipVerdict>;
}

/** Moves bytes between peers. The adapter on libp2p is `network/libp2p/`; the simulator has its own. */
export interface Transport {
  readonly self: PeerId;
  start(handlers: TransportHandlers): Promise<void>;
  stop(): Promise<void>;
  /** Listening multiaddrs, with the peer id. */
  addresses(): readonly string[];
  peers(): readonly PeerInfo[];
  /**
   * Queues a frame; frames of one tick leave in one write. False: the peer is gone or its queue is full,
   * and the frame was dropped (the sender repairs from what the peer later reports).
   */
  send(peer: PeerId, stream: StreamClass, bytes: Uint8Array): boolean;
  /** Asks a peer on its request stream. Rejects on timeout, disconnect, or the peer's error. */
  request(peer: PeerId, bytes: Uint8Array, timeoutMs: number): Promise<Uint8Array>;
  publish(topic: Topic, bytes: Uint8Array): void;
  /** Lowers a peer's score; at zero the peer is banned for a time. `reason` is a bounded label. */
  penalize(peer: PeerId, points: number, reason: string): void;
  /** Disconnects and refuses a peer for `durationMs`. */
  ban(peer: PeerId, durationMs: number, reason: string): void;
}
