import { deepEqual, equal, ok, throws } from 'node:assert/strict';
import { AssertionError, assert, unreachable } from '#util/assert.ts';
import {
  compareBytes,
  concatBytes,
  equalBytes,
  fromHex,
  fromLatin1,
  toHex,
  toLatin1,
  uint64BytesBE,
} from '#util/bytes.ts';
import { BizraError } from '#util/errors.ts';
import { seededRandom } from '../../support/seeded-random.ts';

const bytes = (...values: number[]): Uint8Array => new Uint8Array(values);

describe('bytes', () => {
  it('compares as unsigned, a prefix first, in agreement with Buffer', () => {
    const random = seededRandom(3);
    const some = Array.from({ length: 60 }, () =>
      Uint8Array.from({ length: Math.floor(random() * 4) }, () => Math.floor(random() * 3) * 127),
    );
    for (const a of some) {
      for (const b of some) {
        equal(Math.sign(compareBytes(a, b)), Buffer.compare(a, b));
        equal(equalBytes(a, b), Buffer.compare(a, b) === 0);
      }
    }
  });

  it('turns into hex and latin1, and back', () => {
    const all = Uint8Array.from({ length: 256 }, (_, i) => i);
    equal(toHex(all), Buffer.from(all).toString('hex'));
    deepEqual(fromHex(toHex(all).toUpperCase()), all);
    equal(toLatin1(all), Buffer.from(all).toString('latin1'));
    deepEqual(fromLatin1(toLatin1(all)), all);
    for (const length of [0, 1, 4_095, 4_096, 4_097, 200_000]) {
      const long = Uint8Array.from({ length }, (_, i) => i % 251);
      equal(toLatin1(long), Buffer.from(long).toString('latin1'));
    }
    for (const text of ['0', '0g', 'zz', '0x00', ' 00']) throws(() => fromHex(text), SyntaxError);
  });

  it('joins into a new array, and writes big-endian numbers', () => {
    const part = bytes(1, 2);
    const joined = concatBytes(part, bytes(), bytes(3));
    part[0] = 9;
    deepEqual(joined, bytes(1, 2, 3));
    deepEqual(uint64BytesBE(2n ** 63n + 258n), bytes(128, 0, 0, 0, 0, 0, 1, 2));
  });
});

describe('assert and errors', () => {
  it('throws with the message, and never for what holds', () => {
    assert(true, 'no');
    throws(() => assert(0, 'must hold'), { name: 'AssertionError', message: 'must hold' });
    throws(() => unreachable('x' as never), AssertionError);
  });

  it('carries a code and a cause', () => {
    const cause = new Error('below');
    const error = new BizraError('full', 'the disk is full', { cause });
    deepEqual([error.code, error.message, error.cause], ['full', 'the disk is full', cause]);
    ok(error instanceof Error && error.name === 'BizraError');
  });
});
