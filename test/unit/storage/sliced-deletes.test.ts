import assert from 'node:assert/strict';
import { MemoryKeyValue } from '#storage/memory.ts';
import { SlicedDeletes } from '#storage/sliced-deletes.ts';

const MARK = Uint8Array.of(1);
const keyOf = (number: number): Uint8Array => Uint8Array.of(2, number >> 8, number & 0xff);

describe('SlicedDeletes', () => {
  it('never parts what is put from the delete behind it', async () => {
    for (let before = 990; before < 1_010; before++) {
      const kv = new MemoryKeyValue();
      const last = keyOf(before);
      const batch = kv.batch();
      for (let number = 0; number <= before; number++) batch.put(keyOf(number), MARK);
      await batch.write({ sync: true });
      let writes = 0;
      const deletes = new SlicedDeletes(kv, async (_rows, write) => {
        await write();
        writes += 1;
        assert.equal(kv.get(MARK) !== undefined, kv.get(last) === undefined, `${before} before, write ${writes}`);
      });
      for (let number = 0; number < before; number++) await deletes.delete(keyOf(number));
      deletes.put(MARK, MARK);
      deletes.put(Uint8Array.of(3), MARK);
      await deletes.delete(last);
      await deletes.flush();
      assert.ok(kv.get(last) === undefined && writes > 0);
      assert.equal(deletes.rows, before + 3);
    }
  });

  it('leaves the write to who gave way for it, with the number of its rows', async () => {
    const written: number[] = [];
    const deletes = new SlicedDeletes(new MemoryKeyValue(), async (rows, write) => {
      written.push(rows);
      await write();
    });
    for (let number = 0; number < 2_500; number++) await deletes.delete(keyOf(number));
    await deletes.flush();
    await deletes.flush();
    assert.deepEqual(written, [1_000, 1_000, 500]);
  });
});
