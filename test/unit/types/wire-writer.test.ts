import assert from 'node:assert/strict';
import { ExecTxResult } from 'cosmjs-types/tendermint/abci/types';
import { Header as ProtoHeader } from 'cosmjs-types/tendermint/types/types';
import fc from 'fast-check';
import { encodeHeader } from '#types/header.ts';
import { decodeTxResult, encodeTxResult, type TxResult } from '#types/results.ts';
import { toTimestamp } from '#types/time.ts';
import { Reader, readMessage } from '#types/wire.ts';
import { encodeWith, Writer } from '#types/wire-writer.ts';
import { toHex } from '#util/bytes.ts';
import { makeHeader } from './fixtures.ts';

function readInteger(bytes: Uint8Array): bigint {
  const reader = new Reader(bytes, 'test');
  let value = 0n;
  readMessage(reader, (field) => {
    value = reader.int64();
    return field === 1;
  });
  return value;
}

describe('wire writer', () => {
  it('keeps every 64-bit integer, 2^31 to 2^32 included', () => {
    const edges = [0n, 1n, 127n, 128n, 2n ** 31n - 1n, 2n ** 31n, 3_000_000_000n, 2n ** 32n - 1n, 2n ** 32n].concat([
      2n ** 53n - 1n,
      2n ** 53n,
      2n ** 62n,
      2n ** 63n - 1n,
      -1n,
      -(2n ** 31n),
      -(2n ** 63n),
    ]);
    for (const value of edges) assert.equal(readInteger(encodeWith((writer) => writer.integer(1, value))), value);
    assert.equal(toHex(encodeWith((writer) => writer.integer(1, 3_000_000_000n))), '0880bcc1960b');
    assert.equal(toHex(encodeWith((writer) => writer.integer(1, -1n))), '08ffffffffffffffffff01');
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
        assert.equal(readInteger(encodeWith((writer) => writer.integer(1, value))), value);
      }),
    );
    fc.assert(
      fc.property(fc.nat(Number.MAX_SAFE_INTEGER), (value) => {
        assert.equal(readInteger(encodeWith((writer) => writer.number(1, value))), BigInt(value));
      }),
    );
  });

  it('refuses numbers that are not exact', () => {
    for (const value of [-1, 0.5, 2 ** 53, Number.NaN]) {
      assert.throws(() => new Writer().number(1, value), { name: 'AssertionError' });
    }
  });

  it('makes room for lengths of one to four bytes, and for growth', () => {
    for (const length of [0, 1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152]) {
      const inner = new Uint8Array(length).fill(7);
      const bytes = encodeWith((writer) =>
        writer.message(1, (nested) => nested.message(2, (it) => it.bytes(3, inner))),
      );
      const outer = new Reader(bytes, 'test');
      assert.equal(outer.tag(), 1);
      const read = outer.message((first) => {
        assert.equal(first.tag(), 2);
        return first.message((second) => {
          if (length === 0) return new Uint8Array(0);
          assert.equal(second.tag(), 3);
          return second.bytes({ max: length });
        });
      });
      assert.deepEqual(read, inner);
      assert.ok(outer.done);
    }
  });

  it('keeps a short message that ends where the memory does', () => {
    const size = 64;
    for (let before = 0; before < size; before++) {
      const writer = new Writer(size);
      writer.entry(1, new Uint8Array(before).fill(7));
      writer.string(2, 'ab');
      writer.message(3, (nested) => nested.number(1, 5));
      const bytes = toHex(writer.finish());
      assert.ok(bytes.endsWith('120261621a020805'), `${before} bytes before: ${bytes.slice(-20)}`);
    }
  });

  it('equals cosmjs-types where that is right', () => {
    const header = makeHeader();
    assert.equal(
      toHex(encodeHeader(header)),
      toHex(ProtoHeader.encode({ ...header, height: BigInt(header.height), time: toTimestamp(header.time) }).finish()),
    );
  });

  it('equals cosmjs-types on results, and reads them back', () => {
    const text = fc.string({ unit: 'binary', maxLength: 300 });
    const gas = fc.bigInt({ min: 0n, max: 2n ** 31n - 1n });
    const attribute = fc.record({ key: text, value: text, index: fc.boolean() });
    const event = fc.record({ type: text, attributes: fc.array(attribute, { maxLength: 4 }) });
    const arbitrary: fc.Arbitrary<TxResult> = fc.record({
      code: fc.nat(1000),
      data: fc.uint8Array({ maxLength: 200 }),
      log: text,
      info: text,
      gasWanted: gas,
      gasUsed: gas,
      events: fc.array(event, { maxLength: 4 }),
      codespace: text,
    });
    fc.assert(
      fc.property(arbitrary, (generated) => {
        const result = structuredClone(generated); // with ordinary prototypes
        const bytes = encodeTxResult(result);
        const events = result.events.map(({ type, attributes }) => ({ type, attributes: [...attributes] }));
        assert.equal(toHex(bytes), toHex(ExecTxResult.encode({ ...result, events }).finish()));
        assert.deepEqual(decodeTxResult(bytes), result);
      }),
      { numRuns: 100 },
    );
  });
});
