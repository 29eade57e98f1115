import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { StreamedFile } from '#ports/files.ts';
import { MachineError } from '#util/errors.ts';
import { attempt, syncDirectory } from './node-files.ts';

/** Nobody but the owner reads what a home holds. */
const FILE_MODE = 0o600;
const PIECE_BYTES = 1024 * 1024;
/** Sibling that is written first. One left over by a crash is overwritten by the next. */
const TEMPORARY_SUFFIX = '.tmp';

/** On the real file system. Its own failures are MachineErrors 'io_failed' that name the file. */
export class NodeStreamedFile implements StreamedFile {
  private readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  async *read(): AsyncGenerator<Uint8Array> {
    const handle = await this.openForReading();
    if (handle === undefined) return;
    try {
      for (;;) {
        const piece = new Uint8Array(PIECE_BYTES);
        const { bytesRead } = await attempt('read', this.path, () => handle.read(piece, 0, PIECE_BYTES));
        if (bytesRead === 0) return;
        yield piece.subarray(0, bytesRead);
      }
    } finally {
      await handle.close();
    }
  }

  async replace(pieces: AsyncIterable<Uint8Array>): Promise<void> {
    const temporary = this.path + TEMPORARY_SUFFIX;
    try {
      await writeSynced(temporary, pieces);
    } catch (error) {
      // The disk may be full of it.
      await rm(temporary, { force: true }).catch(() => undefined);
      throw error;
    }
    await attempt('replace', this.path, () => rename(temporary, this.path));
    await syncDirectory(dirname(this.path));
  }

  private async openForReading(): Promise<FileHandle | undefined> {
    try {
      return await attempt('open', this.path, () => open(this.path, 'r'));
    } catch (error) {
      if (error instanceof MachineError && (error.cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }
}

async function writeSynced(path: string, pieces: AsyncIterable<Uint8Array>): Promise<void> {
  const handle = await attempt('create', path, () => open(path, 'w', FILE_MODE));
  try {
    for await (const piece of pieces) await attempt('write', path, () => handle.writeFile(piece));
    await attempt('sync', path, () => handle.sync());
  } finally {
    await handle.close();
  }
}
