import assert from 'node:assert/strict';
import fc from 'fast-check';
import { sha256 } from '#crypto/hash.browser.ts';
import { sha256Lanes } from '#crypto/sha256-lanes.ts';
import { concatBytes, toHex } from '#util/bytes.ts';

const BLOCK_BYTES = 64;

/** As SHA-256 pads: 0x80, zeros, and the length in bits. */
function padded(message: Uint8Array, blocks: number): Uint8Array {
  const out = new Uint8Array(blocks * BLOCK_BYTES);
  out.set(message);
  out[message.length] = 0x80;
  new DataView(out.buffer).setUint32(out.length - 4, message.length * 8);
  return out;
}

describe('sha256Lanes', () => {
  for (const blocks of [1, 2, 3]) {
    it(`hashes any number of messages of ${blocks} blocks as SHA-256 does, wherever the first begins`, () => {
      const message = fc.uint8Array({
        minLength: Math.max(0, (blocks - 1) * BLOCK_BYTES - 8),
        maxLength: blocks * BLOCK_BYTES - 9,
      });
      const output = new Uint8Array(12 * 32);
      fc.assert(
        fc.property(fc.array(message, { maxLength: 12 }), fc.nat(63), (messages, offset) => {
          const input = concatBytes(new Uint8Array(offset), ...messages.map((one) => padded(one, blocks)));
          sha256Lanes(output, input, offset, messages.length, blocks);
          for (const [i, one] of messages.entries()) {
            assert.equal(toHex(output.subarray(i * 32, i * 32 + 32)), toHex(sha256(one)));
          }
        }),
      );
    });
  }

  it('hashes more than fit its memory at once', () => {
    const messages = Array.from({ length: 1_200 }, (_, i) => Uint8Array.of(i >> 8, i));
    const output = new Uint8Array(messages.length * 32);
    sha256Lanes(output, concatBytes(...messages.map((one) => padded(one, 1))), 0, messages.length, 1);
    for (const [i, one] of messages.entries()) {
      assert.equal(toHex(output.subarray(i * 32, i * 32 + 32)), toHex(sha256(one)));
    }
  });
});
