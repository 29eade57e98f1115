const HEADER_BYTES = 4;
/** One send is one yamux frame and one noise message; beyond the initial yamux window it would only be buffered. */
export const MAX_SEND_BYTES = 256 * 1024;

/** What the writer needs of a libp2p stream. */
export interface SendStream {
  send(bytes: Uint8Array): boolean;
  readonly writableNeedsDrain: boolean;
  readonly writeBufferLength: number;
}

export interface QueueLimits {
  readonly maxBytes: number;
  readonly maxFrames: number;
}

/**
 * Bounded queue of frames in front of one stream. `flush` sends everything that is queued in as few sends as
 * possible and stops when the stream is full: libp2p would take more and keep it in memory, with quadratic cost.
 */
export class FrameWriter {
  private readonly stream: SendStream;
  private readonly limits: QueueLimits;
  private frames: Uint8Array[] = [];
  private head = 0;
  /** Bytes of the first frame, header included, that have left already. */
  private sentOfFirst = 0;
  private queuedBytes = 0;

  constructor(stream: SendStream, limits: QueueLimits) {
    this.stream = stream;
    this.limits = limits;
  }

  /** Bytes not yet given to the stream, headers included. */
  get bytes(): number {
    return this.queuedBytes;
  }

  get count(): number {
    return this.frames.length - this.head;
  }

  /** False when the queue is full: the frame was not taken. */
  push(frame: Uint8Array): boolean {
    const size = frame.length + HEADER_BYTES;
    if (this.count >= this.limits.maxFrames || this.queuedBytes + size > this.limits.maxBytes) return false;
    this.frames.push(frame);
    this.queuedBytes += size;
    return true;
  }

  /** Sends until the queue is empty or the stream is full. Throws what the stream throws (it is then dead). */
  flush(): void {
    while (this.queuedBytes > 0 && !this.stream.writableNeedsDrain && this.stream.writeBufferLength === 0) {
      if (!this.stream.send(this.take(MAX_SEND_BYTES))) return;
    }
  }

  clear(): void {
    this.frames = [];
    this.head = 0;
    this.sentOfFirst = 0;
    this.queuedBytes = 0;
  }

  private take(limit: number): Uint8Array {
    const out = new Uint8Array(Math.min(limit, this.queuedBytes));
    let offset = 0;
    while (offset < out.length) {
      const frame = this.frames[this.head] as Uint8Array;
      offset = this.copy(frame, out, offset);
      if (this.sentOfFirst < frame.length + HEADER_BYTES) break;
      this.drop();
    }
    this.queuedBytes -= out.length;
    return out;
  }

  /** Copies header and payload of the first frame from where it was left; returns the new offset in `out`. */
  private copy(frame: Uint8Array, out: Uint8Array, start: number): number {
    let offset = start;
    while (this.sentOfFirst < HEADER_BYTES && offset < out.length) {
      out[offset++] = frame.length >>> (8 * (HEADER_BYTES - 1 - this.sentOfFirst++));
    }
    if (this.sentOfFirst < HEADER_BYTES) return offset;
    const from = this.sentOfFirst - HEADER_BYTES;
    const end = Math.min(frame.length, from + out.length - offset);
    out.set(frame.subarray(from, end), offset);
    this.sentOfFirst += end - from;
    return offset + end - from;
  }

  private drop(): void {
    this.frames[this.head] = new Uint8Array(0);
    this.sentOfFirst = 0;
    this.head++;
    if (this.head === this.frames.length) {
      this.frames = [];
      this.head = 0;
    } else if (this.head > 1_024 && 2 * this.head > this.frames.length) {
      this.frames = this.frames.slice(this.head);
      this.head = 0;
    }
  }
}
