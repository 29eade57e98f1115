import type { Clock } from '#ports/clock.ts';
import type { Random } from '#ports/random.ts';
import type { GossipVerdict, PeerId, PeerInfo, StreamClass, Topic, Transport } from '#ports/transport.ts';
import type { Evidence } from '#types/evidence.ts';
import { MachineError } from '#util/errors.ts';
import { decodeCompactBlock } from './compact-block-codec.ts';
import { failureOf, type Offence, offenceOf, punish } from './consequences.ts';
import { NetworkError } from './errors.ts';
import { decodeEvidenceGossip, decodeTxBatch, encodeEvidenceGossip } from './gossip-codec.ts';
import type { MessageLimits } from './limits.ts';
import { decodeMessage, encodeMessage } from './message-codec.ts';
import {
  type Answers,
  type CompactBlock,
  type Message,
  type MessageKind,
  type MessageOf,
  type Request,
  type RequestKind,
  type RequestOf,
  STREAM_OF,
} from './messages.ts';
import { decodeAnswer, decodeRequest, encodeAnswer, encodeRequest } from './request-codec.ts';
import { TxBatcher } from './tx-batcher.ts';

type MessageHandlers = { [Kind in MessageKind]: (peer: PeerId, message: MessageOf<Kind>) => void };
type RequestHandlers = { [Kind in RequestKind]: (peer: PeerId, request: RequestOf<Kind>) => Promise<Answers[Kind]> };

/** One handler a message kind. What they throw costs the peer points and is reported, it ends nothing. */
export interface NetworkHandlers extends MessageHandlers, RequestHandlers {
  /** Both ends can send from now on; nothing is known of what the peer has. */
  peerConnected(peer: PeerInfo): void;
  peerDisconnected(peer: PeerId): void;
  /** A gossip batch: at least one transaction, none empty or over `maxTxBytes`. */
  txs(peer: PeerId, txs: readonly Uint8Array[]): GossipVerdict | Promise<GossipVerdict>;
  evidence(peer: PeerId, evidence: readonly Evidence[]): GossipVerdict | Promise<GossipVerdict>;
}

export interface NetworkComponents {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly random: Random;
}

export interface NetworkOptions {
  readonly limits: MessageLimits;
  /** Told of everything that a peer did wrong, for logs and counters. */
  readonly observe?: (offence: Offence, peer: PeerId, error: unknown) => void;
}

/** Typed messages over a Transport. Bytes that cannot be decoded never get beyond this class. */
export class Network {
  private readonly transport: Transport;
  private readonly limits: MessageLimits;
  private readonly observe: NonNullable<NetworkOptions['observe']>;
  private readonly batcher: TxBatcher;
  private handlers: NetworkHandlers | undefined;

  constructor({ transport, clock, random }: NetworkComponents, options: NetworkOptions) {
    this.transport = transport;
    this.limits = options.limits;
    this.observe = options.observe ?? (() => undefined);
    this.batcher = new TxBatcher({
      clock,
      random,
      publish: (batch) => transport.publish('tx', batch),
      publishers: () => transport.peers().length + 1,
    });
  }

  get self(): PeerId {
    return this.transport.self;
  }

  async start(handlers: NetworkHandlers): Promise<void> {
    this.handlers = handlers;
    await this.transport.start({
      peerConnected: (peer) => handlers.peerConnected(peer),
      peerDisconnected: (peer) => handlers.peerDisconnected(peer),
      frame: (peer, stream, bytes) => this.onFrame(peer, stream, bytes),
      request: (peer, bytes) => this.onRequest(peer, bytes),
      gossip: (topic, bytes, from) => this.onGossip(topic, bytes, from),
    });
  }

  async stop(): Promise<void> {
    this.batcher.stop();
    await this.transport.stop();
  }

  peers(): readonly PeerInfo[] {
    return this.transport.peers();
  }

  addresses(): readonly string[] {
    return this.transport.addresses();
  }

  /** False: dropped (peer gone or its queue full); what the peer reports later shows what it lacks. */
  send(peer: PeerId, message: Message): boolean {
    return this.transport.send(peer, STREAM_OF[message.kind], encodeMessage(message));
  }

  /** To every peer but `except`; encoded once. */
  broadcast(message: Message, except?: PeerId): void {
    const bytes = encodeMessage(message);
    const stream = STREAM_OF[message.kind];
    for (const { id } of this.transport.peers()) if (id !== except) this.transport.send(id, stream, bytes);
  }

