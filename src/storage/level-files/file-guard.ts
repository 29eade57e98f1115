import type { KeyRange } from '#ports/key-value.ts';
import { MachineError } from '#util/errors.ts';
import { KEY_SPACE } from '../key-space.ts';
import { damagedFile } from './errors.ts';
import { Scrub } from './scrub.ts';
import { type GuardOptions, type Look, TableGuard } from './table-guard.ts';

type Entries = readonly (readonly [Uint8Array, Uint8Array])[];

/** Looks at a database's files before it is opened. Throws MachineError 'damaged'. */
export async function guardFiles(directory: string, options?: GuardOptions): Promise<FileGuard> {
  // Another process may have it open and change what is being looked at: LevelDB says so, and better.
  const first = await attempt(directory, options);
  const tables = first instanceof TableGuard ? first : await attempt(directory, options);
  if (tables instanceof MachineError) throw tables;
  return new FileGuard(directory, tables);
}

/** Undefined when the files cannot be looked at; LevelDB will say why. */
async function attempt(directory: string, options?: GuardOptions): Promise<TableGuard | MachineError | undefined> {
  try {
    return await TableGuard.prepare(directory, options);
  } catch (error) {
    return error instanceof MachineError ? error : undefined;
  }
}

/** What an open database asks about its reads; see `table-guard.ts`. */
export class FileGuard {
  private readonly directory: string;
  private readonly prepared: TableGuard | undefined;
  private scrub: Scrub | undefined;

  constructor(directory: string, prepared: TableGuard | undefined) {
    this.directory = directory;
    this.prepared = prepared;
  }

  /** Throws MachineError 'damaged'. */
  opened(onDamage: (error: Error) => void = () => undefined): void {
    this.tables.opened();
    this.scrub = new Scrub(this.tables, onDamage);
  }

  /** Before a read of several steps; what is returned ends it. */
  enter(): () => void {
    return this.tables.enter();
  }

  /**
   * Before and after a read: LevelDB aborts the process over some damage, and other damage comes meanwhile. A leaf is
   * compared with the tree by whoever reads it, absent or not, and there are many.
   */
  check(keys: readonly Uint8Array[], look: Look): void {
    this.tables.checkKeys(
      keys.filter((key) => key[0] !== KEY_SPACE.leaves),
      look,
    );
  }

  /** To be called with each page of a walk, the empty one at its end included, before anything of it is used. */
  walk(range: KeyRange): (page: Entries) => void {
    const { reverse, limit } = range;
    const low = range.gte ?? range.gt;
    const high = range.lte ?? range.lt;
    let left = limit === undefined || limit < 0 ? Number.POSITIVE_INFINITY : limit;
    let from = reverse === true ? high : low;
    if (from !== undefined) this.tables.checkRange(from, from, 'before');
    return (page) => {
      if (left === 0) return;
      left -= page.length;
      const last = page.at(-1)?.[0];
      const to = last ?? (reverse === true ? low : high);
      if (reverse === true) this.tables.checkRange(to, from, 'after');
      else this.tables.checkRange(from, to, 'after');
      from = last;
      if (page.length === 0) left = 0;
    };
  }

  /** Before a compaction, which merges tables: when there is room for those. */
  async whenRoom(): Promise<void> {
    await this.scrub?.whenRoom();
  }

  async close(): Promise<void> {
    await this.scrub?.stop();
    this.prepared?.close();
  }

  private get tables(): TableGuard {
    if (this.prepared === undefined) throw damagedFile(this.directory, 'or cannot be read');
    return this.prepared;
  }
}
