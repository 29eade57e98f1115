import assert from 'node:assert/strict';
import fc from 'fast-check';
import { FrameParser } from '#network/libp2p/frame-parser.ts';
import { FrameWriter, MAX_SEND_BYTES } from '#network/libp2p/frame-writer.ts';
import { bytesOf } from '../support/samples.ts';

/** Takes sends until it is told to be full, as a stream whose window is used up. */
class FakeStream {
  readonly sends: Uint8Array[] = [];
  writableNeedsDrain = false;
  writeBufferLength = 0;
  /** Sends that are still accepted with `true`. */
  room = Number.POSITIVE_INFINITY;

  send(bytes: Uint8Array): boolean {
    assert.equal(this.writableNeedsDrain, false, 'sent to a full stream');
    this.sends.push(bytes);
    this.room--;
    if (this.room > 0) return true;
    this.writableNeedsDrain = true;
    return false;
  }

  drain(room: number): void {
    this.room = room;
    this.writableNeedsDrain = false;
  }
}

const LIMITS = { maxBytes: 10_000_000, maxFrames: 10_000 };

function parse(chunks: readonly Uint8Array[], maxFrameBytes = 10_000_000): Uint8Array[] {
  const frames: Uint8Array[] = [];
  const parser = new FrameParser((frame) => void frames.push(frame), maxFrameBytes);
  for (const chunk of chunks) parser.push(chunk);
  return frames;
}

function write(frames: readonly Uint8Array[]): Uint8Array[] {
  const stream = new FakeStream();
  const writer = new FrameWriter(stream, LIMITS);
  for (const frame of frames) assert.equal(writer.push(frame), true);
  writer.flush();
  assert.equal(writer.bytes, 0);
  assert.equal(writer.count, 0);
  return stream.sends;
}

describe('frames', () => {
  it('any frames come back, in order, whatever the chunks are', () => {
    const frames = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 20 });
    fc.assert(
      fc.property(frames, fc.integer({ min: 1, max: 50 }), (sent, chunkBytes) => {
        const all = Buffer.concat(write(sent));
        const chunks: Uint8Array[] = [];
        for (let i = 0; i < all.length; i += chunkBytes) chunks.push(all.subarray(i, i + chunkBytes));
        assert.deepEqual(parse(chunks), sent);
      }),
    );
  });

  it('all frames of a flush leave in one send, large ones in sends of at most 256 KiB', () => {
    assert.equal(write(Array.from({ length: 1_000 }, () => bytesOf(200, 1))).length, 1);
    const large = [bytesOf(10, 1), bytesOf(700_000, 2), bytesOf(10, 3)];
    const sends = write(large);
    assert.equal(sends.length, 3);
    for (const send of sends) assert.ok(send.length <= MAX_SEND_BYTES);
    assert.deepEqual(parse(sends), large);
  });

  it('sends nothing to a full stream, and goes on where it stopped', () => {
    const stream = new FakeStream();
    stream.room = 1;
    const writer = new FrameWriter(stream, LIMITS);
    const frames = [bytesOf(400_000, 1), bytesOf(3, 2), bytesOf(300_000, 3)];
    for (const frame of frames) writer.push(frame);
    writer.flush();
    writer.flush();
    assert.equal(stream.sends.length, 1);
    stream.drain(1);
    writer.flush();
    assert.equal(stream.sends.length, 2);
    // libp2p still holds a rest of its own: more would grow its buffer.
    stream.drain(10);
    stream.writeBufferLength = 1;
    writer.flush();
    assert.equal(stream.sends.length, 2);
    stream.writeBufferLength = 0;
    writer.flush();
    assert.deepEqual(parse(stream.sends), frames);
  });

  it('the queue is bounded by bytes and by frames', () => {
    const byBytes = new FrameWriter(new FakeStream(), { maxBytes: 1_000, maxFrames: 100 });
    assert.equal(byBytes.push(bytesOf(996, 1)), true);
    assert.equal(byBytes.push(bytesOf(1, 1)), false);
    byBytes.flush();
    assert.equal(byBytes.push(bytesOf(996, 1)), true);
    const byFrames = new FrameWriter(new FakeStream(), { maxBytes: 1_000, maxFrames: 2 });
    assert.deepEqual(
      [1, 2, 3].map((value) => byFrames.push(Uint8Array.of(value))),
      [true, true, false],
    );
  });

  it('a length above the limit is refused at its header; the limit itself passes', () => {
    assert.equal(parse(write([bytesOf(100, 1)]), 100).length, 1);
    const parser = new FrameParser(() => assert.fail('a frame'), 100);
    assert.throws(() => parser.push(Uint8Array.of(0, 0, 0, 101)), { code: 'too_large' });
    // Stopped: what follows is not looked at.
    parser.push(bytesOf(1_000, 1));
  });

  it('a claimed length takes no memory before its bytes come', () => {
    const before = process.memoryUsage().arrayBuffers;
    const parsers = Array.from({ length: 20 }, () => new FrameParser(() => undefined, 50_000_000));
    for (const parser of parsers) parser.push(Uint8Array.of(2, 0, 0, 0, 1, 1, 1));
    assert.ok(process.memoryUsage().arrayBuffers - before < 1_000_000);
  });

  it('a large frame in single bytes costs its size, not an object a byte', () => {
    const frames: Uint8Array[] = [];
    const parser = new FrameParser((frame) => void frames.push(frame), 1_000_000);
    const [sent] = write([bytesOf(200_000, 7)]) as [Uint8Array];
    for (const byte of sent) parser.push(Uint8Array.of(byte));
    assert.deepEqual(frames, [bytesOf(200_000, 7)]);
  });

  it('what follows a hold waits for the release', () => {
    const frames: number[] = [];
    const parser = new FrameParser((frame) => {
      frames.push(frame[0] as number);
      if (frame[0] === 1) parser.hold();
    }, 100);
    const [sent] = write([Uint8Array.of(1), Uint8Array.of(2), Uint8Array.of(3)]) as [Uint8Array];
    parser.push(sent);
    for (const chunk of write([Uint8Array.of(4)])) parser.push(chunk);
    assert.deepEqual(frames, [1]);
    parser.release();
    assert.deepEqual(frames, [1, 2, 3, 4]);
  });

  it('frames do not share memory with the chunk, and are never Buffers', () => {
    const chunk = Buffer.concat(write([bytesOf(3, 5), bytesOf(3, 6)]));
    const frames = parse([chunk]);
    chunk.fill(0);
    assert.deepEqual(frames, [bytesOf(3, 5), bytesOf(3, 6)]);
    for (const frame of frames) assert.equal(frame.constructor, Uint8Array);
  });
});
