import type { Block } from '#types/block.ts';

/** Clients and peers ask for the newest blocks again and again. */
const BLOCKS_MAX = 8;
/** Bytes of their transactions; in memory they take some twice as much. The last block is kept whatever it holds. */
const TX_BYTES_MAX = 1024 * 1024;

interface Kept {
  readonly block: Block;
  readonly txBytes: number;
}

/** Decoded blocks by height: those that were put or read last. */
export class RecentBlocks {
  /** From the least to the most recently used. */
  private readonly kept = new Map<number, Kept>();
  private txBytes = 0;

  get(height: number): Block | undefined {
    const found = this.kept.get(height);
    if (found === undefined) return undefined;
    this.kept.delete(height);
    this.kept.set(height, found);
    return found.block;
  }

  set(height: number, block: Block): void {
    this.drop(height);
    let txBytes = 0;
    for (const tx of block.txs) txBytes += tx.length;
    this.kept.set(height, { block, txBytes });
    this.txBytes += txBytes;
    for (const oldest of this.kept.keys()) {
      if (this.kept.size === 1 || (this.kept.size <= BLOCKS_MAX && this.txBytes <= TX_BYTES_MAX)) return;
      this.drop(oldest);
    }
  }

  private drop(height: number): void {
    this.txBytes -= this.kept.get(height)?.txBytes ?? 0;
    this.kept.delete(height);
  }
}
