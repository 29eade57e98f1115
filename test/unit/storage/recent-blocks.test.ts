import { equal } from 'node:assert/strict';
import { RecentBlocks } from '#storage/recent-blocks.ts';
import type { Block } from '#types/block.ts';

const blockOf = (...sizes: readonly number[]): Block =>
  ({ txs: sizes.map((size) => new Uint8Array(size)) }) as unknown as Block;

describe('recent blocks', () => {
  function keptOf(blocks: RecentBlocks, heights: number): number[] {
    return Array.from({ length: heights }, (_, i) => i + 1).filter((height) => blocks.get(height) !== undefined);
  }

  it('keeps eight small ones, those that were used last', () => {
    const blocks = new RecentBlocks();
    const first = blockOf(100);
    blocks.set(1, first);
    for (let height = 2; height <= 8; height++) blocks.set(height, blockOf(100));
    equal(blocks.get(1), first);
    blocks.set(9, blockOf(100));
    equal(keptOf(blocks, 9).join(), '1,3,4,5,6,7,8,9');
  });

  it('keeps as many as have a MiB of transactions together, and the last one whatever it has', () => {
    const blocks = new RecentBlocks();
    for (let height = 1; height <= 4; height++) blocks.set(height, blockOf(200_000, 200_000));
    equal(keptOf(blocks, 4).join(), '3,4');
    blocks.set(4, blockOf(5_000_000));
    equal(keptOf(blocks, 4).join(), '4');
    blocks.set(5, blockOf());
    equal(keptOf(blocks, 5).join(), '5');
    blocks.set(6, blockOf(1_000));
    equal(keptOf(blocks, 6).join(), '5,6');
  });
});
