import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  formatTime,
  fromTimestamp,
  parseTime,
  readTimestamp,
  toTimestamp,
  writeTimestamp,
  ZERO_TIME,
} from '#types/time.ts';
import { Reader } from '#types/wire.ts';
import { encodeWith } from '#types/wire-writer.ts';
import { toHex } from '#util/bytes.ts';

const FIRST = ZERO_TIME;
const LAST = 253_402_300_799n * 1_000_000_000n + 999_999_999n;
const time = fc.bigInt({ min: FIRST, max: LAST });
const badTime = { name: 'BizraError', code: 'bad_time' };

describe('time', () => {
  it('formats and reads what Go writes', () => {
    const table: [string, bigint][] = [
      ['0001-01-01T00:00:00Z', ZERO_TIME],
      ['1970-01-01T00:00:00Z', 0n],
      ['1969-12-31T23:59:59.999999999Z', -1n],
      ['2026-11-20T12:29:49.247609954Z', 1_795_177_789_247_609_954n],
      ['2000-02-29T23:59:59.1Z', 951_868_799_100_000_000n],
      ['9999-12-31T23:59:59.999999999Z', LAST],
    ];
    for (const [text, value] of table) {
      assert.equal(formatTime(value), text);
      assert.equal(parseTime(text), value);
    }
  });

  it('agrees with Date, and keeps every nanosecond', () => {
    fc.assert(
      fc.property(time, (value) => {
        const text = formatTime(value);
        assert.equal(parseTime(text), value);
        const milliseconds = (value - (((value % 1_000_000n) + 1_000_000n) % 1_000_000n)) / 1_000_000n;
        const date = new Date(Number(milliseconds));
        assert.equal(text.slice(0, 19), date.toISOString().slice(0, 19));
        assert.equal(fromTimestamp(toTimestamp(value)), value);
        const bytes = encodeWith((writer) => writeTimestamp(writer, value));
        assert.equal(readTimestamp(new Reader(bytes, 'Timestamp')), value);
      }),
      { numRuns: 500 },
    );
  });

  it("writes Go's zero time and times after 2038", () => {
    assert.equal(toHex(encodeWith((writer) => writeTimestamp(writer, ZERO_TIME))), '088092b8c398feffffff01');
    const late = parseTime('2038-01-19T03:14:08Z');
    assert.equal(toHex(encodeWith((writer) => writeTimestamp(writer, late))), '088080808008');
  });

  it('reads offsets', () => {
    assert.equal(parseTime('2026-11-20T12:00:00+02:30'), parseTime('2026-11-20T09:30:00Z'));
    assert.equal(parseTime('2026-11-20T12:00:00-02:30'), parseTime('2026-11-20T14:30:00Z'));
  });

  it('refuses what is no time', () => {
    const bad = [
      '',
      '2026-11-20',
      '2026-11-20T12:00:00',
      '2026-11-20 12:00:00Z',
      '2026-13-01T00:00:00Z',
      '2026-00-01T00:00:00Z',
      '2026-02-29T00:00:00Z',
      '1900-02-29T00:00:00Z',
      '2026-04-31T00:00:00Z',
      '2026-01-00T00:00:00Z',
      '2026-01-01T24:00:00Z',
      '2026-01-01T00:60:00Z',
      '2026-01-01T00:00:60Z',
      '2026-01-01T00:00:00.Z',
      '2026-01-01T00:00:00.1234567890Z',
      '2026-01-01T00:00:00+24:00',
      '0000-12-31T00:00:00Z',
      '0001-01-01T00:00:00+01:00',
      '9999-12-31T23:59:59-01:00',
      `2026-01-01T00:00:00Z${'x'.repeat(1000)}`,
    ];
    for (const text of bad) {
      assert.throws(
        () => parseTime(text),
        (error: Error & { code?: string }) => error.code === 'bad_time' && error.message.length < 120,
        text,
      );
    }
  });

  it('refuses timestamps that Go refuses', () => {
    for (const seconds of [-62_135_596_801n, 253_402_300_800n, 2n ** 63n - 1n]) {
      assert.throws(() => fromTimestamp({ seconds, nanos: 0 }), badTime);
    }
    for (const nanos of [-1, 1_000_000_000, 0.5, Number.NaN]) {
      assert.throws(() => fromTimestamp({ seconds: 0n, nanos }), badTime);
    }
    assert.throws(() => formatTime(LAST + 1n), badTime);
    assert.throws(() => formatTime(FIRST - 1n), badTime);
  });
});
