import assert from 'node:assert/strict';
import fc from 'fast-check';
import { ByteReader, ByteWriter, copyOf } from '#network/codec.ts';

describe('network codec', () => {
  it('reads back what was written', () => {
    const writer = new ByteWriter();
    writer.u8(255);
    writer.bool(true);
    writer.u32(0xffff_ffff);
    writer.u64(Number.MAX_SAFE_INTEGER);
    writer.bytes(Uint8Array.of(1, 2, 3));
    writer.bytes(new Uint8Array(5_000));
    writer.optional(undefined, () => undefined);
    writer.list([4, 5], (value) => writer.u8(value));
    const reader = new ByteReader(writer.finish());
    assert.equal(reader.u8(), 255);
    assert.equal(reader.bool(), true);
    assert.equal(reader.u32(), 0xffff_ffff);
    assert.equal(reader.u64(), Number.MAX_SAFE_INTEGER);
    assert.deepEqual(reader.bytes(3), Uint8Array.of(1, 2, 3));
    assert.equal(reader.bytes(5_000).length, 5_000);
    assert.equal(
      reader.optional(() => 1),
      undefined,
    );
    assert.deepEqual(
      reader.list(2, 1, () => reader.u8()),
      [4, 5],
    );
    reader.end();
  });

  it('refuses a length above the limit, and one above the bytes that are there', () => {
    const bytes = Uint8Array.of(0, 0, 0, 9, 1);
    assert.throws(() => new ByteReader(bytes).bytes(8), { code: 'too_large' });
    assert.throws(() => new ByteReader(bytes).bytes(9), { code: 'malformed' });
  });

  it('refuses a list that cannot fit before it reads an entry', () => {
    const bytes = Uint8Array.of(0xff, 0xff, 0xff, 0xff, 1, 2, 3);
    let read = 0;
    const list = (max: number) => new ByteReader(bytes).list(max, 1, () => read++);
    assert.throws(() => list(1_000), { code: 'too_large' });
    assert.throws(() => list(0xffff_ffff), { code: 'malformed' });
    assert.equal(read, 0);
  });

  it('refuses flags other than 0 and 1, heights above 2^53, rounds above 2^31, and trailing bytes', () => {
    assert.throws(() => new ByteReader(Uint8Array.of(2)).bool(), { code: 'malformed' });
    assert.throws(() => new ByteReader(new Uint8Array(8).fill(0xff)).u64(), { code: 'malformed' });
    assert.throws(() => new ByteReader(Uint8Array.of(0x80, 0, 0, 0)).int(), { code: 'malformed' });
    assert.throws(() => new ByteReader(Uint8Array.of(1)).end(), { code: 'malformed' });
  });

  it('copies out of Buffers, whose slice shares memory', () => {
    const buffer = Buffer.from([1, 2, 3, 4]);
    const copy = copyOf(buffer, 1, 3);
    buffer.fill(9);
    assert.deepEqual(copy, Uint8Array.of(2, 3));
    const reader = new ByteReader(Buffer.from([0, 0, 0, 1, 7]));
    assert.equal(reader.bytes(1).constructor, Uint8Array);
  });

  it('any integers and byte strings come back', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.maxSafeNat(), fc.uint8Array({ maxLength: 700 }))), (entries) => {
        const writer = new ByteWriter();
        writer.list(entries, ([height, bytes]) => {
          writer.u64(height);
          writer.bytes(bytes);
        });
        const reader = new ByteReader(writer.finish());
        const back = reader.list(entries.length, 12, () => [reader.u64(), reader.bytes(700)]);
        reader.end();
        assert.deepEqual(back, entries);
      }),
    );
  });
});
