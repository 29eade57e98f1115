import assert from 'node:assert/strict';
import fc from 'fast-check';
import * as portable from '#crypto/hash.browser.ts';
import * as native from '#crypto/hash.ts';
import { toHex } from '#util/bytes.ts';

const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('hashes', () => {
  for (const [name, hashes] of Object.entries({ native, portable })) {
    it(`${name}: published digests`, () => {
      const abc = ascii('abc');
      assert.equal(toHex(hashes.sha256(abc)), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
      assert.equal(toHex(hashes.ripemd160(abc)), '8eb208f7e05d987a9b044a8e98c6b087f15a0bfc');
    });
  }

  it('native and portable faces have the same exports and answers, across the switch at 256 bytes', () => {
    assert.deepEqual(Object.keys(native).sort(), Object.keys(portable).sort());
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
        assert.equal(toHex(native.sha256(bytes)), toHex(portable.sha256(bytes)));
        assert.equal(toHex(native.ripemd160(bytes)), toHex(portable.ripemd160(bytes)));
        const out = new Uint8Array(32);
        native.sha256Into(out, bytes);
        assert.equal(toHex(out), toHex(portable.sha256(bytes)));
      }),
    );
  });

  it('returns arrays of its own, never a Buffer', () => {
    for (const length of [0, 32, 5000]) {
      const digest = native.sha256(new Uint8Array(length));
      assert.equal(digest.constructor, Uint8Array);
      assert.equal(digest.buffer.byteLength, 32);
    }
    assert.equal(native.ripemd160(new Uint8Array(1)).constructor, Uint8Array);
  });
});
