import { join } from 'node:path';
import type { KeyValue } from '#ports/key-value.ts';
import { type KeyLock, lockFile } from '#signer/key-lock.ts';
import { copyDatabase } from '#storage/database-copy.ts';
import { openLevel } from '#storage/level.ts';
import { NodeDirectories } from '#storage/node-directories.ts';
import { NodeFiles } from '#storage/node-files.ts';
import { BizraError, MachineError } from '#util/errors.ts';
import { COPY_SUFFIX, DATABASE_NAME, SECOND_COPY_SUFFIX } from './database-names.ts';
import type { NodePaths } from './start.ts';

/** How `damagedFile` begins, and where it names a copy. */
const OF_A_COPY = /^(.*\bthe database file .*\/chain\.db)(?:\.copy|\.second-copy)(?=[/ ])/;

export type StoppedPaths = Pick<NodePaths, 'dataDirectory' | 'privValidatorKeyFile'>;

export function databasePath({ dataDirectory }: StoppedPaths): string {
  return join(dataDirectory, DATABASE_NAME);
}

/**
 * Runs `use` while no node runs on the home, nor can start. Throws 'node_running', and 'no_database' for a home without
 * data.
 */
export async function withStoppedHome<Result>(paths: StoppedPaths, use: () => Promise<Result>): Promise<Result> {
  const path = databasePath(paths);
  if (!(await new NodeDirectories().exists(path))) {
    throw new BizraError('no_database', `${path}: there is no such database; give the node's --home`);
  }
  const lock = await lockKey(paths);
  try {
    return await use();
  } catch (error) {
    if (error instanceof BizraError && error.code === 'database_locked') throw running(paths, error);
    throw error;
  } finally {
    await lock?.release();
  }
}

/** Runs `use` on a home that may have no data yet, while no node can start there. Throws 'node_running'. */
export async function withLockedHome<Result>(paths: StoppedPaths, use: () => Promise<Result>): Promise<Result> {
  const lock = await lockKey(paths);
  try {
    return await use();
  } finally {
    await lock?.release();
  }
}

/** The database of a stopped home, to be changed. */
export async function withDatabase<Result>(
  paths: StoppedPaths,
  use: (kv: KeyValue) => Promise<Result>,
): Promise<Result> {
  return withStoppedHome(paths, () => opened(databasePath(paths), use));
}

/** A copy of the database of a stopped home, which stays as it is whatever is done to the copy. */
export async function withDatabaseCopy<Result>(
  paths: StoppedPaths,
  use: (kv: KeyValue) => Promise<Result>,
): Promise<Result> {
  return withStoppedHome(paths, () => withCopyOf(databasePath(paths), COPY_SUFFIX, use));
}

/** A second copy, for as long as the first is used. */
export async function withSecondCopy<Result>(
  paths: StoppedPaths,
  use: (kv: KeyValue) => Promise<Result>,
): Promise<Result> {
  return withCopyOf(databasePath(paths), SECOND_COPY_SUFFIX, use);
}

/** An empty database beside that of the home, in the place of a second copy. */
export async function withEmptyDatabase<Result>(
  paths: StoppedPaths,
  use: (kv: KeyValue) => Promise<Result>,
): Promise<Result> {
  return withDirectory(databasePath(paths) + SECOND_COPY_SUFFIX, (path) => opened(path, use));
}

function withCopyOf<Result>(path: string, suffix: string, use: (kv: KeyValue) => Promise<Result>): Promise<Result> {
  return withDirectory(path + suffix, async (copy) => {
    await copyDatabase(path, copy);
    try {
      return await opened(copy, use);
    } catch (error) {
      if (!(error instanceof MachineError)) throw error;
      throw new MachineError(error.code, nameOriginal(error.message), { cause: error });
    }
  });
}

/** What says that a file of a copy is damaged, of the database's own: the copy is gone when somebody reads it. */
export function nameOriginal(message: string): string {
  return message.replace(OF_A_COPY, '$1');
}

/** A directory that is not there before and not after. */
async function withDirectory<Result>(path: string, use: (path: string) => Promise<Result>): Promise<Result> {
  const directories = new NodeDirectories();
  // One that a killed process left.
  await directories.remove(path);
  try {
    return await use(path);
  } finally {
    await directories.remove(path);
  }
}

async function opened<Result>(path: string, use: (kv: KeyValue) => Promise<Result>): Promise<Result> {
  const kv = await openLevel(path);
  try {
    return await use(kv);
  } finally {
    await kv.close();
  }
}

/** The lock that a node holds for as long as it runs. Undefined where there is no key: a node does not start there. */
async function lockKey(paths: StoppedPaths): Promise<KeyLock | undefined> {
  const { privValidatorKeyFile } = paths;
  if ((await new NodeFiles().mode(privValidatorKeyFile)) === undefined) return undefined;
  try {
    return await lockFile(privValidatorKeyFile);
  } catch (error) {
    if (error instanceof BizraError && error.code === 'key_in_use') throw running(paths, error);
    throw error;
  }
}

function running(paths: StoppedPaths, cause: unknown): BizraError<'node_running'> {
  return new BizraError('node_running', `a process runs on ${databasePath(paths)}: stop it first`, { cause });
}
