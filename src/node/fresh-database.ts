import type { Directories } from '#ports/files.ts';
import type { KeyValue } from '#ports/key-value.ts';

/** Sibling in which a new database is filled. One that a crash left behind is thrown away. */
export const UNFINISHED_SUFFIX = '.unfinished';

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
