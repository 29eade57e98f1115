import { open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { KeyValue } from '#ports/key-value.ts';

/** Sibling in which a new database is filled. One that a crash left behind is thrown away. */
const UNFINISHED_SUFFIX = '.unfinished';

/** Makes the database at `path` if there is none: filled under another name, then renamed, so it is whole or absent. */
export async function ensureDatabase(
  path: string,
  openDatabase: (path: string) => Promise<KeyValue>,
  fill: (kv: KeyValue) => Promise<void>,
): Promise<void> {
  if (await exists(path)) return;
  const unfinished = path + UNFINISHED_SUFFIX;
  await rm(unfinished, { recursive: true, force: true });
  const kv = await openDatabase(unfinished);
  try {
    await fill(kv);
  } finally {
    await kv.close();
  }
  await rename(unfinished, path);
  await syncDirectory(dirname(path));
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
