import type { LightBlock } from '#types/light-block.ts';
import { assert } from '#util/assert.ts';

/** What a light client has verified. Whoever keeps it elsewhere answers for what is read back. */
export interface TrustedStore {
  latest(): Promise<LightBlock | undefined>;
  at(height: number): Promise<LightBlock | undefined>;
  /** The highest one below `height`. */
  before(height: number): Promise<LightBlock | undefined>;
  /** The lowest one above `height`. */
  after(height: number): Promise<LightBlock | undefined>;
  save(block: LightBlock): Promise<void>;
  /** Forgets all. */
  clear(): Promise<void>;
}

/** Blocks that are kept: as many as CometBFT's light client keeps. */
const MAX_BLOCKS = 1_000;

/** In memory; of more than `maxBlocks`, the lowest go first. */
export class MemoryTrustedStore implements TrustedStore {
  private readonly maxBlocks: number;
  private readonly blocks = new Map<number, LightBlock>();
  /** Ascending. */
  private readonly heights: number[] = [];

  constructor(options: { readonly maxBlocks?: number } = {}) {
    this.maxBlocks = options.maxBlocks ?? MAX_BLOCKS;
    assert(this.maxBlocks > 0, 'a store holds a block');
  }

  async latest(): Promise<LightBlock | undefined> {
    return this.block(this.heights.at(-1));
  }

  async at(height: number): Promise<LightBlock | undefined> {
    return this.blocks.get(height);
  }

  async before(height: number): Promise<LightBlock | undefined> {
    return this.block(this.heights[this.place(height) - 1]);
  }

  async after(height: number): Promise<LightBlock | undefined> {
    return this.block(this.heights[this.place(height + 1)]);
  }

  async save(block: LightBlock): Promise<void> {
    const { height } = block.header;
    if (!this.blocks.has(height)) this.heights.splice(this.place(height), 0, height);
    this.blocks.set(height, block);
    while (this.heights.length > this.maxBlocks) this.blocks.delete(this.heights.shift() as number);
  }

  async clear(): Promise<void> {
    this.blocks.clear();
    this.heights.length = 0;
  }

  private block(height: number | undefined): LightBlock | undefined {
    return height === undefined ? undefined : this.blocks.get(height);
  }

  /** Where `height` is, or would be, among the heights. */
  private place(height: number): number {
    let low = 0;
    let high = this.heights.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.heights[middle] as number) < height) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
