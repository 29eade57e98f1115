import type { KeyValue } from '#ports/key-value.ts';
import { changedKeysKey } from '#state/undo-rows.ts';
import { ROW, rowKey } from '#storage/block-rows.ts';
import { KEY_SPACE } from '#storage/key-space.ts';

/**
 * Bytes of deleted transactions after which the tables of their blocks and results are given back: with the results a few
 * of LevelDB's tables, so that the kept rows at the edge which are written again are few beside them.
 */
const TX_BYTES = 16 * 1024 * 1024;
/** An empty block with its list of changed keys, about. */
const EMPTY_HEIGHT_BYTES = 1_000;
/** Deleted rows after which one more part of the scattered ones is rewritten. */
const ROWS_PER_PART = 100_000;
/** Parts by the first byte of a hash. */
const HASH_BYTES = 256;

type Range = readonly [from: Uint8Array, to: Uint8Array];

/** Kinds of rows that begin with a hash, each with what stands before it. */
const HASHED = [[KEY_SPACE.indexes, 0x74], [KEY_SPACE.indexes, 0x76], [KEY_SPACE.blockHashes]] as const;

/** First heights that are kept, and how many are. */
export interface KeptHeights {
  readonly blockBase: number;
  readonly stateBase: number;
  readonly blocks: number;
  readonly states: number;
}

/** Rows deleted since they were compacted last. */
interface DeletedRows {
  rows: number;
  heights: number;
}

/**
 * Gives space back to the disk. LevelDB drops deleted rows when it happens to rewrite their files, and leaves files alone
 * that nothing new falls into. What is due begins beside the pruning, one compaction at a time; what is dead meanwhile is
 * at most as much as these bounds and once more what is alive.
 */
export class PruneCompaction {
  private readonly kv: KeyValue;
  private running: Promise<void> | undefined;
  private isStopped = false;
  private txBytes = 0;
  private blocksCompactedTo = 0;
  private listsCompactedTo = 0;
  private readonly blockRows: DeletedRows = { rows: 0, heights: 0 };
  private readonly undoRows: DeletedRows = { rows: 0, heights: 0 };
  /** Where the next part of the rows that begin with a hash begins. */
  private nextByte = 0;

  constructor(kv: KeyValue) {
    this.kv = kv;
  }

  /** One height's block went, with results and index rows. */
  blockDeleted(rows: number, txBytes: number): void {
    count(this.blockRows, rows);
    this.txBytes += txBytes + EMPTY_HEIGHT_BYTES;
  }

  /** One height's undo rows went. */
  stateDeleted(rows: number): void {
    count(this.undoRows, rows);
  }

  /** Begins what is due, unless something is under way. */
  begin(kept: KeptHeights, onError: (error: unknown) => void): void {
    if (this.running !== undefined || this.isStopped) return;
    const ranges = [...this.heightsDue(kept), ...this.hashedDue(kept), ...this.undoDue(kept)];
    if (ranges.length === 0) return;
    this.running = this.compact(ranges)
      .catch(onError)
      .finally(() => {
        this.running = undefined;
      });
  }

  /** Resolves when nothing is under way. */
  async whenDone(): Promise<void> {
    await this.running;
  }

  /** As `whenDone`; nothing begins any more, not even the next range of what is under way. */
  async stop(): Promise<void> {
    this.isStopped = true;
    await this.running;
  }

  async everything(): Promise<void> {
    await this.kv.compact(Uint8Array.of(0), Uint8Array.of(0xff));
  }

  private async compact(ranges: readonly Range[]): Promise<void> {
    for (const [from, to] of ranges) if (!this.isStopped) await this.kv.compact(from, to);
  }

  /** Kinds of rows that lie in the order of heights. */
  private heightsDue({ blockBase, stateBase }: KeptHeights): Range[] {
    if (this.txBytes < TX_BYTES) return [];
    this.txBytes = 0;
    const from = this.blocksCompactedTo;
    const ranges = [ROW.block, ROW.results].map((kind): Range => [rowKey(kind, from), rowKey(kind, blockBase)]);
    ranges.push([changedKeysKey(this.listsCompactedTo), changedKeysKey(stateBase)]);
    this.blocksCompactedTo = blockBase;
    this.listsCompactedTo = stateBase;
    return ranges;
  }

  /** Index rows and block hashes, a part of them at a time: each round deletes as many as are alive. */
  private hashedDue({ blocks }: KeptHeights): Range[] {
    if (this.blockRows.rows < ROWS_PER_PART) return [];
    const alive = aliveOf(take(this.blockRows), blocks);
    const bytes = Math.max(1, Math.floor((HASH_BYTES * ROWS_PER_PART) / Math.max(alive, ROWS_PER_PART)));
    const first = this.nextByte;
    const last = Math.min(HASH_BYTES, first + bytes) - 1;
    this.nextByte = (last + 1) % HASH_BYTES;
    return HASHED.map((prefix) => [Uint8Array.of(...prefix, first), Uint8Array.of(...prefix, last, 0xff)]);
  }

  /** Undo rows go at once, because keys of the state have no such order; so not before half as many are dead as are alive. */
  private undoDue({ states }: KeptHeights): Range[] {
    const { rows } = this.undoRows;
    if (rows < ROWS_PER_PART || rows < aliveOf(this.undoRows, states) / 2) return [];
    take(this.undoRows);
    return [[Uint8Array.of(KEY_SPACE.undo), Uint8Array.of(KEY_SPACE.undo + 1)]];
  }
}

function count(deleted: DeletedRows, rows: number): void {
  deleted.rows += rows;
  deleted.heights += 1;
}

function take(deleted: DeletedRows): DeletedRows {
  const taken = { ...deleted };
  deleted.rows = 0;
  deleted.heights = 0;
  return taken;
}

/** Rows of the heights that are kept, if they have as many as those that were deleted. */
function aliveOf({ rows, heights }: DeletedRows, kept: number): number {
  return (rows / Math.max(1, heights)) * kept;
}
