import type { Socket } from 'node:net';

/** What Linux sends in one segment over Ethernet. */
const SEGMENT_BYTES = 1_448;
/** Linux: a retransmission timeout is the round trip and at least this much, doubled for each repetition. */
const MIN_RETRANSMISSION_MS = 200;
const MAX_RETRANSMISSION_MS = 120_000;
/** Linux: the first repetition of a SYN comes after this time, doubled each time. */
export const SYN_RETRANSMISSION_MS = 1_000;
/** What a sender may have on its way without a single acknowledgement: Linux's initial window of ten segments. */
const UNACKNOWLEDGED_BYTES = 10 * SEGMENT_BYTES;
/** Bytes that a proxy keeps for one direction of a connection; then it reads no more, and the sender's socket fills. */
const MAX_WAITING_BYTES = 1_024 * 1_024;
/** Between looks whether the wire is healthy again. */
const MAX_WAIT_MS = 50;
const MILLISECONDS_PER_SECOND = 1_000;

export interface Impairment {
  readonly delayMs: number;
  /** Added to the delay, uniformly from 0. TCP keeps the order. */
  readonly jitterMs: number;
  /** Share of segments lost, from 0 to 1. */
  readonly loss: number;
  /** Absent: as many as the machine moves. */
  readonly bytesPerSecond?: number;
}

export const CLEAR: Impairment = { delayMs: 0, jitterMs: 0, loss: 0 };

/** The way from one node to another: all connections between them share it. */
export class Wire {
  impairment: Impairment = CLEAR;
  private readonly random: () => number;
  private cutNow = false;
  private freeAtMs = 0;

  constructor(random: () => number) {
    this.random = random;
  }

  get isCut(): boolean {
    return this.cutNow;
  }

  /** Everything that is sent or on its way from now on is lost, acknowledgements included. */
  cut(): void {
    this.cutNow = true;
  }

  heal(): void {
    this.cutNow = false;
  }

  /** Milliseconds until a segment that is sent `atMs` arrives, with all of its repetitions. */
  travelMs(bytes: number, roundTripMs: number, atMs: number): number {
    const { delayMs, jitterMs, bytesPerSecond } = this.impairment;
    let travel = delayMs + jitterMs * this.random() + this.lostMs(roundTripMs + MIN_RETRANSMISSION_MS);
    if (bytesPerSecond !== undefined) {
      this.freeAtMs = Math.max(this.freeAtMs, atMs) + (bytes / bytesPerSecond) * MILLISECONDS_PER_SECOND;
      travel += this.freeAtMs - atMs;
    }
    return travel;
  }

  /** Milliseconds until a SYN that is sent now arrives. */
  synMs(): number {
    return this.impairment.delayMs + this.lostMs(SYN_RETRANSMISSION_MS);
  }

  /** What losses cost: each waits for its retransmission timeout, and the repetition may be lost as well. */
  private lostMs(firstTimeoutMs: number): number {
    let lost = 0;
    for (let timeout = firstTimeoutMs; this.random() < this.impairment.loss; timeout *= 2) lost += timeout;
    return lost;
  }
}

type Item = { readonly atMs: number } & (
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  /** The end of the sender's data; the end of its socket. */
  | { readonly kind: 'end' | 'close' | 'reset' }
);

export interface PipeEnds {
  readonly source: Socket;
  readonly target: Socket;
  readonly wire: Wire;
  /** The opposite direction, which carries the acknowledgements. */
  readonly back: Wire;
  /** The source's first byte leaves now: before that, its SYN has no answer. */
  readonly opensAtMs: number;
}

/**
 * One direction of one connection, as TCP shows a bad network to its ends: nothing is ever missing or out of order, it
 * comes later. During a cut the sender repeats in vain, with a timeout that doubles; what it sent arrives with the
 * first repetition after the heal. A cut of the way back stops it as well, once a window is unacknowledged. Congestion
 * control is not modelled.
 */
export class Pipe {
  private readonly ends: PipeEnds;
  private readonly queue: Item[] = [];
  private waitingBytes = 0;
  private unacknowledged = 0;
  private lastAtMs: number;
  /** While the sender repeats in vain: when it does so next, and its timeout then. */
  private stalled: { readonly untilMs: number; readonly timeoutMs: number } | undefined;
  private timer: NodeJS.Timeout | undefined;
  private ended = false;

