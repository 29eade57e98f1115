import type { KeyValue, WriteBatch } from '#ports/key-value.ts';
import { assert } from '#util/assert.ts';
import { decodeHeight, encodeHeight, ROW, rowKey, singleKey } from './block-rows.ts';
import { checkedValue } from './checksummed.ts';

/**
 * What a block store holds: whole heights from `base` to `head`, and of those from `headerBase` to `base` the header
 * rows. What was put into a batch counts from the moment in which the batch shows in the database.
 */
export class BlockRanges {
  private readonly kv: KeyValue;
  /** Last height that was seen in the database. */
  private visibleHead: number;
  /** Last height that was put into a batch, which may still be on its way. */
  private putHead: number;
  private baseHeight: number;
  /** As with the head, but downwards. */
  private visibleHeaderBase: number;
  private putHeaderBase: number;
  /** Blocks below this height are deleted, those from it to the base are to be. */
  sweptBlocks: number;

  constructor(kv: KeyValue) {
    this.kv = kv;
    this.visibleHead = this.read(ROW.head);
    this.putHead = this.visibleHead;
    this.baseHeight = this.read(ROW.base);
    // Stores of before there was pruning have no such row.
    this.visibleHeaderBase = this.read(ROW.headerBase) || this.baseHeight;
    this.putHeaderBase = this.visibleHeaderBase;
    this.sweptBlocks = this.read(ROW.sweptBlocks) || this.baseHeight;
  }

  get head(): number {
    // Not by the block's rows: after a rollback they are there before the height is. On the way of each block; an older
    // head, which is all that damage could give, is what it was a moment ago.
    if (this.visibleHead < this.putHead) this.visibleHead = Math.max(this.visibleHead, this.read(ROW.head, true));
    return this.visibleHead;
  }

  get base(): number {
    return this.head === 0 ? 0 : this.baseHeight;
  }

  get headerBase(): number {
    if (this.visibleHeaderBase > this.putHeaderBase && this.shows(this.putHeaderBase)) {
      this.visibleHeaderBase = this.putHeaderBase;
    }
    return this.head === 0 ? 0 : this.visibleHeaderBase;
  }

  putNextHead(batch: WriteBatch, height: number): void {
    assert(this.putHead === 0 || height === this.putHead + 1, 'heights are stored in order');
    batch.put(singleKey(ROW.head), encodeHeight(height));
    if (this.putHead === 0) this.putFirst(batch, height, height);
    // The height before was written: its batch comes first.
    this.visibleHead = this.putHead;
    this.putHead = height;
  }

  /** The store begins at `head` with header rows alone: the first whole height is the next one. */
  putSeed(batch: WriteBatch, head: number): void {
    assert(this.putHead === 0, 'only an empty store is seeded');
    batch.put(singleKey(ROW.head), encodeHeight(head));
    this.putFirst(batch, head + 1, head);
    this.putHead = head;
  }

  putLowerHeader(batch: WriteBatch, height: number): void {
    assert(this.putHead > 0 && height === this.putHeaderBase - 1, 'header rows are added downwards, without a gap');
    batch.put(singleKey(ROW.headerBase), encodeHeight(height));
    this.visibleHeaderBase = this.putHeaderBase;
    this.putHeaderBase = height;
  }

  /** Nobody reads below these heights any more: at once here, for good when it resolves. */
  async raise(base: number, headerBase: number): Promise<void> {
    assert(base >= this.base && headerBase >= this.headerBase, 'what is forgotten stays so');
    assert(
      headerBase <= base && base <= Math.max(this.head, this.base),
      'headers stay as long as blocks, and the head',
    );
    this.baseHeight = base;
    this.visibleHeaderBase = headerBase;
    this.putHeaderBase = headerBase;
    const batch = this.kv.batch();
    batch.put(singleKey(ROW.base), encodeHeight(base));
    batch.put(singleKey(ROW.headerBase), encodeHeight(headerBase));
    await batch.write({ sync: true });
  }

  /** A height that stands alone in its row; 0 without the row. */
  read(kind: number, unverified = false): number {
    const key = singleKey(kind);
    const record = this.kv.get(key, { unverified });
    return record === undefined ? 0 : decodeHeight(checkedValue(record, key, 'height of the block store'));
  }

  private putFirst(batch: WriteBatch, base: number, headerBase: number): void {
    batch.put(singleKey(ROW.base), encodeHeight(base));
    batch.put(singleKey(ROW.headerBase), encodeHeight(headerBase));
    batch.put(singleKey(ROW.sweptBlocks), encodeHeight(base));
    this.baseHeight = base;
    this.visibleHeaderBase = headerBase;
    this.putHeaderBase = headerBase;
    this.sweptBlocks = base;
  }

  private shows(height: number): boolean {
    return this.kv.get(rowKey(ROW.meta, height)) !== undefined;
  }
}
