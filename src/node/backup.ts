import { mkdir, open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { readChainState } from '#engine/chain-store.ts';
import type { KeyValue, KeyValueSnapshot } from '#ports/key-value.ts';
import { type BackupHeader, SECTION_BYTES } from '#storage/backup/format.ts';
import { checkRow } from '#storage/backup/row-check.ts';
import { BackupWriter } from '#storage/backup/writer.ts';
import type { NewFileOptions } from '#storage/new-file.ts';
import { attempt, syncNewDirectories } from '#storage/node-files.ts';
import { toHex } from '#util/bytes.ts';
import { BizraError } from '#util/errors.ts';

/** Ends the name of a backup that gets one by itself. */
const BACKUP_SUFFIX = '.backup';

export interface BackupSource {
  readonly kv: KeyValue;
  readonly genesisFile: string;
  /** RFC 3339. */
  readonly time: string;
}

export interface BackupProgress {
  readonly height: number;
  readonly records: number;
  /** Written so far. */
  readonly bytes: number;
}

export interface WrittenBackup extends BackupHeader {
  readonly file: string;
  readonly records: number;
  /** Of the file. */
  readonly bytes: number;
}

export interface BackupOptions {
  /** A file that does not exist, or a directory (it exists, or the path ends in a slash): the file gets a name there. */
  readonly output: string;
  readonly onProgress?: (progress: BackupProgress) => void;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Writes all that the database holds at one height to a backup file: the node goes on meanwhile, and no step takes
 * longer than a section. Keys and the signing record are not in the database, and so in no backup. Throws what the
 * writer throws, 'damaged' where a row is not what was stored, and 'cancelled'.
 */
export async function writeBackup(source: BackupSource, options: BackupOptions): Promise<WrittenBackup> {
  const snapshot = source.kv.snapshot();
  try {
    const header = headerOf(snapshot, source.time);
    const { path, isKin } = await outputOf(options.output, header);
    const writer = await BackupWriter.create(path, header, { isKin });
    try {
      await writeAll(writer, snapshot, source.genesisFile, header.height, options);
      await writer.finish();
    } catch (error) {
      await writer.abandon();
      throw error;
    }
    return { file: path, ...header, records: writer.records, bytes: writer.fileBytes };
  } finally {
    await snapshot.release();
  }
}

async function writeAll(
  writer: BackupWriter,
  snapshot: KeyValueSnapshot,
  genesisFile: string,
  height: number,
  { signal, onProgress }: BackupOptions,
): Promise<void> {
  await writeGenesis(writer, genesisFile);
  for await (const [key, value] of snapshot.iterate({})) {
    checkRow(key, value);
    const written = writer.put(key, value);
    if (written === undefined) continue;
    await written;
    if (signal?.aborted === true) throw new BizraError('cancelled', 'the backup was cancelled: nothing was kept of it');
    onProgress?.({ height, records: writer.records, bytes: writer.fileBytes });
  }
}

/** In one piece of memory: garbage of a megabyte a section makes a node with much in its heap pause. */
async function writeGenesis(writer: BackupWriter, path: string): Promise<void> {
  const file = await attempt('open', path, () => open(path, 'r'));
  try {
    const buffer = new Uint8Array(SECTION_BYTES);
    for (;;) {
      const { bytesRead } = await attempt('read', path, () => file.read(buffer, 0, buffer.length));
      if (bytesRead === 0) return;
      await writer.genesis(buffer.subarray(0, bytesRead));
    }
  } finally {
    await file.close();
  }
}

function headerOf(snapshot: KeyValueSnapshot, time: string): BackupHeader {
  const chain = readChainState(snapshot);
  if (chain === undefined)
    throw new BizraError('chain_missing', 'the database holds no chain: there is nothing to back up');
  const { chainId, genesisHash, height, appHash } = chain;
  return { chain_id: chainId, genesis_hash: toHex(genesisHash), height, app_hash: toHex(appHash), time };
}

/** In a directory, what a killed one left of any height goes with the next. */
async function outputOf(output: string, header: BackupHeader): Promise<NewFileOptions & { readonly path: string }> {
  if (output.endsWith('/')) await makeOutput(output);
  else if (!(await isDirectory(output))) return { path: output };
  const [before, after] = [`${header.chain_id}-`, BACKUP_SUFFIX];
  const isKin = (name: string): boolean =>
    name.startsWith(before) && name.endsWith(after) && /^\d+$/.test(name.slice(before.length, -after.length));
  return { path: join(output, before + header.height + after), isKin };
}

/** It is on the disk before the backup in it counts as written. */
async function makeOutput(path: string): Promise<void> {
  const first = await attempt('create', path, () => mkdir(path, { recursive: true }));
  await syncNewDirectories(path, first);
}

async function isDirectory(path: string): Promise<boolean> {
  return attempt('read', path, async () => {
    try {
      return (await stat(path)).isDirectory();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
      throw error;
    }
  });
}
