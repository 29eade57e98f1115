import type { KeyValue, WriteBatch } from '#ports/key-value.ts';

/** Rows of one batch: a millisecond in LevelDB, behind which a block's batch may have to wait. */
const BATCH_ROWS = 1_000;

/** Writes a batch of so many rows, and may take its time over it. */
export type WriteRows = (rows: number, write: () => Promise<void>) => Promise<void>;

/**
 * Deletes many rows in small batches, not synced: after a power cut some of the last ones may be there again, so what
 * names them must be deleted behind them.
 */
export class SlicedDeletes {
  private readonly kv: KeyValue;
  private readonly write: WriteRows;
  private batch: WriteBatch | undefined;
  private written = 0;

  constructor(kv: KeyValue, write: WriteRows) {
    this.kv = kv;
    this.write = write;
  }

  /** Rows deleted or put so far. */
  get rows(): number {
    return this.written + (this.batch?.length ?? 0);
  }

  /** A promise to wait for when a batch is full. */
  delete(key: Uint8Array): Promise<void> | undefined {
    this.batch ??= this.kv.batch();
    this.batch.delete(key);
    return this.batch.length < BATCH_ROWS ? undefined : this.flush();
  }

  /** Goes into the batch of the deletes around it. */
  put(key: Uint8Array, value: Uint8Array): void {
    this.batch ??= this.kv.batch();
    this.batch.put(key, value);
  }

  async flush(): Promise<void> {
    const { batch } = this;
    if (batch === undefined) return;
    this.batch = undefined;
    this.written += batch.length;
    await this.write(batch.length, () => batch.write({ sync: false }));
  }
}
