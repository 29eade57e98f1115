import { Level } from 'level';
import type { KeyRange, KeyValue, KeyValueSnapshot, WriteBatch } from '#ports/key-value.ts';
import { BizraError, MachineError } from '#util/errors.ts';
import type { StorageErrorCode } from './errors.ts';
import { ioAdvice } from './io-advice.ts';

/** Bytes of uncompressed blocks kept in memory. Leaves have their own cache in `state/`; this one serves queries. */
const CACHE_BYTES = 64 * 1024 * 1024;
/**
 * Bytes collected before LevelDB writes a table; up to two such buffers live in memory. The default of 4 MiB makes
 * a table every few blocks under load, and every table is compacted again; more than 32 MiB only prolongs recovery.
 */
const WRITE_BUFFER_BYTES = 32 * 1024 * 1024;
/** Larger tables than the default of 2 MiB: fewer files to open and fewer, longer compactions. */
const TABLE_BYTES = 8 * 1024 * 1024;
/** File descriptors of one database: a node must live within the usual limit of 1,024 beside its sockets. */
const OPEN_FILES_MAX = 64;
/** Entries fetched by one call of an iterator. Its values are held at once, so also bounded in bytes. */
const ITERATOR_ENTRIES = 256;
const ITERATOR_BYTES = 256 * 1024;

export interface LevelOptions {
  readonly cacheBytes?: number;
  readonly writeBufferBytes?: number;
  readonly maxOpenFiles?: number;
}

type Database = Level<Uint8Array, Uint8Array>;
type Snapshot = ReturnType<Database['snapshot']>;

interface Compacting {
  compactRange(from: Uint8Array, to: Uint8Array): Promise<void>;
}

/**
 * Opens (or creates) the database in directory `path`. One process at a time: throws BizraError 'database_locked'
 * when another one has it, 'database_failed' when LevelDB cannot open it.
 */
export async function openLevel(path: string, options: LevelOptions = {}): Promise<KeyValue> {
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
  } catch (error) {
    throw openError(path, error);
  }
  return new LevelKeyValue(database);
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

/** Node's Buffer is not part of our interfaces; the bytes are the same. */
function plain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function failed(action: string, error: unknown): MachineError<StorageErrorCode> {
  return new MachineError('database_failed', `the database could not ${action}: ${reasonOf(error)}`, { cause: error });
}

function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const advice = ioAdvice(undefined, text);
  return advice === undefined ? text : `${advice} (${text})`;
}

/**
 * The first write that failed. LevelDB would take further ones, behind a log that may end in a torn record or whose sync
 * was lost; what is written there can vanish without a sign.
 */
interface WriteFailure {
  error: unknown;
}

async function* iterateLevel(
  database: Database,
  range: KeyRange,
  snapshot: Snapshot | undefined,
): AsyncGenerator<readonly [Uint8Array, Uint8Array]> {
  const iterator = database.iterator({
    ...range,
    limit: range.limit ?? -1,
    highWaterMarkBytes: ITERATOR_BYTES,
    fillCache: false,
    ...(snapshot === undefined ? {} : { snapshot }),
  });
  try {
    for (;;) {
      const entries = await iterator.nextv(ITERATOR_ENTRIES);
      if (entries.length === 0) return;
      for (const [key, value] of entries) yield [plain(key), plain(value)];
    }
  } catch (error) {
    throw failed('be read in order', error);
  } finally {
    await iterator.close();
  }
}

class LevelKeyValue implements KeyValue {
  private readonly database: Database;
  private readonly failure: WriteFailure = { error: undefined };

  constructor(database: Database) {
    this.database = database;
  }

  get(key: Uint8Array): Uint8Array | undefined {
    try {
      const value = this.database.getSync(key);
      return value === undefined ? undefined : plain(value);
    } catch (error) {
      throw failed('be read', error);
    }
  }

  async getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    try {
      const values = await this.database.getMany(keys as Uint8Array[]);
      return values.map((value) => (value === undefined ? undefined : plain(value)));
    } catch (error) {
      throw failed('be read', error);
    }
  }

  iterate(range: KeyRange): AsyncIterable<readonly [Uint8Array, Uint8Array]> {
    return iterateLevel(this.database, range, undefined);
  }

  snapshot(): KeyValueSnapshot {
    return new LevelSnapshot(this.database);
  }

  batch(): WriteBatch {
    return new LevelBatch(this.database, this.failure);
  }

  async compact(from: Uint8Array, to: Uint8Array): Promise<void> {
    try {
      // `level` is classic-level wherever the daemon runs, which alone knows this.
      await (this.database as Database & Compacting).compactRange(from, to);
    } catch (error) {
      throw failed('be compacted', error);
    }
  }

  async close(): Promise<void> {
    await this.database.close();
  }
}

class LevelSnapshot implements KeyValueSnapshot {
  private readonly database: Database;
  private readonly snapshot: Snapshot;

  constructor(database: Database) {
    this.database = database;
    this.snapshot = database.snapshot();
  }

  get(key: Uint8Array): Uint8Array | undefined {
    try {
      const value = this.database.getSync(key, { snapshot: this.snapshot });
      return value === undefined ? undefined : plain(value);
    } catch (error) {
      throw failed('be read', error);
    }
  }

  async getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    try {
      const values = await this.database.getMany(keys as Uint8Array[], { snapshot: this.snapshot });
      return values.map((value) => (value === undefined ? undefined : plain(value)));
    } catch (error) {
      throw failed('be read', error);
    }
  }

  iterate(range: KeyRange): AsyncIterable<readonly [Uint8Array, Uint8Array]> {
    return iterateLevel(this.database, range, this.snapshot);
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
