import type { Connection, Stream } from '@libp2p/interface';
import { NetworkError } from '../errors.ts';
import { CorkedSocket } from './corking.ts';
import { FrameParser } from './frame-parser.ts';
import { FrameWriter } from './frame-writer.ts';
import { checkHello, decodeHello, encodeHello, type Hello, MAX_HELLO_BYTES } from './hello.ts';
import {
  HANDSHAKE_TIMEOUT_MS,
  LINK_CLASSES,
  type LinkClass,
  type LinkLimits,
  MAX_REQUESTS_IN_FLIGHT,
  MAX_UNACKNOWLEDGED_BULK_BYTES,
} from './options.ts';
import { REQUEST_HEADER_BYTES, RequestChannel } from './request-channel.ts';

const HEARTBEAT_FRAME = new Uint8Array(0);

/** What a link tells its owner. None of them is called after `closed`. */
export interface LinkEvents {
  /** Hellos were exchanged on all streams. */
  ready(link: Link): void;
  frame(link: Link, stream: LinkClass, bytes: Uint8Array): void;
  request(link: Link, bytes: Uint8Array): Promise<Uint8Array>;
  /** Something is queued: call `flush` in this tick's end. */
  wantsFlush(): void;
  /** Broke a rule of the frame layer, or the handshake failed. The link is closed next. */
  broken(link: Link, error: unknown): void;
  closed(link: Link): void;
}

interface Inbound {
  readonly stream: Stream;
  readonly parser: FrameParser;
  greeted: boolean;
}

interface Outbound {
  readonly stream: Stream;
  readonly writer: FrameWriter;
}

/**
 * One connection to a peer: three outbound streams that we write, three inbound ones that the peer writes.
 * The streams live and die with the connection: when one closes, the connection is closed and the dialler makes a
 * new one, so that both sides always agree on what was lost.
 */
export class Link {
  readonly connection: Connection;
  private readonly socket: CorkedSocket;
  readonly peer: string;
  readonly openedAtMs: number;
  readonly requests: RequestChannel;
  /** The peer's first hello. */
  hello: Hello | undefined;
  lastHeardMs: number;
  lastSentMs: number;
  ready = false;
  private readonly events: LinkEvents;
  private readonly ownHello: Hello;
  private readonly protocols: Readonly<Record<LinkClass, string>>;
  private readonly limits: LinkLimits;
  private readonly outbound = new Map<LinkClass, Outbound>();
  private readonly inbound = new Map<LinkClass, Inbound>();
  private activated = false;
  private isClosed = false;

  constructor(
    connection: Connection,
    components: { readonly events: LinkEvents },
    options: {
      readonly hello: Hello;
      readonly protocols: Readonly<Record<LinkClass, string>>;
      readonly limits: LinkLimits;
    },
  ) {
    this.connection = connection;
    this.socket = new CorkedSocket(connection);
    this.peer = connection.remotePeer.toString();
    this.openedAtMs = Date.now();
    this.lastHeardMs = performance.now();
    this.lastSentMs = this.lastHeardMs;
    this.events = components.events;
    this.ownHello = options.hello;
    this.protocols = options.protocols;
    this.limits = options.limits;
    this.requests = new RequestChannel(
      {
        send: (frame) => this.send('request', frame),
        answer: (bytes) => this.events.request(this, bytes),
      },
      {
        maxOutgoing: MAX_REQUESTS_IN_FLIGHT,
        maxIncoming: MAX_REQUESTS_IN_FLIGHT,
        maxBytes: options.limits.maxFrameBytes.request - REQUEST_HEADER_BYTES,
      },
    );
  }

  get closed(): boolean {
    return this.isClosed;
  }

  get outboundDirection(): boolean {
    return this.connection.direction === 'outbound';
  }

  /** Opens the outbound streams and greets on each. Never rejects. */
  async open(): Promise<void> {
    try {
      await Promise.all(LINK_CLASSES.map((kind) => this.openStream(kind)));
    } catch (error) {
      this.fail(error);
    }
  }

  /** A stream that the peer opened. */
  accept(kind: LinkClass, stream: Stream): void {
    if (this.isClosed) {
      stream.abort(new Error('link is closed'));
      return;
    }
    if (this.inbound.has(kind)) {
      this.fail(new NetworkError('unexpected', `a second ${kind} stream`));
      return;
    }
    const parser = new FrameParser((frame) => this.onFrame(kind, frame), MAX_HELLO_BYTES);
    this.inbound.set(kind, { stream, parser, greeted: false });
    if (kind !== 'consensus') limitWindow(stream);
    stream.addEventListener('message', (event) => {
      this.lastHeardMs = performance.now();
      this.guard(() => {
        if (event.data instanceof Uint8Array) parser.push(event.data);
        else for (const chunk of event.data) parser.push(chunk);
      });
    });
    this.closeWith(stream);
  }

  /** Queues a frame. False: dropped. */
  send(kind: LinkClass, frame: Uint8Array): boolean {
    const writer = this.outbound.get(kind)?.writer;
    if (writer === undefined || this.isClosed || frame.length > this.limits.maxFrameBytes[kind]) return false;
    if (!writer.push(frame)) return false;
    this.events.wantsFlush();
    return true;
  }

