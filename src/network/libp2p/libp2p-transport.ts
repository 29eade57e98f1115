import { randomBytes } from 'node:crypto';
import type { GossipSub } from '@libp2p/gossipsub';
import type { Connection, Stream } from '@libp2p/interface';
import { multiaddr } from '@multiformats/multiaddr';
import type { Libp2p } from 'libp2p';
import type { PeerId, PeerInfo, StreamClass, Topic, Transport, TransportHandlers } from '#ports/transport.ts';
import { assert } from '#util/assert.ts';
import { NetworkError } from '../errors.ts';
import { AddressBook } from './address-book.ts';
import { type DialTarget, isEd25519PeerId, PersistentDialer, parseTargets } from './dialer.ts';
import { Discovery } from './discovery.ts';
import { Gossip } from './gossip.ts';
import { type Hello, NONCE_BYTES, PROTOCOL_VERSION } from './hello.ts';
import { createHost, type HostGate } from './host.ts';
import { Link, type LinkEvents } from './link.ts';
import { LinkTable } from './link-table.ts';
import {
  DEFAULT_FALLBACK_DIAL_MS,
  DEFAULT_MAX_INBOUND_PEERS,
  DEFAULT_MAX_OUTBOUND_PEERS,
  DIAL_TIMEOUT_MS,
  FOREIGN_BAN_MS,
  HANDSHAKE_TIMEOUT_MS,
  HEARTBEAT_MS,
  LINK_CLASSES,
  type Libp2pOptions,
  type LinkClass,
  type LinkLimits,
  linkLimits,
  MAX_PERSISTENT_BAN_MS,
  PENALTY_BROKEN_FRAMES,
  PENALTY_HANDLER_FAILED,
  PERSISTENT_FOREIGN_BAN_MS,
  SCORE_BAN_MS,
  SILENCE_LIMIT_MS,
  type TransportEvent,
} from './options.ts';
import { type Traffic, trafficOf } from './traffic.ts';

/** How often the address book is written, in heartbeats. */
const SAVE_EVERY_HEARTBEATS = 30;

export interface TransportStats {
  framesSent: number;
  framesReceived: number;
  bytesSent: number;
  bytesReceived: number;
  /** Frames refused by a full queue. */
  framesDropped: number;
  gossipReceived: number;
  gossipPublished: number;
}

/** `Transport` over libp2p: identities, encryption, dialling and gossip are libp2p's; frames, requests and peers ours. */
export class Libp2pTransport implements Transport {
  readonly self: PeerId;
  /** Counters since the start, for metrics. */
  readonly stats: TransportStats = {
    framesSent: 0,
    framesReceived: 0,
    bytesSent: 0,
    bytesReceived: 0,
    framesDropped: 0,
    gossipReceived: 0,
    gossipPublished: 0,
  };
  private readonly options: Libp2pOptions;
  private readonly limits: LinkLimits;
  private readonly hello: Hello;
  private readonly protocols: Readonly<Record<LinkClass, string>>;
  private readonly book: AddressBook;
  private readonly links: LinkTable;
  private readonly dialer: PersistentDialer;
  private readonly discovery: Discovery;
  private readonly heartbeatMs: number;
  private host: Libp2p | undefined;
  private gossip: Gossip | undefined;
  private handlers: TransportHandlers | undefined;
  private flushScheduled = false;
  private heartbeatTimer: NodeJS.Timeout | undefined;
  private lastHeartbeatMs = 0;
  private heartbeats = 0;
  /** Of connections that are closed. */
  private pastTraffic: Traffic = { sentBytes: 0, receivedBytes: 0 };
  private stopped = false;

  /** Throws NetworkError `bad_config` for unusable addresses. */
  constructor(options: Libp2pOptions) {
    this.options = options;
    this.self = options.key.peerId;
    this.limits = linkLimits(options);
    this.heartbeatMs = options.heartbeatMs ?? HEARTBEAT_MS;
    this.hello = {
      version: PROTOCOL_VERSION,
      nonce: new Uint8Array(randomBytes(NONCE_BYTES)),
      chainId: options.chainId,
      genesisHash: options.genesisHash,
    };
    const protocol = (kind: LinkClass): string => `/bizra/${encodeURIComponent(options.chainId)}/${kind}/1`;
    this.protocols = { consensus: protocol('consensus'), request: protocol('request'), bulk: protocol('bulk') };
    this.book = new AddressBook(options.addressBookPath);
    this.links = new LinkTable(this.self, {
      connected: (link) => this.onConnected(link),
      disconnected: (link) => this.onDisconnected(link),
      duplicate: (link) => this.observe({ kind: 'duplicate_link', peer: link.peer }),
    });
    const dialing = {
      dial: (target: DialTarget) => this.dial(target),
      connected: (peer: string) => this.links.hasAny(peer),
      bannedFor: (peer: string) => this.book.bannedFor(peer),
      nowMs: () => performance.now(),
    };
    this.dialer = new PersistentDialer(
      dialing,
      { self: this.self, fallbackMs: options.fallbackDialMs ?? DEFAULT_FALLBACK_DIAL_MS },
      parseTargets(options.persistentPeers),
    );
    this.discovery = new Discovery(
      { ...dialing, book: this.book, outboundPeers: () => this.countPeers('outbound') },
      { self: this.self, wantedPeers: Math.ceil(this.maxOutbound / 2) },
      parseTargets(options.bootstrapPeers ?? []),
    );
  }

