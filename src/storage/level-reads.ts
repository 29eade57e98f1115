import { setImmediate as immediate } from 'node:timers/promises';
import type { Level } from 'level';
import type { KeyRange, ReadOptions } from '#ports/key-value.ts';
import { MachineError } from '#util/errors.ts';
import type { StorageErrorCode } from './errors.ts';
import { ioAdvice } from './io-advice.ts';
import type { FileGuard } from './level-files/file-guard.ts';
import type { Look } from './level-files/table-guard.ts';

/** Entries fetched by one call of an iterator. Its values are held at once, so also bounded in bytes. */
const ITERATOR_ENTRIES = 256;
const ITERATOR_BYTES = 256 * 1024;
/** Keys whose tables are looked at in one step of some milliseconds. */
const CHECKED_KEYS = 64;

export type Database = Level<Uint8Array, Uint8Array>;
export type Snapshot = ReturnType<Database['snapshot']>;

export async function* iterateLevel(
  { database, guard }: Source,
  range: KeyRange,
  snapshot: Snapshot | undefined,
): AsyncGenerator<readonly [Uint8Array, Uint8Array]> {
  const leave = guard?.enter();
  let iterator: ReturnType<typeof openIterator> | undefined;
  try {
    const check = guard?.walk(range);
    iterator = openIterator(database, range, snapshot);
    for (;;) {
      const entries = await iterator.nextv(ITERATOR_ENTRIES);
      check?.(entries);
      if (entries.length === 0) return;
      for (const [key, value] of entries) yield [plain(key), plain(value)];
    }
  } catch (error) {
    throw failed('be read in order', error);
  } finally {
    await iterator?.close();
    leave?.();
  }
}

async function checkAll(guard: FileGuard | undefined, keys: readonly Uint8Array[], look: Look): Promise<void> {
  for (let from = 0; guard !== undefined && from < keys.length; from += CHECKED_KEYS) {
    guard.check(keys.slice(from, from + CHECKED_KEYS), look);
    if (from + CHECKED_KEYS < keys.length) await immediate();
  }
}

function openIterator(database: Database, range: KeyRange, snapshot: Snapshot | undefined) {
  return database.iterator({
    ...range,
    limit: range.limit ?? -1,
    highWaterMarkBytes: ITERATOR_BYTES,
    fillCache: false,
    ...(snapshot === undefined ? {} : { snapshot }),
  });
}

/** What is read from. */
export interface Source {
  readonly database: Database;
  /** Undefined where reads are not verified. */
  readonly guard: FileGuard | undefined;
  /** Looked at before alone. */
  readonly selfChecked?: boolean;
}

export function getOne(
  { database, guard, selfChecked }: Source,
  key: Uint8Array,
  snapshot: Snapshot | undefined,
): Uint8Array | undefined {
  try {
    guard?.check([key], 'before');
    const value = database.getSync(key, snapshot === undefined ? {} : { snapshot });
    if (selfChecked !== true) guard?.check([key], 'after');
    return value === undefined ? undefined : plain(value);
  } catch (error) {
    throw failed('be read', error);
  }
}

export async function getAll(
  { database, guard }: Source,
  keys: readonly Uint8Array[],
  snapshot: Snapshot | undefined,
): Promise<(Uint8Array | undefined)[]> {
  const leave = guard?.enter();
  try {
    await checkAll(guard, keys, 'before');
    const options = snapshot === undefined ? {} : { snapshot };
    const values = await database.getMany(keys as Uint8Array[], options);
    await checkAll(guard, keys, 'after');
    return values.map((value) => (value === undefined ? undefined : plain(value)));
  } catch (error) {
    throw failed('be read', error);
  } finally {
    leave?.();
  }
}

/** Node's Buffer is not part of our interfaces; the bytes are the same. */
function plain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

export function failed(action: string, error: unknown): MachineError<StorageErrorCode> {
  if (error instanceof MachineError) return error;
  const isDamage = (error as { code?: unknown }).code === 'LEVEL_CORRUPTION';
  return new MachineError(
    isDamage ? 'damaged' : 'database_failed',
    `the database could not ${action}: ${reasonOf(error)}`,
    { cause: error },
  );
}

export function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const advice = ioAdvice(undefined, text);
  return advice === undefined ? text : `${advice} (${text})`;
}

export function sourceOf(database: Database, guard: FileGuard | undefined, options: ReadOptions = {}): Source {
  const { unverified, selfChecked } = options;
  return { database, guard: unverified === true ? undefined : guard, selfChecked: selfChecked === true };
}
