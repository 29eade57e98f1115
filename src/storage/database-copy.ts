import { copyFile, link, mkdir, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { BizraError } from '#util/errors.ts';
import type { StorageErrorCode } from './errors.ts';
import { HELD_DIRECTORY } from './level-files/held-tables.ts';
import { attempt, NodeFiles } from './node-files.ts';

/** LevelDB writes a table once and later deletes it, but never changes it: a second name keeps it as it is. */
const TABLE_NAME = /\.(ldb|sst)$/;
/** Belong to the process that has the database open, or stand in a directory of their own. */
const NOT_COPIED: ReadonlySet<string> = new Set(['LOCK', 'LOG', 'LOG.old', HELD_DIRECTORY]);
const DIRECTORY_MODE = 0o700;

/**
 * Makes a second database of one that no process has open, in no time and almost no space: tables get another name, the
 * rest (a log of at most two write buffers) is copied. What is done to the one is not seen in the other. Throws
 * 'database_locked' when files changed meanwhile.
 */
export async function copyDatabase(from: string, to: string): Promise<void> {
  const before = await listing(from);
  await attempt('create', to, () => mkdir(to, { mode: DIRECTORY_MODE }));
  for (const name of before.keys()) await copyEntry(from, to, name);
  await copyHeld(join(from, HELD_DIRECTORY), join(to, HELD_DIRECTORY));
  const after = await listing(from);
  const isSame = before.size === after.size && [...before].every(([name, seen]) => after.get(name) === seen);
  if (isSame) return;
  throw new BizraError<StorageErrorCode>('database_locked', `the database ${from} is in use: stop that process first`);
}

/** What is known of earlier runs: that one did not end well, and damaged tables that were merged, which lost something. */
async function copyHeld(from: string, to: string): Promise<void> {
  const names = await new NodeFiles().list(from);
  if (names.length === 0) return;
  await attempt('create', to, () => mkdir(to, { mode: DIRECTORY_MODE }));
  for (const name of names) await copyEntry(from, to, name);
}

async function copyEntry(from: string, to: string, name: string): Promise<void> {
  if (TABLE_NAME.test(name)) await secondName(join(from, name), join(to, name));
  else await attempt('copy', join(from, name), () => copyFile(join(from, name), join(to, name)));
}

/** A file system without hard links, or another device: the bytes are copied. */
async function secondName(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch {
    await attempt('copy', from, () => copyFile(from, to));
  }
}

/** Size and time of change of each file. */
async function listing(path: string): Promise<Map<string, string>> {
  return attempt('read', path, async () => {
    const files = new Map<string, string>();
    for (const name of (await readdir(path)).sort()) {
      if (NOT_COPIED.has(name)) continue;
      const { size, mtimeMs } = await stat(join(path, name));
      files.set(name, `${size} ${mtimeMs}`);
    }
    return files;
  });
}