  constructor(ends: PipeEnds) {
    this.ends = ends;
    this.lastAtMs = ends.opensAtMs;
    const { source, target } = ends;
    source.on('data', (bytes: Uint8Array) => this.take(bytes));
    source.on('end', () => this.push({ kind: 'end', atMs: this.arrivalMs(0) }));
    source.on('close', (hadError) => this.push({ kind: hadError ? 'reset' : 'close', atMs: this.arrivalMs(0) }));
    target.on('drain', () => this.pump());
    target.on('close', () => this.end());
  }

  /** The reader is gone. The writer is not told from here: that news travels the other way. */
  private end(): void {
    this.ended = true;
    clearTimeout(this.timer);
    this.queue.length = 0;
    this.ends.source.resume();
  }

  private take(bytes: Uint8Array): void {
    if (this.ended) return;
    const { source, wire, back } = this.ends;
    const step = wire.impairment === CLEAR && !back.isCut ? bytes.length : SEGMENT_BYTES;
    for (let start = 0; start < bytes.length; start += step) {
      const segment = bytes.subarray(start, start + step);
      this.waitingBytes += segment.length;
      this.push({ kind: 'bytes', bytes: segment, atMs: this.arrivalMs(segment.length) });
    }
    if (this.waitingBytes > MAX_WAITING_BYTES) source.pause();
  }

  private push(item: Item): void {
    if (this.ended) return;
    this.queue.push(item);
    this.pump();
  }

  private arrivalMs(bytes: number): number {
    const sentMs = Math.max(performance.now(), this.ends.opensAtMs);
    const travelMs = this.ends.wire.travelMs(bytes, this.roundTripMs, sentMs);
    this.lastAtMs = Math.max(this.lastAtMs, sentMs + travelMs);
    return this.lastAtMs;
  }

  private get roundTripMs(): number {
    return this.ends.wire.impairment.delayMs + this.ends.back.impairment.delayMs;
  }

  /** Delivers what is due. */
  private pump(): void {
    clearTimeout(this.timer);
    const { target } = this.ends;
    const now = performance.now();
    target.cork();
    while (!this.ended && !target.writableNeedDrain) {
      const item = this.queue[0];
      if (item === undefined) break;
      if (this.dueMs(item) > now || this.stalls(item, now)) {
        this.timer = setTimeout(() => this.pump(), Math.min(this.dueMs(item) - now, MAX_WAIT_MS));
        break;
      }
      this.queue.shift();
      this.deliver(item);
    }
    target.uncork();
  }

  /** What waited for a slow wire does not wait for one that is healthy again. */
  private dueMs({ atMs }: Item): number {
    const arrivesMs = this.ends.wire.impairment === CLEAR ? this.ends.opensAtMs : atMs;
    return Math.max(arrivesMs, this.stalled?.untilMs ?? 0);
  }

  /** Whether this try of the sender stays without an answer as well. */
  private stalls(item: Item, now: number): boolean {
    const { wire, back } = this.ends;
    const size = item.kind === 'bytes' ? item.bytes.length : 0;
    if (!back.isCut) this.unacknowledged = 0;
    const noAnswer = back.isCut && this.unacknowledged + size > UNACKNOWLEDGED_BYTES;
    if (!wire.isCut && !noAnswer) {
      this.stalled = undefined;
      return false;
    }
    const timeoutMs = this.stalled?.timeoutMs ?? this.roundTripMs + MIN_RETRANSMISSION_MS;
    this.stalled = { untilMs: now + timeoutMs, timeoutMs: Math.min(2 * timeoutMs, MAX_RETRANSMISSION_MS) };
    return true;
  }

  private deliver(item: Item): void {
    const { source, target, back } = this.ends;
    switch (item.kind) {
      case 'bytes':
        this.waitingBytes -= item.bytes.length;
        if (back.isCut) this.unacknowledged += item.bytes.length;
        target.write(item.bytes);
        if (source.isPaused() && this.waitingBytes < MAX_WAITING_BYTES / 2) source.resume();
        return;
      case 'end':
        target.end();
        return;
      case 'close':
        target.destroySoon();
        return;
      case 'reset':
        target.resetAndDestroy();
        return;
    }
  }
}
