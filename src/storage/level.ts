import { Level } from 'level';
import type { KeyRange, KeyValue, KeyValueSnapshot, ReadOptions, WriteBatch } from '#ports/key-value.ts';
import { BizraError, MachineError } from '#util/errors.ts';
import type { StorageErrorCode } from './errors.ts';
import { type FileGuard, guardFiles } from './level-files/file-guard.ts';
import {
  type Database,
  failed,
  getAll,
  getOne,
  iterateLevel,
  reasonOf,
  type Snapshot,
  type Source,
  sourceOf,
} from './level-reads.ts';

/** Bytes of uncompressed blocks kept in memory. Leaves have their own cache in `state/`; this one serves queries. */
const CACHE_BYTES = 64 * 1024 * 1024;
/**
 * Bytes collected before LevelDB writes a table; up to two such buffers live in memory. The default of 4 MiB makes
 * a table every few blocks under load, and every table is compacted again; more than 8 MiB makes no difference
 * that could be measured, takes memory and prolongs recovery.
 */
const WRITE_BUFFER_BYTES = 8 * 1024 * 1024;
/** Larger tables than the default of 2 MiB: fewer files to open and fewer, longer compactions. */
const TABLE_BYTES = 8 * 1024 * 1024;
/** File descriptors of one database: a node must live within the usual limit of 1,024 beside its sockets. */
const OPEN_FILES_MAX = 64;

export interface LevelOptions {
  readonly cacheBytes?: number;
  readonly writeBufferBytes?: number;
  readonly maxOpenFiles?: number;
  /** False trusts the files: for a database whose content does not matter. */
  readonly verify?: boolean;
  /** Bytes of tables that are verified before the database is opened; the others are while it is open. */
  readonly startBytes?: number;
  /** Told of each damaged file that is found in the background. */
  readonly onDamage?: (error: Error) => void;
  /** Told once when tables cannot be held until they are verified: damage may be merged away unseen then. */
  readonly onUnheld?: (error: Error) => void;
}

interface Compacting {
  compactRange(from: Uint8Array, to: Uint8Array): Promise<void>;
}

/**
 * Opens (or creates) the database in directory `path`. One process at a time: throws BizraError 'database_locked'
 * when another one has it, 'database_failed' when LevelDB cannot open it, 'damaged'
 * when its files are not what was written.
 */
export async function openLevel(path: string, options: LevelOptions = {}): Promise<KeyValue> {
  // Before there is a Level, which opens itself soon after it is made.
  const guard = options.verify === false ? undefined : await guardFiles(path, options);
  const database: Database = new Level(path, {
    keyEncoding: 'view',
    valueEncoding: 'view',
    cacheSize: options.cacheBytes ?? CACHE_BYTES,
    writeBufferSize: options.writeBufferBytes ?? WRITE_BUFFER_BYTES,
    maxFileSize: TABLE_BYTES,
    maxOpenFiles: options.maxOpenFiles ?? OPEN_FILES_MAX,
  });
  try {
    await database.open();
    guard?.opened(options.onDamage);
  } catch (error) {
    await database.close();
    throw error instanceof MachineError ? error : openError(path, error);
  }
  return new LevelKeyValue(database, guard);
}

function openError(path: string, error: unknown): BizraError<StorageErrorCode> {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  if ((cause as { code?: unknown }).code === 'LEVEL_LOCKED') {
    return new BizraError(
      'database_locked',
      `the database ${path} is in use by another process: stop that node, or give this one a home of its own`,
      { cause },
    );
  }
  return new BizraError('database_failed', `cannot open the database ${path}: ${reasonOf(cause)}`, { cause });
}

/**
 * The first write that failed. LevelDB would take further ones, behind a log that may end in a torn record or whose sync
 * was lost; what is written there can vanish without a sign.
 */
interface WriteFailure {
  error: unknown;
}

class LevelKeyValue implements KeyValue {
  private readonly database: Database;
  private readonly guard: FileGuard | undefined;
  private readonly failure: WriteFailure = { error: undefined };

  constructor(database: Database, guard: FileGuard | undefined) {
    this.database = database;
    this.guard = guard;
  }

  get(key: Uint8Array, options?: ReadOptions): Uint8Array | undefined {
    return getOne(this.source(options), key, undefined);
  }

  getMany(keys: readonly Uint8Array[], options?: ReadOptions): Promise<(Uint8Array | undefined)[]> {
    return getAll(this.source(options), keys, undefined);
  }

  iterate(range: KeyRange, options?: ReadOptions): AsyncIterable<readonly [Uint8Array, Uint8Array]> {
    return iterateLevel(this.source(options), range, undefined);
  }

  snapshot(): KeyValueSnapshot {
    return new LevelSnapshot(this.database, this.guard);
  }

  batch(): WriteBatch {
    return new LevelBatch(this.database, this.failure);
  }

  async compact(from: Uint8Array, to: Uint8Array): Promise<void> {
    try {
      await this.guard?.whenRoom();
      // `level` is classic-level wherever the daemon runs, which alone knows this.
      await (this.database as Database & Compacting).compactRange(from, to);
    } catch (error) {
      throw failed('be compacted', error);
    }
  }

  async close(): Promise<void> {
    await this.guard?.close();
    await this.database.close();
  }

  private source(options: ReadOptions | undefined): Source {
    return sourceOf(this.database, this.guard, options);
  }
}

class LevelSnapshot implements KeyValueSnapshot {
  private readonly database: Database;
  private readonly guard: FileGuard | undefined;
  private readonly snapshot: Snapshot;

  constructor(database: Database, guard: FileGuard | undefined) {
    this.database = database;
    this.guard = guard;
    this.snapshot = database.snapshot();
  }

  get(key: Uint8Array, options?: ReadOptions): Uint8Array | undefined {
    return getOne(this.source(options), key, this.snapshot);
  }

  getMany(keys: readonly Uint8Array[], options?: ReadOptions): Promise<(Uint8Array | undefined)[]> {
    return getAll(this.source(options), keys, this.snapshot);
  }

  iterate(range: KeyRange, options?: ReadOptions): AsyncIterable<readonly [Uint8Array, Uint8Array]> {
    return iterateLevel(this.source(options), range, this.snapshot);
  }

  private source(options: ReadOptions | undefined): Source {
    return sourceOf(this.database, this.guard, options);
  }

  async release(): Promise<void> {
    await this.snapshot.close();
  }
}

/** A chained batch: puts reach native memory one by one, so a large batch never blocks in one call. */
class LevelBatch implements WriteBatch {
  private readonly chained: ReturnType<Database['batch']>;
  private readonly failure: WriteFailure;

  constructor(database: Database, failure: WriteFailure) {
    this.chained = database.batch();
    this.failure = failure;
  }

  get length(): number {
    return this.chained.length;
  }

  put(key: Uint8Array, value: Uint8Array): void {
    this.chained.put(key, value);
  }

  delete(key: Uint8Array): void {
    this.chained.del(key);
  }

  async write(options: { readonly sync: boolean }): Promise<void> {
    if (this.failure.error !== undefined) throw this.failure.error;
    try {
      await this.chained.write({ sync: options.sync } as Parameters<typeof this.chained.write>[0]);
    } catch (error) {
      this.failure.error ??= failed('be written', error);
      throw this.failure.error;
    }
  }

  async discard(): Promise<void> {
    await this.chained.close();
  }
}
