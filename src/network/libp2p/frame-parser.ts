import { copyOf } from '../codec.ts';
import { tooLarge } from '../errors.ts';

const HEADER_BYTES = 4;
/** First buffer of a frame that did not arrive whole; it doubles as bytes come, so a claimed length alone costs nothing. */
const FIRST_BUFFER_BYTES = 4_096;

/**
 * Cuts a byte stream into frames: u32 length (big endian), then that many bytes. Chunks may have any boundaries.
 * `stop` ends parsing for good, `hold` keeps what follows until `release`.
 */
export class FrameParser {
  /** Largest frame accepted; may be raised after a hello. */
  maxFrameBytes: number;
  private readonly onFrame: (frame: Uint8Array) => void;
  private readonly header = new Uint8Array(HEADER_BYTES);
  private headerHave = 0;
  private length = 0;
  private body: Uint8Array | undefined;
  private bodyHave = 0;
  private held: Uint8Array[] | undefined;
  private stopped = false;

  constructor(onFrame: (frame: Uint8Array) => void, maxFrameBytes: number) {
    this.onFrame = onFrame;
    this.maxFrameBytes = maxFrameBytes;
  }

  /** Throws NetworkError `too_large` as soon as a header announces too much; the parser is then stopped. */
  push(chunk: Uint8Array): void {
    let offset = 0;
    while (offset < chunk.length && !this.stopped) {
      if (this.held !== undefined) {
        this.held.push(copyOf(chunk, offset, chunk.length));
        return;
      }
      offset = this.step(chunk, offset);
    }
  }

  hold(): void {
    this.held ??= [];
  }

  release(): void {
    const chunks = this.held;
    this.held = undefined;
    for (const chunk of chunks ?? []) this.push(chunk);
  }

  stop(): void {
    this.stopped = true;
    this.held = undefined;
    this.body = undefined;
  }

  private step(chunk: Uint8Array, offset: number): number {
    if (this.headerHave < HEADER_BYTES) return this.readHeader(chunk, offset);
    return this.readBody(chunk, offset);
  }

  private readHeader(chunk: Uint8Array, start: number): number {
    let offset = start;
    while (this.headerHave < HEADER_BYTES && offset < chunk.length) {
      this.header[this.headerHave++] = chunk[offset++] as number;
    }
    if (this.headerHave < HEADER_BYTES) return offset;
    const [a, b, c, d] = this.header as unknown as [number, number, number, number];
    this.length = a * 0x1000000 + (b << 16) + (c << 8) + d;
    if (this.length > this.maxFrameBytes) {
      this.stop();
      throw tooLarge(`frame of ${this.length} bytes, at most ${this.maxFrameBytes} are allowed`);
    }
    if (this.length === 0) this.finish(new Uint8Array(0));
    return offset;
  }

  private readBody(chunk: Uint8Array, offset: number): number {
    const wanted = this.length - this.bodyHave;
    const end = Math.min(chunk.length, offset + wanted);
    if (this.body === undefined && end - offset === this.length) {
      // The usual case: the frame is whole in this chunk. Copied, since the chunk's buffer is the transport's.
      this.finish(copyOf(chunk, offset, end));
      return end;
    }
    const have = this.bodyHave + (end - offset);
    this.grow(have);
    (this.body as Uint8Array).set(chunk.subarray(offset, end), this.bodyHave);
    this.bodyHave = have;
    if (have === this.length) this.finish((this.body as Uint8Array).subarray(0, have));
    return end;
  }

  private grow(have: number): void {
    const size = this.body?.length ?? 0;
    if (have <= size) return;
    const grown = new Uint8Array(Math.min(this.length, Math.max(have, 2 * size, FIRST_BUFFER_BYTES)));
    if (this.body !== undefined) grown.set(this.body.subarray(0, this.bodyHave));
    this.body = grown;
  }

  private finish(frame: Uint8Array): void {
    this.headerHave = 0;
    this.body = undefined;
    this.bodyHave = 0;
    this.onFrame(frame);
  }
}
