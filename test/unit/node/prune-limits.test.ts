import assert from 'node:assert/strict';
import { blockBase, headerBase, lowestNeeded, undoBase, undoBaseWithin } from '#node/prune-limits.ts';
import type { SnapshotInfo } from '#state/snapshot/archive.ts';

const yields = async (): Promise<void> => undefined;

describe('what is kept', () => {
  it('retain-height: a window that is equal to the height, one less, and one more', () => {
    const range = { base: 1, head: 100 };
    assert.equal(blockBase(range, 100, undefined), 1, 'equal: nothing goes');
    assert.equal(blockBase(range, 99, undefined), 2, 'one less: the first goes');
    assert.equal(blockBase(range, 101, undefined), 1, 'one more: nothing goes');
    assert.equal(blockBase(range, 0, undefined), 1, '0 keeps all');
    assert.equal(blockBase({ base: 40, head: 100 }, 0, undefined), 40, 'what is gone does not come back');
    assert.equal(blockBase({ base: 60, head: 100 }, 90, undefined), 60);
  });

  it('retain-height: never the last two heights', () => {
    assert.equal(blockBase({ base: 1, head: 100 }, 1, undefined), 99);
    assert.equal(undoBase({ base: 0, head: 100 }, 0), 99);
    assert.equal(blockBase({ base: 1, head: 1 }, 1, undefined), 1);
  });

  it('retain-height: nothing that a snapshot needs', () => {
    assert.equal(blockBase({ base: 1, head: 100 }, 10, 50), 50);
    assert.equal(blockBase({ base: 1, head: 100 }, 10, 99), 91);
    assert.equal(blockBase({ base: 60, head: 100 }, 10, 50), 60);
    const archive = (making: number | undefined, ...heights: number[]) => ({
      list: () => heights.map((height) => ({ height }) as SnapshotInfo),
      making,
    });
    assert.equal(lowestNeeded(archive(undefined, 80, 49)), 50);
    assert.equal(lowestNeeded(archive(undefined)), undefined);
    // Also while it is made: whoever begins with it asks for what follows it.
    assert.equal(lowestNeeded(archive(80)), 81);
  });

  it('keeps the state of so many heights before the head', () => {
    assert.equal(undoBase({ base: 0, head: 100 }, 100), 0);
    assert.equal(undoBase({ base: 0, head: 100 }, 99), 1);
    assert.equal(undoBase({ base: 0, head: 100 }, 101), 0);
  });

  it('keeps fewer where they take too many bytes, and the last two whatever they take', async () => {
    const range = { base: 10, head: 100 };
    const bytesUpTo = (height: number): number => height * 1_000;
    assert.equal(await undoBaseWithin(range, 90_000, bytesUpTo, yields), 10);
    assert.equal(await undoBaseWithin(range, 89_999, bytesUpTo, yields), 11);
    assert.equal(await undoBaseWithin(range, 20_000, bytesUpTo, yields), 80);
    assert.equal(await undoBaseWithin(range, 1, bytesUpTo, yields), 99);
  });

  it('keeps headers for as long as evidence counts, by height and by time, and the one before the blocks', () => {
    const params = { maxAgeNumBlocks: 10, maxAgeDurationNs: 50n, maxBytes: 1_000 };
    const timeOf = (height: number) => BigInt(height * 2);
    const now = { height: 100, time: 200n };
    // Both limits: 75 is 50 ns old, 74 is 52 ns old.
    assert.equal(headerBase({ headerBase: 1, base: 90 }, now, params, timeOf), 75);
    assert.equal(headerBase({ headerBase: 1, base: 60 }, now, params, timeOf), 59);
    assert.equal(headerBase({ headerBase: 80, base: 90 }, now, params, timeOf), 80);
    assert.equal(headerBase({ headerBase: 1, base: 90 }, now, { ...params, maxAgeNumBlocks: 95 }, timeOf), 5);
    assert.equal(headerBase({ headerBase: 1, base: 1 }, now, params, timeOf), 1);
    assert.equal(
      headerBase({ headerBase: 1, base: 90 }, now, params, () => undefined),
      1,
    );
  });
});
