import { Libp2pTransport } from '#network/libp2p/libp2p-transport.ts';
import { generateNodeKey, nodeKeyFromBytes } from '#network/libp2p/node-key.ts';
import type { Libp2pOptions, TransportEvent } from '#network/libp2p/options.ts';
import type { GossipVerdict, PeerId, PeerInfo, StreamClass, Topic, TransportHandlers } from '#ports/transport.ts';

export const CHAIN_ID = 'test-chain';
export const GENESIS_HASH: Uint8Array = new Uint8Array(32).fill(7);

export interface Received {
  readonly peer: PeerId;
  readonly stream: StreamClass;
  readonly bytes: Uint8Array;
}

/** A real transport on 127.0.0.1 that notes what happens to it. */
export class TestNode {
  readonly transport: Libp2pTransport;
  readonly connects: PeerInfo[] = [];
  readonly disconnects: PeerId[] = [];
  readonly frames: Received[] = [];
  readonly gossip: { readonly topic: Topic; readonly bytes: Uint8Array; readonly from: PeerId }[] = [];
  readonly events: TransportEvent[] = [];
  /** Called for each frame, request and gossip message; a test may replace them. */
  onFrame: (received: Received) => void = () => undefined;
  onRequest: (peer: PeerId, bytes: Uint8Array) => Promise<Uint8Array> = async (_peer, bytes) => bytes;
  onGossip: (bytes: Uint8Array) => GossipVerdict = () => 'accept';
  private readonly watchers = new Set<() => void>();

  constructor(options: Partial<Libp2pOptions> = {}) {
    this.transport = new Libp2pTransport({
      key: nodeKeyFromBytes(generateNodeKey()),
      listen: ['/ip4/127.0.0.1/tcp/0'],
      persistentPeers: [],
      chainId: CHAIN_ID,
      genesisHash: GENESIS_HASH,
      fallbackDialMs: 100,
      ...options,
      observe: (event) => {
        this.events.push(event);
        this.changed();
      },
    });
  }

  get id(): PeerId {
    return this.transport.self;
  }

  get address(): string {
    return this.transport.addresses()[0] as string;
  }

  async start(): Promise<this> {
    await this.transport.start(this.handlers());
    return this;
  }

  /** Resolves when `holds` is true; it is asked after everything that happens to this node. */
  until(holds: () => boolean): Promise<void> {
    if (holds()) return Promise.resolve();
    return new Promise((resolve) => {
      const watcher = (): void => {
        if (!holds()) return;
        this.watchers.delete(watcher);
        resolve();
      };
      this.watchers.add(watcher);
    });
  }

  linked(other: TestNode): Promise<void> {
    return this.until(() => this.transport.peers().some(({ id }) => id === other.id));
  }

  unlinked(id: PeerId): Promise<void> {
    return this.until(() => this.transport.peers().every((peer) => peer.id !== id));
  }

  event(kind: TransportEvent['kind']): Promise<void> {
    return this.until(() => this.events.some((event) => event.kind === kind));
  }

  count(kind: TransportEvent['kind']): number {
    return this.events.filter((event) => event.kind === kind).length;
  }

  private changed(): void {
    // After the transport has finished what it is doing.
    queueMicrotask(() => {
      for (const watcher of [...this.watchers]) watcher();
    });
  }

  private handlers(): TransportHandlers {
    return {
      peerConnected: (peer) => {
        this.connects.push(peer);
        this.changed();
      },
      peerDisconnected: (peer) => {
        this.disconnects.push(peer);
        this.changed();
      },
      frame: (peer, stream, bytes) => {
        const received = { peer, stream, bytes };
        this.frames.push(received);
        this.changed();
        this.onFrame(received);
      },
      request: (peer, bytes) => this.onRequest(peer, bytes),
      gossip: (topic, bytes, from) => {
        this.gossip.push({ topic, bytes, from });
        this.changed();
        return this.onGossip(bytes);
      },
    };
  }
}

/** Stops everything that a test has started, even when it failed. */
export class Nodes {
  private readonly nodes: TestNode[] = [];

  async start(options: Partial<Libp2pOptions> = {}): Promise<TestNode> {
    const node = new TestNode(options);
    this.nodes.push(node);
    return node.start();
  }

  /** Two nodes that are linked; `b` has `a` as a persistent peer. */
  async pair(
    a: Partial<Libp2pOptions> = {},
    b: Partial<Libp2pOptions> = {},
  ): Promise<readonly [a: TestNode, b: TestNode]> {
    const first = await this.start(a);
    const second = await this.start({ ...b, persistentPeers: [first.address] });
    await Promise.all([first.linked(second), second.linked(first)]);
    return [first, second];
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.splice(0).map(({ transport }) => transport.stop()));
  }
}