  /**
   * Asks one peer. Rejects with a BizraError: `timeout`, `disconnected`, `overloaded`, `peer_error`, or the decoder's
   * (the peer is then punished already).
   */
  async request<Kind extends RequestKind>(
    peer: PeerId,
    request: RequestOf<Kind>,
    timeoutMs: number,
  ): Promise<Answers[Kind]> {
    const bytes = await this.transport.request(peer, encodeRequest(request), timeoutMs);
    try {
      return decodeAnswer<Kind>(request, bytes, this.limits);
    } catch (error) {
      this.blame(peer, offenceOf(error), error);
      throw error;
    }
  }

  /** The block part of a peer's proposal. Undefined: it is none, and the peer has been punished for it. */
  compactBlock(peer: PeerId, bytes: Uint8Array): CompactBlock | undefined {
    try {
      return decodeCompactBlock(bytes, this.limits);
    } catch (error) {
      this.blame(peer, offenceOf(error), error);
      return undefined;
    }
  }

  /** Publishes transactions that own clients gave, in batches. Returns how many were taken; offer the rest again later. */
  gossipTxs(txs: readonly Uint8Array[]): number {
    return this.batcher.add(txs);
  }

  gossipEvidence(evidence: readonly Evidence[]): void {
    if (evidence.length > 0) this.transport.publish('evidence', encodeEvidenceGossip(evidence));
  }

  /** A peer did something wrong that only the caller can see. The table in consequences.ts says what follows. */
  report(peer: PeerId, offence: Offence): void {
    this.observe(offence, peer, undefined);
    punish(this.transport, peer, offence);
  }

  private onFrame(peer: PeerId, stream: StreamClass, bytes: Uint8Array): void {
    let message: Message;
    try {
      message = decodeMessage(bytes, this.limits);
      if (STREAM_OF[message.kind] !== stream) {
        throw new NetworkError('unexpected', `a ${message.kind} on the ${stream} stream`);
      }
    } catch (error) {
      this.blame(peer, offenceOf(error), error);
      return;
    }
    // The table's type pairs each kind with its own handler.
    const handle = this.handlers?.[message.kind] as ((peer: PeerId, message: Message) => void) | undefined;
    try {
      handle?.call(this.handlers, peer, message);
    } catch (error) {
      this.blame(peer, failureOf(error), error);
    }
  }

  private async onRequest(peer: PeerId, bytes: Uint8Array): Promise<Uint8Array> {
    let request: Request;
    try {
      request = decodeRequest(bytes);
    } catch (error) {
      this.blame(peer, offenceOf(error), error);
      throw error;
    }
    return this.answer(peer, request.kind, request);
  }

  private async answer<Kind extends RequestKind>(peer: PeerId, kind: Kind, request: Request): Promise<Uint8Array> {
    const handle = this.handlers?.[kind] as ((peer: PeerId, request: Request) => Promise<Answers[Kind]>) | undefined;
    if (handle === undefined) throw new NetworkError('unexpected', 'not ready');
    try {
      return encodeAnswer(kind, await handle.call(this.handlers, peer, request));
    } catch (error) {
      // The peer asks somebody else; a damaged record must show here all the same.
      if (error instanceof MachineError) this.observe('machine_fault', peer, error);
      throw error;
    }
  }

  private async onGossip(topic: Topic, bytes: Uint8Array, from: PeerId): Promise<GossipVerdict> {
    const handlers = this.handlers;
    if (handlers === undefined) return 'ignore';
    let deliver: () => GossipVerdict | Promise<GossipVerdict>;
    try {
      if (topic === 'tx') {
        const txs = decodeTxBatch(bytes, this.limits);
        deliver = () => handlers.txs(from, txs);
      } else {
        const evidence = decodeEvidenceGossip(bytes, this.limits);
        deliver = () => handlers.evidence(from, evidence);
      }
    } catch (error) {
      this.blame(from, offenceOf(error), error);
      return 'reject';
    }
    try {
      return await deliver();
    } catch (error) {
      this.blame(from, failureOf(error), error);
      return 'ignore';
    }
  }

  private blame(peer: PeerId, offence: Offence, error: unknown): void {
    this.observe(offence, peer, error);
    punish(this.transport, peer, offence);
  }
}
