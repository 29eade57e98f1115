import { NetworkError } from '#network/errors.ts';
import type { PeerId, PeerInfo, StreamClass, Topic, Transport, TransportHandlers } from '#ports/transport.ts';
import { toLatin1 } from '#util/bytes.ts';
import type { Life } from '../time/scheduler.ts';
import { type Link, otherEnd } from './link.ts';
import type { SimNetwork } from './network.ts';

/** A request that has not ended. */
interface Asked {
  readonly to: PeerId;
  readonly resolve: (body: Uint8Array) => void;
  readonly reject: (error: Error) => void;
}

/** One incarnation's door to the network. */
export class SimTransport implements Transport {
  readonly self: PeerId;
  readonly life: Life;
  private readonly network: SimNetwork;
  private handlers: TransportHandlers | undefined;
  private readonly known = new Map<PeerId, PeerInfo>();
  /** When the last frame of a stream arrives: the next comes after it. */
  private readonly arrivals = new Map<string, number>();
  private readonly asked = new Set<Asked>();
  private readonly seenGossip = new Set<string>();

  constructor(network: SimNetwork, self: PeerId, life: Life) {
    this.network = network;
    this.self = self;
    this.life = life;
  }

  async start(handlers: TransportHandlers): Promise<void> {
    this.handlers = handlers;
    this.network.join(this);
  }

  async stop(): Promise<void> {
    this.network.leave(this);
    this.known.clear();
  }

  addresses(): readonly string[] {
    return [`/sim/${this.self}`];
  }

  peers(): readonly PeerInfo[] {
    return [...this.known.values()];
  }

  connected(peer: PeerId): void {
    const info = { id: peer, address: `/sim/${peer}`, outbound: this.self < peer, connectedAtMs: 0 };
    this.known.set(peer, info);
    this.guarded(() => this.handlers?.peerConnected(info));
  }

  disconnected(peer: PeerId): void {
    if (!this.known.delete(peer)) return;
    for (const asked of [...this.asked]) {
      if (asked.to === peer) asked.reject(new NetworkError('disconnected', `${peer} is gone`));
    }
    this.guarded(() => this.handlers?.peerDisconnected(peer));
  }

  /** What nobody catches ends the process whose code it was. */
  private guarded(run: () => void): void {
    try {
      run();
    } catch (error) {
      if (this.life.threw === undefined) throw error;
      this.life.threw(error);
    }
  }

  send(peer: PeerId, stream: StreamClass, bytes: Uint8Array): boolean {
    const link = this.network.linked(this, peer);
    if (link === undefined || !this.known.has(peer)) return false;
    const key = `${peer}/${stream}`;
    const other = otherEnd(link, this);
    const copy = bytes.slice();
    const arrives = this.network.carry(
      link,
      this,
      { size: bytes.length, frame: copy },
      this.arrivals.get(key) ?? 0,
      () => other.handlers?.frame(this.self, stream, copy.slice()),
    );
    this.arrivals.set(key, arrives);
    return true;
  }

  request(peer: PeerId, bytes: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
    const link = this.network.linked(this, peer);
    if (link === undefined) return Promise.reject(new NetworkError('disconnected', `${peer} is not connected`));
    const other = otherEnd(link, this);
    return new Promise<Uint8Array>((resolve, reject) => {
      const asked = this.ask(peer, timeoutMs, resolve, reject);
      this.network.carry(link, this, { size: bytes.length }, 0, () => other.answer(link, bytes.slice(), asked));
    });
  }

  /** One end only: the answer, the deadline, or the end of the link, whichever comes first. */
  private ask(
    to: PeerId,
    timeoutMs: number,
    resolve: (body: Uint8Array) => void,
    reject: (error: Error) => void,
  ): Asked {
    const end = (settle: () => void): void => {
      cancel();
      if (this.asked.delete(asked)) settle();
    };
    const asked: Asked = {
      to,
      resolve: (body) => end(() => resolve(body)),
      reject: (error) => end(() => reject(error)),
    };
    const cancel = this.network.scheduler.after(timeoutMs, this.life, () =>
      asked.reject(new NetworkError('timeout', `${to} did not answer`)),
    );
    this.asked.add(asked);
    return asked;
  }

  /** At the side that is asked; a process that dies meanwhile answers nothing. */
  private answer(link: Link, bytes: Uint8Array, asked: Asked): void {
    const asker = otherEnd(link, this);
    const answer = this.handlers?.request(asker.self, bytes) ?? Promise.reject(new Error('not started'));
    const back = (size: number, deliver: () => void): void => {
      if (this.life.alive) this.network.carry(link, this, { size }, 0, deliver);
    };
    answer.then(
      (body) => back(body.length, () => asked.resolve(body.slice())),
      (error: Error) => back(0, () => asked.reject(new NetworkError('peer_error', error.message))),
    );
  }

  publish(topic: Topic, bytes: Uint8Array): void {
    this.seenGossip.add(`${topic}${toLatin1(bytes)}`);
    this.spread(topic, bytes, undefined);
  }

  penalize(peer: PeerId, points: number, reason: string): void {
    this.network.penalize(this, peer, points, reason);
  }

  ban(peer: PeerId, durationMs: number, reason: string): void {
    this.network.ban(this, peer, durationMs, reason);
  }

  private spread(topic: Topic, bytes: Uint8Array, from: PeerId | undefined): void {
    for (const other of this.network.peersOf(this)) {
      const link = this.network.linked(this, other.self);
      if (link === undefined || other.self === from) continue;
      this.network.carry(link, this, { size: bytes.length }, 0, () => other.gossip(topic, bytes.slice(), this.self));
    }
  }

  private gossip(topic: Topic, bytes: Uint8Array, from: PeerId): void {
    const key = `${topic}${toLatin1(bytes)}`;
    if (this.seenGossip.has(key) || this.handlers === undefined) return;
    this.seenGossip.add(key);
    Promise.resolve(this.handlers.gossip(topic, bytes, from)).then(
      (verdict) => {
        if (verdict === 'accept' && this.life.alive) this.spread(topic, bytes, from);
      },
      (error: Error) => this.network.onPunished(this.self, from, `gossip handler threw: ${error.message}`),
    );
  }
}