  async start(handlers: TransportHandlers): Promise<void> {
    assert(this.host === undefined && !this.stopped, 'a transport is started once');
    this.handlers = handlers;
    const problem = this.book.load();
    if (problem !== undefined) this.observe({ kind: 'address_book', detail: problem });
    const useDht = this.options.dht ?? (this.options.bootstrapPeers ?? []).length > 0;
    const host = await createHost(this.options, this.gate(), { dht: useDht });
    this.host = host;
    this.gossip = this.makeGossip(host.services.pubsub as GossipSub);
    for (const kind of LINK_CLASSES) {
      await host.handle(this.protocols[kind], (stream, connection) => this.onStream(kind, stream, connection), {
        maxInboundStreams: 2,
        maxOutboundStreams: 2,
      });
    }
    host.addEventListener('connection:open', (event) => this.onConnection(event.detail));
    host.addEventListener('connection:close', (event) => this.links.connectionClosed(event.detail.id));
    host.addEventListener('peer:identify', (event) => {
      const { peerId, listenAddrs } = event.detail;
      this.book.learn(peerId.toString(), listenAddrs.slice(0, 16).map(String));
    });
    try {
      await host.start();
    } catch (error) {
      await host.stop();
      throw new NetworkError('bad_config', `cannot listen on ${this.options.listen.join(', ')}: ${reason(error)}`, {
        cause: error,
      });
    }
    this.gossip.subscribe();
    this.lastHeartbeatMs = performance.now();
    this.heartbeatTimer = setInterval(() => this.heartbeat(), this.heartbeatMs);
    this.dialer.start();
    this.discovery.start(useDht ? host : undefined);
  }

  async stop(): Promise<void> {
    if (this.stopped) return;
    this.stopped = true;
    clearInterval(this.heartbeatTimer);
    this.dialer.stop();
    this.discovery.stop();
    this.links.closeAll(new Error('this node stops'));
    const problem = this.book.save();
    if (problem !== undefined) this.observe({ kind: 'address_book', detail: problem });
    await this.host?.stop();
  }

  addresses(): readonly string[] {
    return (this.host?.getMultiaddrs() ?? []).map(String);
  }

  peers(): readonly PeerInfo[] {
    return this.links.active().map(infoOf);
  }

  send(peer: PeerId, stream: StreamClass, bytes: Uint8Array): boolean {
    // An empty frame is the heartbeat.
    assert(bytes.length > 0, 'a frame has at least one byte');
    const sent = this.links.get(peer)?.send(stream, bytes) ?? false;
    if (sent) {
      this.stats.framesSent++;
      this.stats.bytesSent += bytes.length;
    } else {
      this.stats.framesDropped++;
    }
    return sent;
  }

  request(peer: PeerId, bytes: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
    const link = this.links.get(peer);
    if (link === undefined) return Promise.reject(new NetworkError('disconnected', `no link to ${peer}`));
    return link.requests.request(bytes, timeoutMs);
  }

  publish(topic: Topic, bytes: Uint8Array): void {
    if (this.stopped || this.gossip === undefined) return;
    this.stats.gossipPublished++;
    this.gossip.publish(topic, bytes);
  }

  penalize(peer: PeerId, points: number, why: string): void {
    if (this.stopped) return;
    this.observe({ kind: 'penalty', peer, detail: why });
    if (this.book.penalize(peer, points)) this.ban(peer, SCORE_BAN_MS, why);
  }

  ban(peer: PeerId, durationMs: number, why: string): void {
    if (this.stopped) return;
    const limited = this.dialer.has(peer) ? Math.min(durationMs, MAX_PERSISTENT_BAN_MS) : durationMs;
    this.observe({ kind: 'ban', peer, detail: why });
    this.book.ban(peer, limited);
    this.links.closePeer(peer, new Error(`banned: ${why}`));
  }

  /** Bytes on the wire since the start, all connections. */
  traffic(): Traffic {
    let { pastTraffic: sum } = this;
    for (const { connection } of this.links.all()) sum = added(sum, trafficOf(connection));
    return sum;
  }

