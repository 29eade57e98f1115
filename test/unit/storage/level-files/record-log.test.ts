import assert from 'node:assert/strict';
import { crc32c } from '#storage/crc32c.ts';
import { readLog } from '#storage/level-files/record-log.ts';
import { concatBytes } from '#util/bytes.ts';

const BLOCK = 32_768;

function masked(crc: number): number {
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

/** As LevelDB writes its logs. */
function logOf(records: readonly Uint8Array[]): Uint8Array {
  const pieces: Uint8Array[] = [];
  let size = 0;
  const add = (piece: Uint8Array): void => {
    pieces.push(piece);
    size += piece.length;
  };
  for (const record of records) {
    for (let at = 0, isFirst = true; isFirst || at < record.length; isFirst = false) {
      if (BLOCK - (size % BLOCK) < 7) add(new Uint8Array(BLOCK - (size % BLOCK)));
      const part = record.subarray(at, at + (BLOCK - (size % BLOCK)) - 7);
      at += part.length;
      const isLast = at === record.length;
      const fragment = new Uint8Array(7 + part.length);
      fragment[6] = isFirst ? (isLast ? 1 : 2) : isLast ? 4 : 3;
      fragment.set(part, 7);
      const view = new DataView(fragment.buffer);
      view.setUint16(4, part.length, true);
      view.setUint32(0, masked(crc32c(fragment, 6)), true);
      add(fragment);
    }
  }
  return concatBytes(...pieces);
}

const record = (length: number, seed: number) => Uint8Array.from({ length }, (_, i) => (i * seed) % 251);
const RECORDS = [record(20, 3), record(70_000, 7), record(0, 1), record(25_000, 5), record(9, 11), record(300, 13)];

describe('the records of a LevelDB log', () => {
  const log = logOf(RECORDS);

  it('come back as they were written, from any of them on', () => {
    assert.deepEqual(readLog(log), { records: RECORDS, next: log.length, end: 'whole' });
    const { next } = readLog(log.subarray(0, 27));
    const start = next - (next % BLOCK);
    assert.deepEqual(readLog(log.subarray(start), start, next).records, RECORDS.slice(1));
  });

  it('end in one that was never finished, wherever the writer was stopped', () => {
    for (let length = 0; length < log.length; length += length > log.length - 400 ? 1 : 97) {
      const { records, next, end } = readLog(log.subarray(0, length));
      assert.notEqual(end, 'damaged', `cut at ${length}`);
      assert.deepEqual(records, RECORDS.slice(0, records.length));
      assert.ok(next <= length);
    }
  });

  it('are damaged by each flipped bit, in the last record as well', () => {
    for (let at = 0; at < log.length; at += at > 27 + 7 && at < log.length - 400 ? 53 : 1) {
      for (const bit of [0, 3, 7]) {
        const flipped = log.slice();
        flipped[at] = (flipped[at] as number) ^ (1 << bit);
        const { records, end } = readLog(flipped);
        // Between records there are bytes that nobody reads.
        if (end === 'whole') assert.deepEqual(records, RECORDS, `byte ${at}`);
        else assert.equal(end, 'damaged', `byte ${at} bit ${bit}`);
      }
    }
  });

  it('a cut of power that leaves a sector unwritten is no damage', () => {
    const torn = log.slice();
    torn.fill(0, torn.length - (torn.length % 512));
    assert.equal(readLog(logOf([record(20, 3), record(2_000, 7)]).fill(0, 1024, 1536)).end, 'torn');
    assert.notEqual(readLog(torn).end, 'whole');
  });
});
