import { type FileHandle, open } from 'node:fs/promises';
import { BizraError } from '#util/errors.ts';
import type { StorageErrorCode } from './errors.ts';
import { attempt } from './node-files.ts';

/** A file that somebody named, and its size. Throws BizraError 'no_such_file', MachineError 'io_failed'. */
export async function openInput(path: string): Promise<{ readonly file: FileHandle; readonly size: number }> {
  const file = await attempt('open', path, () =>
    open(path, 'r').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    }),
  );
  if (file === undefined) throw missing(`${path}: there is no such file`);
  const stats = await attempt('read', path, () => file.stat()).catch(async (error: unknown) => {
    await file.close();
    throw error;
  });
  if (!stats.isDirectory()) return { file, size: stats.size };
  await file.close();
  throw missing(`${path} is a directory: give a file`);
}

function missing(message: string): BizraError<StorageErrorCode> {
  return new BizraError('no_such_file', message);
}