  /** Score from 0 to 100, and the rest of a ban in milliseconds. */
  standing(peer: PeerId): { readonly score: number; readonly bannedForMs: number } {
    return { score: this.book.score(peer), bannedForMs: this.book.bannedFor(peer) };
  }

  private get maxOutbound(): number {
    return this.options.maxOutboundPeers ?? DEFAULT_MAX_OUTBOUND_PEERS;
  }

  private get maxInbound(): number {
    return this.options.maxInboundPeers ?? DEFAULT_MAX_INBOUND_PEERS;
  }

  private observe(event: TransportEvent): void {
    this.options.observe?.(event);
  }

  private gate(): HostGate {
    return {
      denyDial: (peer) =>
        this.denied(peer) || (!this.dialer.has(peer) && this.countPeers('outbound') >= this.maxOutbound),
      denyInbound: (peer) => {
        const deny = this.denied(peer) || (!this.dialer.has(peer) && this.countPeers('inbound') >= this.maxInbound);
        if (deny) this.observe({ kind: 'refused', peer });
        return deny;
      },
      /** Before the handshake, while the peer's id is not known: only the flood bound. */
      denyConnection: () => this.stopped,
      persistentPeers: this.dialer.size,
    };
  }

  private denied(peer: string): boolean {
    return this.stopped || !isEd25519PeerId(peer) || this.book.bannedFor(peer) > 0;
  }

  /** Connections that count against the limits: configured peers do not. */
  private countPeers(direction: 'inbound' | 'outbound'): number {
    let count = 0;
    for (const link of this.links.all()) {
      if (link.connection.direction === direction && !this.dialer.has(link.peer)) count++;
    }
    return count;
  }

  private async dial(target: DialTarget): Promise<void> {
    try {
      const addresses = target.addresses.map((address) =>
        address.getComponents().some(({ name }) => name === 'p2p')
          ? address
          : multiaddr(`${address}/p2p/${target.peer}`),
      );
      await this.host?.dial(addresses, { signal: AbortSignal.timeout(DIAL_TIMEOUT_MS) });
    } catch (error) {
      this.observe({ kind: 'dial_failed', peer: target.peer, error });
      throw error;
    }
  }

  private onConnection(connection: Connection): void {
    if (this.stopped) {
      connection.abort(new Error('this node stops'));
      return;
    }
    const link = this.linkOf(connection);
    // The gate has counted before the handshake; several may have passed it together.
    const limit = link.outboundDirection ? this.maxOutbound : this.maxInbound;
    if (!this.dialer.has(link.peer) && this.countPeers(connection.direction) > limit) {
      this.observe({ kind: 'refused', peer: link.peer });
      link.close(new Error('too many peers'));
    }
  }

  private onStream(kind: LinkClass, stream: Stream, connection: Connection): void {
    if (this.stopped) stream.abort(new Error('this node stops'));
    else this.linkOf(connection).accept(kind, stream);
  }

  private linkOf(connection: Connection): Link {
    const known = this.links.byConnection(connection.id);
    if (known !== undefined) return known;
    const link = new Link(
      connection,
      { events: this.linkEvents },
      { hello: this.hello, protocols: this.protocols, limits: this.limits },
    );
    this.links.add(link);
    void link.open();
    return link;
  }

  private readonly linkEvents: LinkEvents = {
    ready: (link) => this.links.ready(link),
    frame: (link, stream, bytes) => this.onFrame(link, stream as StreamClass, bytes),
    request: (link, bytes) => (this.handlers as TransportHandlers).request(link.peer, bytes),
    wantsFlush: () => this.scheduleFlush(),
    broken: (link, error) => this.onBroken(link, error),
    closed: (link) => {
      this.pastTraffic = added(this.pastTraffic, trafficOf(link.connection));
      this.links.closed(link);
      if (!this.stopped) this.dialer.linkClosed(link.peer, Date.now() - link.openedAtMs);
    },
  };

  private onConnected(link: Link): void {
    this.book.connected(link.peer);
    this.observe({ kind: 'connected', peer: link.peer });
    this.contain(link.peer, () => this.handlers?.peerConnected(infoOf(link)));
    link.activate();
  }

  private onDisconnected(link: Link): void {
    this.observe({ kind: 'disconnected', peer: link.peer });
    this.contain(link.peer, () => this.handlers?.peerDisconnected(link.peer));
  }

  private onFrame(link: Link, stream: StreamClass, bytes: Uint8Array): void {
    this.stats.framesReceived++;
    this.stats.bytesReceived += bytes.length;
    this.contain(link.peer, () => this.handlers?.frame(link.peer, stream, bytes));
  }

