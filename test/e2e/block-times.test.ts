import assert from 'node:assert/strict';
import { BlockTimes } from './support/block-times.ts';

/** Blocks at `everyMs`, from `fromMs` on. */
function add(times: BlockTimes, fromMs: number, everyMs: number, count: number): number {
  for (let i = 0; i < count; i++) times.add(i, fromMs + i * everyMs);
  return fromMs + count * everyMs;
}

describe('how the pace of a chain is measured', () => {
  it('is the pace of its blocks, wherever a window ends', () => {
    const times = new BlockTimes();
    add(times, 0, 300, 40);
    for (const windowMs of [1_000, 4_999, 5_000, 5_001]) {
      assert.ok(Math.abs((times.paceFrom(300, windowMs) ?? 0) - 1_000 / 300) < 1e-9, `${windowMs} ms`);
    }
  });

  it('is not known before a block came behind the window', () => {
    const times = new BlockTimes();
    add(times, 0, 300, 10);
    assert.equal(times.paceFrom(0, 2_701), undefined);
    assert.notEqual(times.paceFrom(0, 2_700), undefined);
  });

  it('comes back with the first block after which no slow one is left', () => {
    const times = new BlockTimes();
    const slowMs = add(times, 0, 300, 20);
    const fastMs = add(times, slowMs, 600, 10);
    add(times, fastMs, 300, 40);
    const backMs = times.reaches(3.3, slowMs, 5_000);
    assert.equal(backMs, fastMs);
  });

  it('stays away while blocks are slower than the goal', () => {
    const times = new BlockTimes();
    add(times, 0, 310, 100);
    assert.equal(times.reaches(3.3, 0, 5_000), undefined);
    assert.equal(times.reaches(3.2, 0, 5_000), 310);
  });
});
