import { randomBytes } from 'node:crypto';
import { type FileHandle, link, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { BizraError } from '#util/errors.ts';
import type { StorageErrorCode } from './errors.ts';
import { attempt, syncDirectory } from './node-files.ts';

const OWNER_ONLY = 0o600;
/** Were all of it flushed at the end, the node's own syncs would wait behind it. */
const SYNC_EVERY_BYTES = 8 * 1024 * 1024;
/** Name of a file that is being written: its name to be, the process that writes it, and which of its files it is. */
const PARTIAL = /^(.+)\.(\d+)(?:-[0-9a-f]+)?\.partial$/;
/** Ids tell nothing about processes of another machine or container, but they would have written meanwhile. */
const SILENT_MS = 10 * 60_000;
/** Two files of one name may be written by one process: the first that is whole gets the name. */
const SUFFIX_BYTES = 4;

export interface NewFileOptions {
  readonly mode?: number;
  /** Other names of the same purpose: what killed processes left of them is removed as well. */
  readonly isKin?: ((name: string) => boolean) | undefined;
}

/**
 * A file that bears its name only when all of it is on the disk: until then it has another. Nothing is written over.
 * Failures are MachineErrors 'io_failed' that name the file.
 */
export class NewFile {
  readonly path: string;
  /** Written so far. */
  bytes = 0;
  private readonly partial: string;
  private readonly file: FileHandle;
  private syncedBytes = 0;

  private constructor(path: string, partial: string, file: FileHandle) {
    this.path = path;
    this.partial = partial;
    this.file = file;
  }

  /** Throws BizraError 'file_exists' when there is something at `path`, 'no_such_file' when its directory is not there. */
  static async create(path: string, { mode = OWNER_ONLY, isKin }: NewFileOptions = {}): Promise<NewFile> {
    const directory = dirname(path);
    if (!(await isThere(directory)))
      throw new BizraError<StorageErrorCode>('no_such_file', `there is no directory ${directory}: make it first`);
    if (await isThere(path)) throw exists(path);
    const partial = `${path}.${process.pid}-${randomBytes(SUFFIX_BYTES).toString('hex')}.partial`;
    const file = new NewFile(path, partial, await attempt('create', partial, () => open(partial, 'wx', mode)));
    await file.removeLeftovers(isKin);
    return file;
  }

  async write(bytes: Uint8Array): Promise<void> {
    await attempt('write', this.partial, () => this.file.writeFile(bytes));
    this.bytes += bytes.length;
    if (this.bytes - this.syncedBytes < SYNC_EVERY_BYTES) return;
    this.syncedBytes = this.bytes;
    await attempt('sync', this.partial, () => this.file.datasync());
  }

  /** Makes it durable and gives it its name. Throws 'file_exists' when that was taken meanwhile. */
  async finish(): Promise<void> {
    await attempt('sync', this.partial, () => this.file.sync());
    await attempt('close', this.partial, () => this.file.close());
    await giveName(this.partial, this.path);
    await syncDirectory(dirname(this.path));
  }

  /** Removes what was written. Best effort: it is called after another failure. */
  async abandon(): Promise<void> {
    await this.file.close().catch(() => undefined);
    await rm(this.partial, { force: true }).catch(() => undefined);
  }

  /** Best effort: it is not what was asked for. */
  private async removeLeftovers(isKin: (name: string) => boolean = () => false): Promise<void> {
    const own = basename(this.path);
    try {
      const { mtimeMs: nowMs } = await this.file.stat();
      for (const { left, of, pid } of await leftovers(dirname(this.path), (name) => name === own || isKin(name))) {
        if (left === this.partial) continue;
        // In a container every daemon has the same id, and so had the one that was killed.
        const isOurs = pid === process.pid;
        if (!isOurs && isAlive(pid)) continue;
        // Of its own name, it is sure enough that nobody writes it.
        const isSure = of === own && !isOurs;
        if (isSure || nowMs - ((await writtenMs(left)) ?? nowMs) >= SILENT_MS) await remove(left);
      }
    } catch {
      // Somebody else's, or on a disk that will refuse the file itself.
    }
  }
}

/** Undefined: another process removed it. */
async function writtenMs(path: string): Promise<number | undefined> {
  return stat(path).then(
    ({ mtimeMs }) => mtimeMs,
    () => undefined,
  );
}

async function isThere(path: string): Promise<boolean> {
  return attempt('read', path, async () => {
    try {
      await stat(path);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
      throw error;
    }
  });
}

function exists(path: string): BizraError<StorageErrorCode> {
  return new BizraError('file_exists', `${path} exists: choose another name, or move it away`);
}

interface Leftover {
  readonly left: string;
  /** The name that it did not get. */
  readonly of: string;
  /** Of the process that wrote it. */
  readonly pid: number;
}

async function leftovers(directory: string, isWanted: (name: string) => boolean): Promise<Leftover[]> {
  const names = await attempt('read', directory, () => readdir(directory));
  return names.flatMap((name) => {
    const [, of, pid] = PARTIAL.exec(name) ?? [];
    return of !== undefined && isWanted(of) ? [{ left: join(directory, name), of, pid: Number(pid) }] : [];
  });
}

function remove(path: string): Promise<void> {
  return attempt('remove', path, () => rm(path, { force: true }));
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Unlike a rename, a link never replaces a file that came meanwhile; some file systems have no links. */
async function giveName(partial: string, path: string): Promise<void> {
  try {
    await link(partial, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST' || (await isThere(path))) throw exists(path);
    return attempt('rename', partial, () => rename(partial, path));
  }
  await remove(partial);
}
