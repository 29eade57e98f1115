import { closeSync, fstatSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as immediate } from 'node:timers/promises';
import { LruMap } from '#util/lru-map.ts';
import { checkFiles } from './check-files.ts';
import { damagedFile } from './errors.ts';
import { HELD_DIRECTORY, HeldTables } from './held-tables.ts';
import { currentManifest, Manifest } from './manifest.ts';
import { OpenMark } from './open-mark.ts';
import { TableEnd, type UserRange } from './table.ts';
import { byLevel, inReach, overlaps } from './table-ranges.ts';
import type { TableFile } from './version-edit.ts';

/** Ends of tables in memory, of some hundred kilobytes each. */
const KNOWN_ENDS = 48;
/**
 * Of tables that are verified before the database is opened, newest first, in a fraction of a second: as much as the
 * check of the newest heights reads (`block-check.ts`), without which no node starts either. Older blocks can be mended.
 */
const START_BYTES = 64 * 1024 * 1024;
/** Blocks of about 4 KiB that are verified in one step of a millisecond or two. */
export const STEP_BLOCKS = 128;

/** When: LevelDB aborts the process over some damage of blocks, so a part is done before; what counts is done after. */
export type Look = 'before' | 'after';

export interface GuardOptions {
  /** Bytes of tables that are verified before the database is opened. */
  readonly startBytes?: number | undefined;
  /** Told once when tables cannot be held. */
  readonly onUnheld?: ((error: Error) => void) | undefined;
}

/** Blocks of a table that a question rests on. */
interface Part {
  readonly table: TableFile;
  readonly ranges: readonly UserRange[];
}

/** A table that LevelDB has merged into others; what it made of it is as good as this was. */
interface Merged {
  readonly table: TableFile;
  /** Readers that began before this count may read it still. */
  readonly tick: number;
}

/**
 * Verifies what LevelDB reads, because LevelDB does not: after a read, the blocks of all tables that could hold the key,
 * and before the answer counts. So a row that is missing, altered, under another key or older than it should be is told
 * from one that is as it was written. A table that was merged stays among those that are looked at until all of it was
 * verified: a damaged one stays for good, since what was lost in the merger is not in the database any more.
 */
export class TableGuard {
  private readonly directory: string;
  private readonly held: HeldTables;
  private readonly mark: OpenMark;
  private readonly merged = new Map<number, Merged>();
  private readonly ends = new LruMap<number, TableEnd>(KNOWN_ENDS);
  private readonly readers = new Set<number>();
  private manifest: Manifest | undefined;
  private known = new Map<number, TableFile>();
  /** Live tables. */
  private levels: TableFile[][] = [];
  private tick = 0;
  /** Where the ends of tables are read to. */
  private scratch = Buffer.alloc(0);

  private constructor(directory: string, held: HeldTables) {
    this.directory = directory;
    this.held = held;
    this.mark = new OpenMark(join(directory, HELD_DIRECTORY, 'open'));
  }

  /** Before LevelDB opens the database. Throws MachineError 'damaged' where it would lose something without a word. */
  static async prepare(directory: string, options: GuardOptions = {}): Promise<TableGuard> {
    const { startBytes = START_BYTES, onUnheld } = options;
    const names = await checkFiles(directory);
    const guard = new TableGuard(directory, new HeldTables(directory, onUnheld));
    for (const [number, name] of names) guard.held.hold(number, [name]);
    await guard.verifyNewest(names.keys(), guard.mark.isLeft ? Number.POSITIVE_INFINITY : startBytes);
    return guard;
  }

  /** LevelDB aborts the process over some damage: after that, and as far as it takes no time, it is looked for first. */
  private async verifyNewest(numbers: Iterable<number>, bytesMax: number): Promise<void> {
    let bytes = 0;
    for (const number of [...numbers].sort((a, b) => b - a)) {
      const table = unknownTable(number);
      bytes += this.withFile(table, (fd) => fstatSync(fd).size) ?? 0;
      if (bytes > bytesMax) return;
      for (let next: number | undefined = 0; next !== undefined; await immediate()) {
        next = this.verifyPart(table, next, STEP_BLOCKS);
      }
    }
  }

  /** Once LevelDB has opened it. */
  opened(): void {
    const name = currentManifest(this.directory);
    if (name === undefined) throw damagedFile(this.directory, 'or deleted while it is in use');
    this.manifest = new Manifest(this.directory, name);
    // Those of an earlier run that were not verified to the end: nothing is known of their bounds.
    for (const number of this.held.list()) {
      this.known.set(number, unknownTable(number, this.held.sizeOf(number)));
    }
    this.compare(this.manifest);
    this.mark.set();
  }

  /** Follows what LevelDB did to its files. Throws MachineError 'damaged'. */
  refresh(): void {
    if (this.manifest?.follow() === true) this.compare(this.manifest);
  }

  /** A read of several steps begins: what it may read stays until the function that is returned is called. */
  enter(): () => void {
    this.refresh();
    this.tick += 1;
    const mine = this.tick;
    this.readers.add(mine);
    return () => void this.readers.delete(mine);
  }

  /** Throws MachineError 'damaged' when LevelDB may answer wrongly for one of the keys, or have done so. */
  checkKeys(keys: readonly Uint8Array[], look: Look): void {
    if (keys.length === 0) return;
    const ranges = keys.map((key) => ({ low: key, high: key, margin: 0 }));
    this.checkNewest(() => this.partsOfKeys(ranges), look);
  }

  /** As `checkKeys`, for all keys between two, both included. */
  checkRange(low: Uint8Array | undefined, high: Uint8Array | undefined, look: Look): void {
    // An iterator looks a step beyond, where a damaged key may claim to be one of the range.
    this.checkNewest(() => this.partsOfRange({ low, high, margin: 1 }), look);
  }

