import { decodeMessage, encodeMessage } from '#network/message-codec.ts';
import { type Answers, type Message, type RequestKind, type RequestOf, STREAM_OF } from '#network/messages.ts';
import { decodeAnswer, encodeRequest } from '#network/request-codec.ts';
import type { Random } from '#ports/random.ts';
import type { PeerId, StreamClass, Topic, Transport, TransportHandlers } from '#ports/transport.ts';
import type { Proposal, UnsignedProposal } from '#types/proposal.ts';
import type { UnsignedVote, Vote } from '#types/vote.ts';
import { equalBytes } from '#util/bytes.ts';
import type { ByzantineMeans } from './behaviour.ts';
import { Pen } from './pen.ts';
import { Plot, type Side } from './plot.ts';
import { Sightings } from './sightings.ts';

/** What a behaviour holds in its hands: the key, the wire to each peer, and the node inside. */
export class Rig {
  readonly means: ByzantineMeans;
  readonly pen: Pen;
  readonly plot: Plot;
  readonly seen = new Sightings();
  private readonly transport: Transport;
  private readonly proposed = new Set<string>();
  private handlers: TransportHandlers | undefined;

  constructor(transport: Transport, means: ByzantineMeans) {
    this.transport = transport;
    this.means = means;
    this.pen = new Pen(means.key, means.chainId, means.signBytes);
    this.plot = means.plot ?? new Plot();
  }

  /** Of the node inside; there from its start on. */
  attach(handlers: TransportHandlers): void {
    this.handlers = handlers;
  }

  get random(): Random {
    return this.means.random;
  }

  get peers(): readonly PeerId[] {
    return this.transport.peers().map(({ id }) => id);
  }

  side(peer: PeerId, height: number): Side {
    return this.plot.side(peer, height);
  }

  below(bound: number): number {
    return Math.floor(this.random.uniform() * bound);
  }

  chance(probability: number): boolean {
    return this.random.uniform() < probability;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T;
  }

  note(deed: string): void {
    this.means.note?.(deed);
  }

  isMine(vote: Vote): boolean {
    return equalBytes(vote.validatorAddress, this.pen.address);
  }

  sign(vote: UnsignedVote): Vote {
    return this.pen.vote(vote);
  }

  signProposal(proposal: UnsignedProposal): Proposal {
    return this.pen.proposal(proposal);
  }

  /** The node inside signed a proposal of this place. */
  proposes({ height, round }: UnsignedProposal): void {
    this.proposed.add(`${height}/${round}`);
    if (this.proposed.size > PROPOSALS_KEPT) {
      const [oldest] = this.proposed;
      this.proposed.delete(oldest as string);
    }
  }

  isMyProposal({ height, round }: UnsignedProposal): boolean {
    return this.proposed.has(`${height}/${round}`);
  }

  /** My index in the validator set, as far as seen. */
  get index(): number | undefined {
    for (const [index, address] of this.seen.addresses) if (equalBytes(address, this.pen.address)) return index;
    return undefined;
  }

  send(peer: PeerId, message: Message): void {
    this.transport.send(peer, STREAM_OF[message.kind], encodeMessage(message));
  }

  sendAll(message: Message): void {
    for (const peer of this.peers) this.send(peer, message);
  }

  sendBytes(peer: PeerId, stream: StreamClass, bytes: Uint8Array): void {
    this.transport.send(peer, stream, bytes);
  }

  /** Any bytes as a request; what comes back is of no interest. */
  requestBytes(peer: PeerId, bytes: Uint8Array, timeoutMs: number): void {
    this.transport.request(peer, bytes, timeoutMs).then(
      () => undefined,
      // A refusal is what it is for.
      () => undefined,
    );
  }

  /** Closes the connection; both sides may open it again at once. */
  hangUp(peer: PeerId): void {
    this.transport.ban(peer, 1, 'hung up');
  }

  publish(topic: Topic, bytes: Uint8Array): void {
    this.transport.publish(topic, bytes);
  }

  decode(bytes: Uint8Array): Message {
    return decodeMessage(bytes, this.means.limits);
  }

  /** Asks the node inside, as a peer would. */
  async ask<Kind extends RequestKind>(request: RequestOf<Kind>): Promise<Answers[Kind]> {
    if (this.handlers === undefined) throw new Error('not started');
    const bytes = await this.handlers.request(this.transport.self, encodeRequest(request));
    return decodeAnswer<Kind>(request, bytes, this.means.limits);
  }

  after(delayMs: number): Promise<void> {
    return new Promise((resolve) => void this.means.clock.setTimer(delayMs, () => resolve()));
  }
}

const PROPOSALS_KEPT = 32;
