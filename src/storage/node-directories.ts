import { open, opendir, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Directories } from '#ports/files.ts';
import { attempt, syncDirectory } from './node-files.ts';

/** The real file system. Every failure is a MachineError 'io_failed' that names the directory. */
export class NodeDirectories implements Directories {
  async exists(path: string): Promise<boolean> {
    return attempt('read', path, async () => {
      try {
        const directory = await opendir(path);
        try {
          return (await directory.read()) !== null;
        } finally {
          await directory.close();
        }
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === 'ENOENT') return false;
        // Something else bears the name: it is no room for a directory.
        if (code === 'ENOTDIR') return true;
        throw error;
      }
    });
  }

  async remove(path: string): Promise<void> {
    await attempt('remove', path, () => rm(path, { recursive: true, force: true }));
  }

  async rename(from: string, to: string): Promise<void> {
    await attempt('rename', from, () => rename(from, to));
  }

  async syncName(path: string): Promise<void> {
    await syncDirectory(dirname(path));
  }

  /** fsyncs the files in a directory, and their names. */
  async syncContents(path: string): Promise<void> {
    for (const name of await attempt('read', path, () => readdir(path))) await syncFile(join(path, name));
    await syncDirectory(path);
  }
}

async function syncFile(path: string): Promise<void> {
  await attempt('sync', path, async () => {
    const file = await open(path, 'r');
    try {
      await file.sync();
    } finally {
      await file.close();
    }
  });
}
