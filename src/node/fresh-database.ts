import type { Directories } from '#ports/files.ts';
import type { KeyValue } from '#ports/key-value.ts';
import type { Logger } from '#telemetry/logger.ts';
import { SIBLING_SUFFIXES, UNFINISHED_SUFFIX } from './database-names.ts';

/** Makes the database at `path` if there is none: filled under another name, then renamed, so it is whole or absent. */
export async function ensureDatabase(
  directories: Directories,
  path: string,
  openDatabase: (path: string) => Promise<KeyValue>,
  fill: (kv: KeyValue) => Promise<void>,
): Promise<void> {
  if (await directories.exists(path)) {
    // A process that was killed right after the rename left a name that a power cut could still take back, and with it
    // all that is written from now on.
    await directories.syncName(path);
    return;
  }
  const unfinished = path + UNFINISHED_SUFFIX;
  await directories.remove(unfinished);
  const kv = await openDatabase(unfinished);
  try {
    await fill(kv);
  } finally {
    await kv.close();
  }
  await directories.rename(unfinished, path);
  await directories.syncName(path);
}

/**
 * What killed commands and starts left beside the database takes space: a copy holds each table that LevelDB would have
 * deleted.
 */
export async function removeSiblings(directories: Directories, path: string, logger: Logger): Promise<void> {
  for (const suffix of SIBLING_SUFFIXES) {
    try {
      await directories.remove(path + suffix);
    } catch (error) {
      logger.warn('what a killed process left cannot be removed', {
        reason: error instanceof Error ? error.message : String(error),
      });
    }
  }
}
