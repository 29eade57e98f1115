import assert from 'node:assert/strict';
import { bech32 } from '@scure/base';
import fc from 'fast-check';
import { accountAddress, decodeAddress, decodeBech32, encodeBech32, validatorAddress } from '#crypto/address.ts';
import { fromHex, toHex } from '#util/bytes.ts';

const badAddress = { name: 'BizraError', code: 'bad_address' };

describe('addresses', () => {
  it('of secp256k1 and ed25519 keys', () => {
    const key = fromHex('034f04181eeba35391b858633a765c4a0c189697b40d216354d50890d350c70290');
    const address = accountAddress(key);
    assert.equal(encodeBech32('cosmos', address), 'cosmos1pkptre7fdkl6gfrzlesjjvhxhlc3r4gmmk8rs6');
    assert.equal(toHex(validatorAddress({ type: 'secp256k1', bytes: key })), toHex(address));
    // From the recorded chain: the first validator.
    const bytes = new Uint8Array(Buffer.from('0iiPzQ9YDIlbB2RHAwdBX2diZUU9RkXWp0NqYFTD7nU=', 'base64'));
    assert.equal(toHex(validatorAddress({ type: 'ed25519', bytes })), '574db70cd44fbe3a6b3c7af827495c5443a53c47');
  });

  it('bech32 equals @scure/base in both directions', () => {
    const prefix = fc.constantFrom('bizra', 'cosmos', 'bizravaloper', 'a', 'b1c');
    fc.assert(
      fc.property(prefix, fc.uint8Array({ minLength: 1, maxLength: 32 }), (hrp, bytes) => {
        const text = encodeBech32(hrp, bytes);
        assert.equal(text, bech32.encode(hrp, bech32.toWords(bytes)));
        const decoded = decodeBech32(text);
        assert.equal(decoded.prefix, hrp);
        assert.deepEqual(decoded.bytes, bytes);
        assert.deepEqual(decodeBech32(text.toUpperCase()), decoded);
      }),
    );
  });

  it('bech32 agrees with @scure/base on altered texts', () => {
    const text = 'bizra1pkptre7fdkl6gfrzlesjjvhxhlc3r4gmxxxxxx';
    const valid = encodeBech32('bizra', new Uint8Array(20).fill(9));
    const verdict = (run: () => unknown): boolean => {
      try {
        run();
        return true;
      } catch {
        return false;
      }
    };
    fc.assert(
      fc.property(fc.nat(valid.length - 1), fc.constantFrom(...'qpzry9xQ1bio~ é'), (index, char) => {
        const altered = valid.slice(0, index) + char + valid.slice(index + 1);
        const expected = verdict(() => bech32.decodeToBytes(altered));
        assert.equal(
          verdict(() => decodeBech32(altered)),
          expected,
          altered,
        );
      }),
      { numRuns: 1000 },
    );
    assert.throws(() => decodeBech32(text), badAddress);
  });

  it('refuses bad texts with one short line', () => {
    const mixed = encodeBech32('bizra', new Uint8Array(20)).replace('bizra', 'Bizra');
    const nonZeroPadding = bech32.encode('bizra', [31, 31]);
    const wordTooMany = bech32.encode('bizra', [...bech32.toWords(new Uint8Array(20)), 0]);
    assert.throws(() => decodeBech32(wordTooMany), badAddress);
    for (const text of ['', '1', 'bizra', 'bizra1', '1qqqqqq', mixed, nonZeroPadding, 'x'.repeat(10_000)]) {
      assert.throws(
        () => decodeBech32(text),
        (error: Error & { code: string }) => error.code === 'bad_address' && error.message.length < 250,
        text,
      );
    }
  });

  it('has 20 or 32 bytes and the prefix that was asked for', () => {
    for (const length of [20, 32]) {
      const text = encodeBech32('bizra', new Uint8Array(length).fill(1));
      assert.equal(decodeAddress('bizra', text).length, length);
      assert.throws(() => decodeAddress('cosmos', text), badAddress);
    }
    for (const length of [1, 19, 21, 31, 33]) {
      assert.throws(() => decodeAddress('bizra', encodeBech32('bizra', new Uint8Array(length))), badAddress);
    }
  });
});