  /** Sends an empty frame; a full queue needs none. */
  heartbeat(): void {
    this.send('consensus', HEARTBEAT_FRAME);
  }

  flush(kind: LinkClass): void {
    const writer = this.outbound.get(kind)?.writer;
    if (writer === undefined || writer.bytes === 0 || this.isClosed) return;
    const before = writer.bytes;
    this.socket.around(() => this.guard(() => writer.flush()));
    if (writer.bytes < before) this.lastSentMs = performance.now();
  }

  /** Frames that came after the hellos were kept back; from now on they are delivered. */
  activate(): void {
    this.activated = true;
    for (const { parser, stream } of this.inbound.values()) {
      this.guard(() => {
        parser.release();
        if (!this.isClosed && stream.readStatus === 'paused') stream.resume();
      });
    }
  }

  /** Bytes queued for the peer, all classes. */
  queuedBytes(): number {
    let sum = 0;
    for (const { writer } of this.outbound.values()) sum += writer.bytes;
    return sum;
  }

  close(reason: Error): void {
    if (this.isClosed) return;
    this.isClosed = true;
    for (const { parser } of this.inbound.values()) parser.stop();
    for (const { writer } of this.outbound.values()) writer.clear();
    this.requests.close();
    try {
      // abort and not close: close would wait for a peer that may be gone.
      this.connection.abort(reason);
    } catch {
      // The connection was closing already.
    }
    this.events.closed(this);
  }

  private async openStream(kind: LinkClass): Promise<void> {
    const signal = AbortSignal.timeout(HANDSHAKE_TIMEOUT_MS);
    const stream = await this.connection.newStream(this.protocols[kind], { signal });
    if (this.isClosed) {
      stream.abort(new Error('link is closed'));
      return;
    }
    const writer = new FrameWriter(stream, {
      maxFrames: this.limits.queueFrames,
      maxBytes: this.limits.queueBytes[kind],
    });
    this.outbound.set(kind, { stream, writer });
    // Nothing may come back on our outbound streams; without a listener libp2p would collect 4 MiB of it.
    stream.addEventListener('message', () =>
      this.fail(new NetworkError('unexpected', `data on our own ${kind} stream`)),
    );
    stream.addEventListener('drain', () => this.flush(kind));
    // After a stall libp2p first sends its own rest and says `idle`; it is inside its send loop then, so flush later.
    stream.addEventListener('idle', () => {
      if (writer.bytes > 0) this.events.wantsFlush();
    });
    this.closeWith(stream);
    stream.send(prefixed(encodeHello(this.ownHello)));
    this.checkReady();
  }

  private closeWith(stream: Stream): void {
    const close = (): void => this.close(new Error('a stream of this link was closed'));
    stream.addEventListener('close', close);
    stream.addEventListener('remoteCloseWrite', close);
  }

  private onFrame(kind: LinkClass, frame: Uint8Array): void {
    const inbound = this.inbound.get(kind) as Inbound;
    if (!inbound.greeted) {
      this.onHello(kind, inbound, frame);
      return;
    }
    if (frame.length === 0) {
      if (kind !== 'consensus') throw new NetworkError('malformed', `empty frame on the ${kind} stream`);
      return;
    }
    if (kind === 'request') this.requests.onFrame(frame);
    else this.events.frame(this, kind, frame);
  }

  private onHello(kind: LinkClass, inbound: Inbound, frame: Uint8Array): void {
    const hello = decodeHello(frame);
    checkHello(this.ownHello, hello);
    this.hello ??= hello;
    inbound.greeted = true;
    inbound.parser.maxFrameBytes = this.limits.maxFrameBytes[kind];
    if (!this.activated) {
      inbound.parser.hold();
      inbound.stream.pause();
    }
    this.checkReady();
  }

  private checkReady(): void {
    if (this.ready || this.isClosed || this.outbound.size < LINK_CLASSES.length) return;
    for (const kind of LINK_CLASSES) if (this.inbound.get(kind)?.greeted !== true) return;
    this.ready = true;
    this.events.ready(this);
  }

  /** An exception in a listener of a libp2p stream would end the process. */
  private guard(action: () => void): void {
    if (this.isClosed) return;
    try {
      action();
    } catch (error) {
      this.fail(error);
    }
  }

  private fail(error: unknown): void {
    if (this.isClosed) return;
    this.events.broken(this, error);
    this.close(error instanceof Error ? error : new Error('link failed'));
  }
}

/**
 * Keeps the peer from having more than this unacknowledged on the stream. The field is yamux's own (8.0.3 grows the
 * window up to it); when a later version lacks it, the general window applies.
 */
function limitWindow(stream: Stream): void {
  const yamux = stream as Stream & { maxStreamWindowSize?: number };
  if (typeof yamux.maxStreamWindowSize === 'number') yamux.maxStreamWindowSize = MAX_UNACKNOWLEDGED_BULK_BYTES;
}

function prefixed(frame: Uint8Array): Uint8Array {
  const out = new Uint8Array(4 + frame.length);
  new DataView(out.buffer).setUint32(0, frame.length);
  out.set(frame, 4);
  return out;
}
