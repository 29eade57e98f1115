import { closeSync, fsync as fsyncCallback, openSync, writeFileSync } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { AppendFile, Files } from '#ports/files.ts';
import { MachineError } from '#util/errors.ts';
import { ioAdvice } from './io-advice.ts';

/** Files hold keys and votes: nobody but the owner reads them. */
const FILE_MODE = 0o600;
const DIRECTORY_MODE = 0o700;
/** Sibling that `replace` writes first. One left over by a crash is overwritten by the next `replace`. */
const TEMPORARY_SUFFIX = '.tmp';

const fsync = promisify(fsyncCallback);

/** The real file system. Every failure is a MachineError 'io_failed' that names the file. */
export class NodeFiles implements Files {
  async read(path: string): Promise<Uint8Array | undefined> {
    try {
      return plain(await readFile(path));
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw ioFailed('read', path, error);
    }
  }

  /** Permission bits of a file; undefined when it does not exist. */
  async mode(path: string): Promise<number | undefined> {
    try {
      return (await stat(path)).mode & 0o777;
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw ioFailed('read', path, error);
    }
  }

  async openAppend(path: string): Promise<AppendFile> {
    const handle = await attempt('open', path, () => open(path, 'a+', FILE_MODE));
    try {
      const { size } = await attempt('open', path, () => handle.stat());
      // An empty file may be new: its name must survive a power cut before anything in it counts.
      if (size === 0) await syncDirectory(dirname(path));
      return new NodeAppendFile(handle, path, size);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /**
   * Runs before every signature leaves, so it must be quick: only what waits for the disk goes through the thread pool;
   * the other calls touch memory and cost less than a trip there.
   */
  async replace(path: string, bytes: Uint8Array): Promise<void> {
    const temporary = path + TEMPORARY_SUFFIX;
    await attempt('write', temporary, async () => {
      const file = openSync(temporary, 'w', FILE_MODE);
      try {
        writeFileSync(file, bytes);
        await fsync(file);
      } finally {
        closeSync(file);
      }
    });
    await attempt('replace', path, () => rename(temporary, path));
    await syncDirectory(dirname(path));
  }

  async remove(path: string): Promise<void> {
    await attempt('remove', path, () => rm(path, { force: true }));
    await syncDirectory(dirname(path));
  }

  async list(directory: string): Promise<string[]> {
    try {
      return (await readdir(directory)).sort();
    } catch (error) {
      if (isMissing(error)) return [];
      throw ioFailed('list', directory, error);
    }
  }

  async makeDirectory(path: string): Promise<void> {
    const first = await attempt('create', path, () => mkdir(path, { recursive: true, mode: DIRECTORY_MODE }));
    await syncNewDirectories(path, first);
  }
}

class NodeAppendFile implements AppendFile {
  size: number;
  private readonly handle: FileHandle;
  private readonly path: string;

  constructor(handle: FileHandle, path: string, size: number) {
    this.handle = handle;
    this.path = path;
    this.size = size;
  }

  /** Into the system's memory, which takes less time than a trip to the thread pool; `sync` waits for the disk. */
  async append(bytes: Uint8Array): Promise<void> {
    this.size += bytes.length;
    await attempt('write', this.path, async () => writeFileSync(this.handle.fd, bytes));
  }

  async sync(): Promise<void> {
    // The file's new length is metadata that fdatasync writes as well; the rest of its metadata is of no use.
    await attempt('sync', this.path, () => this.handle.datasync());
  }

  async close(): Promise<void> {
    await attempt('close', this.path, () => this.handle.close());
  }
}

/** After a recursive `mkdir` of `path`, with what it returned: the outermost directory that it made, if any. */
export async function syncNewDirectories(path: string, first: string | undefined): Promise<void> {
  if (first === undefined) return;
  const outermost = resolve(first);
  // Each new directory is an entry of its parent.
  for (let at = resolve(path); at.length >= outermost.length; at = dirname(at)) await syncDirectory(dirname(at));
}

export async function syncDirectory(path: string): Promise<void> {
  await attempt('sync', path, async () => {
    const directory = openSync(path, 'r');
    try {
      await fsync(directory);
    } finally {
      closeSync(directory);
    }
  });
}

export async function attempt<T>(action: string, path: string, operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (error) {
    throw ioFailed(action, path, error);
  }
}

function ioFailed(action: string, path: string, error: unknown): MachineError<'io_failed'> {
  const { code, message } = error as { code?: string; message?: string };
  const reason = ioAdvice(code, message ?? '') ?? message ?? String(error);
  return new MachineError('io_failed', `cannot ${action} ${path}: ${reason}`, { cause: error });
}

function isMissing(error: unknown): boolean {
  return (error as { code?: string }).code === 'ENOENT';
}

function plain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
