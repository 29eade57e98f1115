import { mkdir, open, readFile, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { usageError } from '#cli/errors.ts';
import { isEmptyDirectory } from '#config/home.ts';

/** Holds the process id of the devnet that uses a directory. */
const LOCK_FILE = 'devnet.pid';
/** Devnets that run side by side without `--output`. */
const MAX_SLOTS = 1_000;

export interface OutputDirectory {
  readonly path: string;
  release(): Promise<void>;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false; // no such process (or somebody else's: then not our devnet)
  }
}

/** The living devnet that uses a directory, if any. */
async function ownerOf(path: string): Promise<number | undefined> {
  const text = await readFile(join(path, LOCK_FILE), 'utf8').catch(() => ''); // nobody's
  const pid = Number(text);
  return Number.isSafeInteger(pid) && pid > 0 && pid !== process.pid && isAlive(pid) ? pid : undefined;
}

/** Creates and locks the directory; undefined when another process was faster. */
async function lock(path: string): Promise<OutputDirectory | undefined> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  const file = join(path, LOCK_FILE);
  try {
    const handle = await open(file, 'wx');
    await handle.writeFile(String(process.pid));
    await handle.close();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return undefined;
    throw error;
  }
  return { path, release: () => rm(file, { force: true }) };
}

/** The directory that was asked for: empty, or emptied when `reset` says so. Throws `usage`. */
async function takeGiven(path: string, reset: boolean): Promise<OutputDirectory> {
  const owner = await ownerOf(path);
  if (owner !== undefined) throw usageError(`${path} is in use by the devnet with process id ${owner}; stop it first`);
  if (!(await isEmptyDirectory(path))) {
    if (!reset) throw usageError(`${path} is not empty; give --reset to empty it, or another --output`);
    if (path === resolve('/') || path === resolve('.'))
      throw usageError(`${path} will not be emptied; choose another --output`);
    await rm(path, { recursive: true });
  }
  const taken = await lock(path);
  if (taken === undefined) throw usageError(`${path} was just taken by another devnet; choose another --output`);
  return taken;
}

/** The first directory under `root` that no living devnet uses; what a past one left there is removed. */
async function takeFree(root: string): Promise<OutputDirectory> {
  for (let slot = 1; slot <= MAX_SLOTS; slot++) {
    const path = join(root, String(slot));
    if ((await ownerOf(path)) !== undefined) continue;
    await rm(path, { recursive: true, force: true });
    const taken = await lock(path);
    if (taken !== undefined) return taken;
  }
  throw usageError(`${root} has no free place; stop some devnets or give --output`);
}

export function takeOutputDirectory(given: string | undefined, reset: boolean, root: string): Promise<OutputDirectory> {
  return given === undefined ? takeFree(root) : takeGiven(resolve(given), reset);
}
