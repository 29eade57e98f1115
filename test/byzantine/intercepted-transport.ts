import { encodeMessage } from '#network/message-codec.ts';
import { type Message, STREAM_OF } from '#network/messages.ts';
import { decodeRequest } from '#network/request-codec.ts';
import type { Timer } from '#ports/clock.ts';
import type { PeerId, PeerInfo, StreamClass, Topic, Transport, TransportHandlers } from '#ports/transport.ts';
import type { Behaviour } from './behaviour.ts';
import type { Rig } from './rig.ts';

/** Between two ticks of a behaviour, with some jitter. Milliseconds. */
const TICK_MS = 200;

/** A transport whose messages pass through a behaviour, both ways. */
export class InterceptedTransport implements Transport {
  private readonly inner: Transport;
  private readonly rig: Rig;
  private readonly behaviour: Behaviour;
  private readonly options: { readonly seesItself?: boolean };
  /** A broadcast hands over the same bytes for every peer: decoded once. */
  private last: { readonly bytes: Uint8Array; readonly message: Message } | undefined;
  private timer: Timer | undefined;

  constructor(inner: Transport, rig: Rig, behaviour: Behaviour, options: { readonly seesItself?: boolean } = {}) {
    this.options = options;
    this.inner = inner;
    this.rig = rig;
    this.behaviour = behaviour;
  }

  get self(): PeerId {
    return this.inner.self;
  }

  async start(handlers: TransportHandlers): Promise<void> {
    this.rig.attach(handlers);
    await this.inner.start({
      peerConnected: (peer) => handlers.peerConnected(peer),
      peerDisconnected: (peer) => handlers.peerDisconnected(peer),
      frame: (peer, stream, bytes) => {
        const passed = this.arriving(peer, bytes);
        if (passed !== undefined) handlers.frame(peer, stream, passed);
      },
      request: (peer, bytes) => this.answer(handlers, peer, bytes),
      gossip: (topic, bytes, from) => {
        this.behaviour.gossiped?.(topic, bytes);
        return handlers.gossip(topic, bytes, from);
      },
    });
    this.tickLater();
  }

  async stop(): Promise<void> {
    this.timer?.cancel();
    await this.inner.stop();
  }

  addresses(): readonly string[] {
    return this.inner.addresses();
  }

  peers(): readonly PeerInfo[] {
    return this.inner.peers();
  }

  send(peer: PeerId, stream: StreamClass, bytes: Uint8Array): boolean {
    const message = this.decoded(bytes);
    const { outgoing } = this.behaviour;
    if (outgoing === undefined) return this.inner.send(peer, stream, bytes);
    let sent = true;
    for (const replaced of outgoing.call(this.behaviour, peer, message)) {
      const isSame = replaced === message;
      sent = this.inner.send(peer, STREAM_OF[replaced.kind], isSame ? bytes : encodeMessage(replaced)) && sent;
    }
    return sent;
  }

  request(peer: PeerId, bytes: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
    return this.inner.request(peer, bytes, timeoutMs);
  }

  publish(topic: Topic, bytes: Uint8Array): void {
    if (this.behaviour.publishing?.(topic, bytes) !== false) this.inner.publish(topic, bytes);
  }

  /** Byzantine machines do not fall out with anybody: they want to be heard. */
  penalize(): void {}

  ban(): void {}

  private decoded(bytes: Uint8Array): Message {
    if (this.last?.bytes !== bytes) {
      const message = this.rig.decode(bytes);
      this.rig.seen.sent(message);
      this.last = { bytes, message };
    }
    return this.last.message;
  }

  /** What the node inside gets to see; undefined: nothing. */
  private arriving(peer: PeerId, bytes: Uint8Array): Uint8Array | undefined {
    let message: Message;
    try {
      message = this.rig.decode(bytes);
    } catch {
      // Another byzantine machine's garbage: for the node inside to judge.
      return bytes;
    }
    this.rig.seen.passed(message);
    if (this.behaviour.incoming?.(peer, message) === false) return undefined;
    return this.options.seesItself === true ? bytes : this.withoutMine(message, bytes);
  }

  /** The node does not hear what was said in its name, or it would bring evidence against itself. */
  private withoutMine(message: Message, bytes: Uint8Array): Uint8Array | undefined {
    if (message.kind !== 'votes') return bytes;
    const votes = message.votes.filter((vote) => !this.rig.isMine(vote));
    if (votes.length === message.votes.length) return bytes;
    return votes.length === 0 ? undefined : encodeMessage({ kind: 'votes', votes });
  }

  private answer(handlers: TransportHandlers, peer: PeerId, bytes: Uint8Array): Promise<Uint8Array> {
    const honest = (): Promise<Uint8Array> => handlers.request(peer, bytes);
    if (this.behaviour.answer === undefined) return honest();
    try {
      return this.behaviour.answer(peer, decodeRequest(bytes), honest);
    } catch {
      // Not a request at all: as above.
      return honest();
    }
  }

  private tickLater(): void {
    if (this.behaviour.tick === undefined) return;
    const { clock } = this.rig.means;
    this.timer = clock.setTimer(TICK_MS * (0.5 + this.rig.random.uniform()), () => {
      this.behaviour.tick?.();
      this.tickLater();
    });
  }
}
