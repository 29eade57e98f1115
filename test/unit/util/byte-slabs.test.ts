import assert from 'node:assert/strict';
import { ByteSlabs } from '#util/byte-slabs.ts';
import { seededRandom } from '../../support/seeded-random.ts';

describe('ByteSlabs', () => {
  it('keeps what each value was, whatever comes after it and becomes of the original', () => {
    const random = seededRandom(11);
    const slabs = new ByteSlabs({ slabBytes: 8 * 1024, copyMax: 1024 });
    const sizes = Array.from({ length: 500 }, (_, i) => (i % 50 === 0 ? 1_000 + i : 1 + (i % 200)));
    const values = sizes.map((size) => Uint8Array.from({ length: size }, () => random() * 256));
    const wanted = values.map((value) => value.slice());
    const copies = values.map((value) => slabs.copy(value));
    for (const value of values) value.fill(0);
    assert.deepEqual(copies, wanted);
  });

  it('puts small values into one buffer, and large ones into their own', () => {
    const slabs = new ByteSlabs({ slabBytes: 8 * 1024, copyMax: 1024 });
    const [first, second, large] = [100, 200, 5_000].map((size) => slabs.copy(new Uint8Array(size)));
    assert.equal(first?.buffer, second?.buffer);
    assert.equal(large?.buffer.byteLength, 5_000);
  });
});