  /** A handler that throws must not kill the node, and the peer whose bytes did it is struck. */
  private contain(peer: string, call: () => void): void {
    try {
      call();
    } catch (error) {
      this.observe({ kind: 'handler_failed', peer, error });
      this.penalize(peer, PENALTY_HANDLER_FAILED, 'handler_failed');
    }
  }

  private onBroken(link: Link, error: unknown): void {
    const code = error instanceof NetworkError ? error.code : undefined;
    if (code === 'foreign_chain' || (error as Error | undefined)?.name === 'UnsupportedProtocolError') {
      this.observe({ kind: 'foreign_chain', peer: link.peer, detail: reason(error) });
      const configured = this.dialer.has(link.peer);
      this.ban(link.peer, configured ? PERSISTENT_FOREIGN_BAN_MS : FOREIGN_BAN_MS, 'foreign_chain');
    } else if (code !== undefined) {
      this.observe({ kind: 'bad_frame', peer: link.peer, detail: reason(error) });
      this.penalize(link.peer, PENALTY_BROKEN_FRAMES, 'bad_frame');
    } else {
      this.observe({ kind: 'handshake_failed', peer: link.peer, error });
    }
  }

  /** setImmediate runs after the poll phase: everything that its reads caused leaves in one send a stream. */
  private scheduleFlush(): void {
    if (this.flushScheduled) return;
    this.flushScheduled = true;
    setImmediate(() => {
      this.flushScheduled = false;
      this.flushAll();
    });
  }

  private flushAll(): void {
    for (const kind of LINK_CLASSES) for (const link of this.links.all()) link.flush(kind);
  }

  private heartbeat(): void {
    const now = performance.now();
    // When our own loop was blocked or the machine slept, the peers' bytes may still wait unread.
    const late = now - this.lastHeartbeatMs - this.heartbeatMs;
    this.lastHeartbeatMs = now;
    const allowedSilence = SILENCE_LIMIT_MS * (this.heartbeatMs / HEARTBEAT_MS) + Math.max(0, late);
    for (const link of this.links.all()) this.checkLink(link, now, allowedSilence, late);
    for (const peer of this.gossip?.dead(this.links.active().map(({ peer }) => peer)) ?? []) {
      this.observe({ kind: 'gossip_dead', peer });
      this.links.closePeer(peer, new Error('gossip with this peer is dead'));
    }
    this.flushAll();
    this.discovery.tick();
    if (++this.heartbeats % SAVE_EVERY_HEARTBEATS === 0) {
      const problem = this.book.save();
      if (problem !== undefined) this.observe({ kind: 'address_book', detail: problem });
    }
  }

  private checkLink(link: Link, now: number, allowedSilence: number, late: number): void {
    if (late > this.heartbeatMs) link.lastHeardMs = Math.max(link.lastHeardMs, now - allowedSilence / 2);
    if (!link.ready) {
      if (Date.now() - link.openedAtMs < (this.options.handshakeTimeoutMs ?? HANDSHAKE_TIMEOUT_MS)) return;
      this.observe({ kind: 'handshake_failed', peer: link.peer, detail: 'timeout' });
      link.close(new Error('no handshake in time'));
    } else if (now - link.lastHeardMs > allowedSilence) {
      this.observe({ kind: 'silent', peer: link.peer });
      link.close(new Error('the peer is silent'));
    } else if (now - link.lastSentMs >= this.heartbeatMs / 2) {
      link.heartbeat();
    }
  }

  private makeGossip(pubsub: GossipSub): Gossip {
    const { chainId, genesisHash } = this.options;
    const events = {
      gossip: (topic: Topic, bytes: Uint8Array, from: string) => {
        this.stats.gossipReceived++;
        return (this.handlers as TransportHandlers).gossip(topic, bytes, from);
      },
      tooLarge: (from: string) => this.penalize(from, PENALTY_BROKEN_FRAMES, 'gossip_too_large'),
      failed: (from: string, error: unknown) => {
        this.observe({ kind: 'handler_failed', peer: from, error });
        this.penalize(from, PENALTY_HANDLER_FAILED, 'handler_failed');
      },
      publishFailed: (error: unknown) => this.observe({ kind: 'publish_failed', error }),
    };
    return new Gossip(pubsub, events, chainId, genesisHash);
  }
}

function infoOf(link: Link): PeerInfo {
  return {
    id: link.peer,
    address: link.connection.remoteAddr.toString(),
    outbound: link.outboundDirection,
    connectedAtMs: link.openedAtMs,
    ...trafficOf(link.connection),
  };
}

function added(sum: Traffic, more: Traffic | undefined): Traffic {
  if (more === undefined) return sum;
  return { sentBytes: sum.sentBytes + more.sentBytes, receivedBytes: sum.receivedBytes + more.receivedBytes };
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
