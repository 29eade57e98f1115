import type { KeyValue } from '#ports/key-value.ts';
import { ROW, rowKey } from '#storage/block-rows.ts';
import { KEY_SPACE } from '#storage/key-space.ts';

/** Heights whose blocks and results are contiguous on the disk: given back when so many of them are deleted. */
const BLOCK_HEIGHTS = 500;
/**
 * Deleted rows after which one more part of the scattered ones is rewritten. The parts together are as many rows as a
 * day of a busy chain, so what is dead stays a small part of what is alive.
 */
const ROWS_PER_PART = 100_000;
/** Parts of one key space, by the byte behind its prefix. */
const PARTS = 16;

type Range = readonly [from: Uint8Array, to: Uint8Array];

/** Kinds of rows that lie in the order of heights. */
const BY_HEIGHT = [ROW.block, ROW.results, ROW.events, ROW.updates];

/**
 * Gives space back to the disk. LevelDB drops deleted rows when it happens to rewrite their files, and leaves files alone
 * that nothing new falls into.
 */
export class PruneCompaction {
  private readonly kv: KeyValue;
  private compactedTo = 0;
  private rows = 0;
  private part = 0;

  constructor(kv: KeyValue) {
    this.kv = kv;
  }

  deleted(rows: number): void {
    this.rows += rows;
  }

  /** A part of what there is to do: a second or two of the disk at most. `base` is the first kept block. */
  async some(base: number): Promise<void> {
    if (base - this.compactedTo >= BLOCK_HEIGHTS) {
      for (const kind of BY_HEIGHT) await this.kv.compact(rowKey(kind, 0), rowKey(kind, base));
      this.compactedTo = base;
    }
    if (this.rows < ROWS_PER_PART) return;
    this.rows = 0;
    const parts = scatteredParts();
    await this.kv.compact(...(parts[this.part++ % parts.length] as Range));
  }

  async everything(): Promise<void> {
    await this.kv.compact(Uint8Array.of(0), Uint8Array.of(0xff));
  }
}

/** Rows whose keys begin with a hash or a state key: undo rows, block hashes, index rows. */
function scatteredParts(): Range[] {
  const whole = [KEY_SPACE.undo, KEY_SPACE.changedKeys, KEY_SPACE.blockHashes].map(
    (space): Range => [Uint8Array.of(space), Uint8Array.of(space + 1)],
  );
  return [...whole, ...hashed(0x74), ...hashed(0x76)];
}

/** A kind of index rows, in parts of equal size. */
function hashed(kind: number): Range[] {
  const width = 256 / PARTS;
  return Array.from({ length: PARTS }, (_, part): Range => {
    const first = Uint8Array.of(KEY_SPACE.indexes, kind, part * width);
    const last = Uint8Array.of(KEY_SPACE.indexes, kind, part * width + width - 1, 0xff);
    return [first, last];
  });
}
