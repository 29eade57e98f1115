import assert from 'node:assert/strict';
import fc from 'fast-check';
import { checkedValue, withChecksum } from '#storage/checksummed.ts';
import { crc32c } from '#storage/crc32c.ts';

/** Bit by bit, straight from the definition. */
function slowCrc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return ~crc >>> 0;
}

describe('crc32c', () => {
  it('gives the check values of RFC 3720 B.4', () => {
    assert.equal(crc32c(new TextEncoder().encode('123456789')), 0xe3069283);
    assert.equal(crc32c(new Uint8Array(32)), 0x8a9136aa);
    assert.equal(crc32c(new Uint8Array(32).fill(0xff)), 0x62a8ab43);
    assert.equal(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i)), 0x46dd794e);
  });

  it('equals the definition for any bytes, in one piece or in two', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(100), (bytes, cut) => {
        const at = Math.min(cut, bytes.length);
        assert.equal(crc32c(bytes), slowCrc32c(bytes));
        assert.equal(crc32c(bytes, at, bytes.length, crc32c(bytes, 0, at)), slowCrc32c(bytes));
      }),
    );
  });
});

describe('checksummed values', () => {
  const key = Uint8Array.of(0xab, 0xcd);

  it('come back as they were', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 50 }), (value) => {
        assert.deepEqual(checkedValue(withChecksum(value), key, 'row'), value);
      }),
    );
  });

  it('notice every flipped bit and every missing byte, and name the key', () => {
    const record = withChecksum(Uint8Array.of(1, 2, 3, 4, 5));
    const noticed = { code: 'damaged', message: /row under key abcd is damaged/ };
    for (let bit = 0; bit < record.length * 8; bit++) {
      const damaged = record.slice();
      damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7));
      assert.throws(() => checkedValue(damaged, key, 'row'), noticed);
    }
    for (let length = 0; length < record.length; length++) {
      assert.throws(() => checkedValue(record.slice(0, length), key, 'row'), noticed);
    }
  });
});
