import assert from 'node:assert/strict';
import { MemoryKeyValue } from '#storage/memory.ts';
import { MemoryFiles, type Survival } from '#storage/memory-files.ts';
import { MachineError } from '#util/errors.ts';

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const ALL: Survival = { end: (_path, unsynced) => unsynced, name: () => true };
const NAMES_ALONE: Survival = { end: () => bytes(), name: () => true };

describe('MemoryFiles: what a power cut leaves', () => {
  it('keeps what was synced, and of the rest what it is told to', async () => {
    const files = new MemoryFiles();
    const file = await files.openAppend('d/log');
    await file.append(bytes(1, 2));
    await file.sync();
    await file.append(bytes(3, 4));
    assert.deepEqual(await files.crash().read('d/log'), bytes(1, 2));
    assert.deepEqual(await files.crash({}, 1).read('d/log'), bytes(1, 2, 3));
    assert.deepEqual(await files.crash({}, ALL).read('d/log'), bytes(1, 2, 3, 4));
    const zeros: Survival = { ...ALL, end: (_path, unsynced) => unsynced.fill(0) };
    assert.deepEqual(await files.crash({}, zeros).read('d/log'), bytes(1, 2, 0, 0));
  });

  it('may keep a new name whose directory was not synced, or the old one', async () => {
    let step = '';
    const files = new MemoryFiles({
      beforeStep: (now) => {
        if (now === step) throw new Error('power cut');
      },
    });
    await files.replace('d/record', bytes(1));
    step = 'syncDirectory';
    await assert.rejects(files.replace('d/record', bytes(2)));
    assert.deepEqual(await files.crash().read('d/record'), bytes(1));
    assert.deepEqual(await files.crash({}, NAMES_ALONE).read('d/record'), bytes(2));
    await assert.rejects(files.remove('d/record'));
    assert.equal(await files.crash({}, NAMES_ALONE).read('d/record'), undefined);
    assert.deepEqual(await files.crash().read('d/record'), bytes(1));
  });

  it('may keep a name without its content, where the file was not synced before it was renamed', async () => {
    const files = new MemoryFiles({ neverSynced: () => true });
    await files.replace('d/record', bytes(1, 2));
    assert.deepEqual(await files.read('d/record'), bytes(1, 2));
    assert.deepEqual(await files.crash().read('d/record'), bytes());
  });

  it('loses what a failed sync left behind, although the next sync succeeds', async () => {
    let broken = false;
    const files = new MemoryFiles({
      beforeStep: (step) => {
        if (broken && step === 'sync') throw new MachineError('io_failed', 'EIO');
      },
    });
    const file = await files.openAppend('d/log');
    await file.append(bytes(1));
    broken = true;
    await assert.rejects(file.sync());
    broken = false;
    await file.append(bytes(2));
    await file.sync();
    assert.deepEqual(await files.read('d/log'), bytes(1, 2));
    assert.deepEqual(await files.crash().read('d/log'), bytes(0, 2));
  });

  it('writes in two parts: a process can die between them', async () => {
    const files = new MemoryFiles({
      beforeStep: (step) => {
        if (step === 'appendRest') throw new Error('killed');
      },
    });
    const file = await files.openAppend('d/log');
    await assert.rejects(file.append(bytes(1, 2, 3, 4)));
    assert.deepEqual(await files.read('d/log'), bytes(1, 2));
  });
});

describe('MemoryKeyValue: what a power cut leaves', () => {
  it('keeps synced batches, and of the others the first ones, whole', async () => {
    const build = async (): Promise<MemoryKeyValue> => {
      const kv = new MemoryKeyValue();
      for (const [value, sync] of [
        [1, true],
        [2, false],
        [3, false],
      ] as const) {
        const batch = kv.batch();
        batch.put(bytes(7), bytes(value));
        batch.put(bytes(value), bytes(value));
        await batch.write({ sync });
      }
      return kv;
    };
    for (const kept of [0, 1, 2]) {
      const kv = await build();
      assert.equal(kv.unsyncedBatches, 2);
      const survivor = kv.crash(kept);
      assert.deepEqual(survivor.get(bytes(7)), bytes(1 + kept));
      assert.equal(survivor.keys().length, 2 + kept);
      assert.equal(survivor.unsyncedBatches, 0);
    }
  });
});
