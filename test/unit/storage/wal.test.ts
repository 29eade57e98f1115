import assert from 'node:assert/strict';
import fc from 'fast-check';
import { MemoryFiles } from '#storage/memory-files.ts';
import { Wal } from '#storage/wal.ts';
import { RECORD_HEADER_BYTES } from '#storage/wal-format.ts';
import { BizraError, MachineError } from '#util/errors.ts';

const DIRECTORY = '/home/data/wal';
const SEGMENT = `${DIRECTORY}/wal-0000000001`;
const record = (byte: number, length = 20) => new Uint8Array(length).fill(byte);

async function written(files: MemoryFiles, records: readonly Uint8Array[]): Promise<Wal> {
  const wal = await Wal.open(files, DIRECTORY);
  await Promise.all(records.map((bytes) => wal.append(bytes)));
  await wal.sync();
  return wal;
}

describe('Wal', () => {
  it('returns all synced records in order after a power cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { maxLength: 4 }), { maxLength: 5 }),
        async (turns) => {
          const files = new MemoryFiles();
          const wal = await Wal.open(files, DIRECTORY);
          for (const turn of turns) {
            for (const bytes of turn) void wal.append(bytes);
            await wal.sync();
          }
          const again = await Wal.open(files.crash(), DIRECTORY);
          assert.deepEqual(again.records, turns.flat());
          assert.equal(again.tornBytes, 0);
          assert.equal(again.damage, undefined);
        },
      ),
    );
  });

  it('reused-buffer-views: takes a copy of the record', async () => {
    const files = new MemoryFiles();
    const wal = await Wal.open(files, DIRECTORY);
    const bytes = record(1);
    const done = wal.append(bytes);
    bytes.fill(9);
    await done;
    await wal.sync();
    assert.deepEqual((await Wal.open(files.crash(), DIRECTORY)).records, [record(1)]);
  });

  it('writes the records of one turn at once', async () => {
    let appends = 0;
    const files = new MemoryFiles({
      beforeStep: (step) => {
        if (step === 'append') appends++;
      },
    });
    await written(files, [record(1), record(2), record(3)]);
    assert.equal(appends, 1);
  });

  it('R15: cuts a tail torn at any byte, reports it, and goes on', async () => {
    for (let torn = 1; torn < RECORD_HEADER_BYTES + 20; torn++) {
      const files = new MemoryFiles();
      const wal = await written(files, [record(1), record(2)]);
      await wal.append(record(3));
      const survivor = files.crash({}, torn);
      const again = await Wal.open(survivor, DIRECTORY);
      assert.deepEqual(again.records, [record(1), record(2)]);
      assert.equal(again.tornBytes, torn);
      assert.equal(again.damage, undefined);
      await again.append(record(4));
      await again.sync();
      assert.deepEqual((await Wal.open(survivor.crash(), DIRECTORY)).records, [record(1), record(2), record(4)]);
    }
  });

  it('R15: takes zeros behind the last record for a torn tail', async () => {
    const files = new MemoryFiles();
    await written(files, [record(1)]);
    files.corrupt(SEGMENT, (bytes) => Uint8Array.from([...bytes, ...new Uint8Array(100)]));
    const again = await Wal.open(files, DIRECTORY);
    assert.deepEqual(again.records, [record(1)]);
    assert.equal(again.tornBytes, 100);
    assert.equal(again.damage, undefined);
  });

  it('R15: reports every flipped bit that has a good record behind it, and keeps the file', async () => {
    const size = RECORD_HEADER_BYTES + 20;
    for (let bit = 0; bit < 2 * size * 8; bit++) {
      const files = new MemoryFiles();
      await written(files, [record(1), record(2), record(3)]);
      files.corrupt(SEGMENT, (bytes) => {
        bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
        return bytes;
      });
      const again = await Wal.open(files, DIRECTORY);
      const intact = Math.floor(bit / 8 / size);
      assert.deepEqual(again.records, [record(1), record(2)].slice(0, intact));
      assert.deepEqual(again.damage, { offset: intact * size, size: 3 * size }, `bit ${bit}`);
      assert.equal(again.size, 3 * size);
    }
  });

  it('R15: stays damaged over restarts until the height is decided', async () => {
    const files = new MemoryFiles();
    await written(files, [record(1), record(2)]);
    files.corrupt(SEGMENT, (bytes) => bytes.fill(0xee, 10, 12));
    const first = await Wal.open(files, DIRECTORY);
    await first.append(record(3));
    await first.sync();
    const second = await Wal.open(files.crash(), DIRECTORY);
    assert.notEqual(second.damage, undefined);
    await second.rotate();
    assert.equal(second.damage, undefined);
  });

  it('forgets earlier heights when it is rotated, at whatever step the power fails', async () => {
    const steps: string[] = [];
    const counting = new MemoryFiles({ beforeStep: (step) => steps.push(step) });
    await (await written(counting, [record(1)])).rotate();
    for (let crashAt = 1; crashAt <= steps.length; crashAt++) {
      let step = 0;
      const files = new MemoryFiles({
        beforeStep: () => {
          step++;
          if (step === crashAt) throw new Error('power cut');
        },
      });
      await assert.rejects(async () => (await written(files, [record(1)])).rotate(), /power cut/);
      const survivor = files.crash();
      const again = await Wal.open(survivor, DIRECTORY);
      assert.ok(again.records.length <= 1 && again.damage === undefined);
      await again.append(record(2));
      await again.sync();
      assert.deepEqual((await Wal.open(survivor.crash(), DIRECTORY)).records.at(-1), record(2));
      assert.equal((await survivor.list(DIRECTORY)).length, 1);
    }
  });

  it('R15: what a failed sync left in the memory of the system alone is written again at the next start', async () => {
    let broken = false;
    const files = new MemoryFiles({
      beforeStep: (step) => {
        if (broken && step === 'sync') throw new MachineError('io_failed', 'EIO');
      },
    });
    const wal = await written(files, [record(1)]);
    await wal.append(record(2));
    broken = true;
    await assert.rejects(wal.sync(), { code: 'io_failed' });
    broken = false;
    // The next process reads the record, and could sync it with success; the disk does not have it.
    const again = await Wal.open(files, DIRECTORY);
    assert.deepEqual(again.records, [record(1), record(2)]);
    await again.append(record(3));
    await again.sync();
    const afterPowerCut = await Wal.open(files.crash(), DIRECTORY);
    assert.equal(afterPowerCut.damage, undefined);
    assert.deepEqual(afterPowerCut.records, [record(1), record(2), record(3)]);
  });

  it('R15: refuses everything after a failed sync', async () => {
    let broken = false;
    const files = new MemoryFiles({
      beforeStep: (step) => {
        if (broken && step === 'sync') throw new BizraError('io_failed', 'EIO');
      },
    });
    const wal = await written(files, [record(1)]);
    broken = true;
    await wal.append(record(2));
    await assert.rejects(wal.sync(), { code: 'io_failed' });
    broken = false;
    await assert.rejects(wal.append(record(3)), { code: 'io_failed' });
    await assert.rejects(wal.sync(), { code: 'io_failed' });
    await assert.rejects(wal.rotate(), { code: 'io_failed' });
  });
});