  /** A merged table that nobody reads any more, oldest first; none of `damaged`. */
  nextMerged(damaged: ReadonlySet<number>): TableFile | undefined {
    for (const { table, tick } of this.merged.values()) {
      if (damaged.has(table.number)) continue;
      if ([...this.readers].every((reader) => reader > tick)) return table;
    }
    return undefined;
  }

  /** Bytes of the merged tables that wait, but for those of `damaged`, which stay. */
  heldBytes(damaged: ReadonlySet<number>): number {
    let bytes = 0;
    for (const { table } of this.merged.values()) if (!damaged.has(table.number)) bytes += table.size;
    return bytes;
  }

  has({ number }: TableFile): boolean {
    return this.known.has(number) || this.merged.has(number);
  }

  liveTables(): readonly TableFile[] {
    return [...this.known.values()];
  }

  /**
   * Verifies blocks of a table from `first` on, some at a time; undefined at its end, and when LevelDB has merged and
   * deleted it. Throws MachineError 'damaged'.
   */
  verifyPart(table: TableFile, first: number, blocks: number): number | undefined {
    return this.withFile(table, (fd, path) => {
      const end = this.endOf(table, fd, path, 'after');
      const last = Math.min(end.blocks - 1, first + blocks - 1);
      this.checkBlocks(end, fd, path, first, last);
      return last + 1 < end.blocks ? last + 1 : undefined;
    });
  }

  /** All of it was verified: what came of it is as good. */
  release(table: TableFile): void {
    this.merged.delete(table.number);
    this.ends.delete(table.number);
    this.held.drop(table.number);
  }

  close(): void {
    if (this.manifest === undefined) return;
    this.manifest.close();
    this.manifest = undefined;
    this.mark.clear();
  }

  private compare(manifest: Manifest): void {
    this.tick += 1;
    for (const [number, table] of this.known) {
      if (manifest.tables.has(number)) continue;
      // Without a second name its file is LevelDB's, which deletes it.
      if (this.held.has(number)) this.merged.set(number, { table, tick: this.tick });
    }
    for (const number of manifest.tables.keys()) {
      // An archive has thousands, and this runs within the engine's reads.
      if (!this.known.has(number)) this.held.hold(number);
    }
    this.known = new Map(manifest.tables);
    this.levels = byLevel(this.known.values());
  }

  /** Over again when LevelDB has merged and deleted one of them meanwhile: what it made of it counts instead. */
  private checkNewest(parts: () => Iterable<Part>, look: Look): void {
    do this.refresh();
    while (!this.areThere(parts(), look));
  }

  /** False when one of the tables was merged and deleted. */
  private areThere(parts: Iterable<Part>, look: Look): boolean {
    for (const { table, ranges } of parts) if (!this.checkTable(table, ranges, look)) return false;
    return true;
  }

  private *partsOfKeys(keys: readonly UserRange[]): Generator<Part> {
    for (const table of this.candidates()) {
      const ranges = keys.filter((range) => overlaps(table, range));
      if (ranges.length > 0) yield { table, ranges };
    }
  }

  private *partsOfRange(range: UserRange): Generator<Part> {
    const ranges = [range];
    for (const tables of this.levels) for (const table of inReach(tables, range)) yield { table, ranges };
    for (const { table } of this.merged.values()) yield { table, ranges };
  }

  private *candidates(): Generator<TableFile> {
    yield* this.known.values();
    for (const { table } of this.merged.values()) yield table;
  }

  /** False when it was merged and deleted. */
  private checkTable(table: TableFile, ranges: readonly UserRange[], look: Look): boolean {
    const isChecked = this.withFile(table, (fd, path) => {
      const end = this.endOf(table, fd, path, look);
      const seen = new Set<number>();
      for (const range of ranges) {
        const { first, last } = end.blocksOf(range);
        // Of many keys some are in one block.
        if (first === last && seen.has(first)) continue;
        this.checkBlocks(end, fd, path, first, last);
        seen.add(first);
      }
      return true;
    });
    return isChecked === true;
  }

  private checkBlocks(end: TableEnd, fd: number, path: string, first: number, last: number): void {
    const offset = end.damageIn(fd, first, last);
    if (offset !== undefined) throw damagedFile(path, `behind byte ${offset}`);
  }

  private endOf(table: TableFile, fd: number, path: string, look: Look): TableEnd {
    const known = this.ends.get(table.number);
    const end = known ?? TableEnd.read(fd, fstatSync(fd).size);
    const isSame = known === undefined || look === 'before' || known.isUnchanged(fd, this.scratch);
    if (end === undefined || !isSame) throw damagedFile(path, 'at its end');
    if (end.bytes.length > this.scratch.length) this.scratch = Buffer.allocUnsafeSlow(end.bytes.length);
    this.ends.set(table.number, end);
    return end;
  }

  /** Undefined when LevelDB has merged and deleted the table, and it is not held. */
  private withFile<Result>(table: TableFile, use: (fd: number, path: string) => Result): Result | undefined {
    const path = this.held.nameOf(table.number);
    const fd = this.held.open(table.number);
    if (fd === undefined) {
      this.refresh();
      if (this.manifest === undefined || this.has(table)) throw damagedFile(path, 'or missing');
      return undefined;
    }
    try {
      return use(fd, path);
    } finally {
      closeSync(fd);
    }
  }
}

function unknownTable(number: number, size = 0): TableFile {
  return { number, level: 0, size, smallest: undefined, largest: undefined };
}
