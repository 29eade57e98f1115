import assert from 'node:assert/strict';
import { expandSnappy, readVarint } from '#storage/level-files/snappy.ts';

const text = (value: string) => new TextEncoder().encode(value);

describe('expanding Snappy', () => {
  it('takes literals, and copies of all three forms, which may overlap what they write', () => {
    assert.deepEqual(expandSnappy(Uint8Array.of(3, 2 << 2, ...text('abc'))), text('abc'));
    // One byte of offset: 4 to 11 bytes.
    assert.deepEqual(expandSnappy(Uint8Array.of(9, 2 << 2, ...text('abc'), (2 << 2) | 1, 3)), text('abcabcabc'));
    assert.deepEqual(expandSnappy(Uint8Array.of(7, 0, ...text('a'), (5 << 2) | 2, 1, 0)), text('aaaaaaa'));
    assert.deepEqual(expandSnappy(Uint8Array.of(7, 0, ...text('a'), (5 << 2) | 3, 1, 0, 0, 0)), text('aaaaaaa'));
    // The length of a literal in a byte of its own.
    const long = new Uint8Array(200).fill(9);
    assert.deepEqual(expandSnappy(Uint8Array.of(200, 1, 60 << 2, 199, ...long)), long);
  });

  it('refuses what is too short, too long, or copies from before the beginning', () => {
    for (const bytes of [
      [],
      [3, 2 << 2, 97],
      [2, 2 << 2, ...text('abc')],
      [4, 2 << 2, ...text('abc')],
      [5, 0, 97, (0 << 2) | 1, 2],
      [5, 0, 97, (0 << 2) | 1, 0],
      [0xff, 0xff, 0xff, 0xff, 0x7f, 0, 97],
    ]) {
      assert.equal(expandSnappy(Uint8Array.from(bytes)), undefined, String(bytes));
    }
  });

  it('reads numbers of up to 53 bits', () => {
    assert.deepEqual(readVarint(Uint8Array.of(0, 0xac, 2), 1), { value: 300, end: 3 });
    assert.equal(readVarint(Uint8Array.of(0xac), 0), undefined);
    assert.equal(readVarint(new Uint8Array(9).fill(0xff), 0), undefined);
  });
});
