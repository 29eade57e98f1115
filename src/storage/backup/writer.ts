import { createHash } from 'node:crypto';
import { type FileHandle, link, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { assert } from '#util/assert.ts';
import { BizraError } from '#util/errors.ts';
import { compress } from '../compression.ts';
import { crc32c } from '../crc32c.ts';
import type { StorageErrorCode } from '../errors.ts';
import { attempt, syncDirectory } from '../node-files.ts';
import {
  type BackupHeader,
  type BackupTrailer,
  ENCODING,
  encodePreamble,
  encodeSectionHeader,
  RecordPacker,
  SECTION,
  SECTION_BYTES,
  SECTION_BYTES_MAX,
  type SectionKind,
} from './format.ts';

/** Of the chain's data, which is public, but nobody else's business on this machine. */
const FILE_MODE = 0o600;
/** Were all of it flushed at the end, the node's own syncs would wait behind it. */
const SYNC_EVERY_BYTES = 8 * 1024 * 1024;
/** Name of a file that is being written, with the process that writes it. */
const PARTIAL = /\.(\d+)\.partial$/;

/**
 * Writes a backup under another name and gives it its own when all of it is on the disk: what has that name is whole.
 * Holds one section in memory. Failures are MachineErrors 'io_failed' that name the file.
 */
export class BackupWriter {
  private readonly path: string;
  private readonly partial: string;
  private readonly file: FileHandle;
  private readonly hash = createHash('sha256');
  private readonly packer = new RecordPacker();
  private sections = 0;
  private bytes = 0;
  private recordCount = 0;
  private syncedBytes = 0;
  /** Bytes of the file so far. */
  fileBytes = 0;

  private constructor(path: string, partial: string, file: FileHandle) {
    this.path = path;
    this.partial = partial;
    this.file = file;
  }

  /** Throws BizraError 'file_exists' when there is something at `path`. */
  static async create(path: string, header: BackupHeader): Promise<BackupWriter> {
    await refuseExisting(path);
    await removeLeftovers(path);
    const partial = `${path}.${process.pid}.partial`;
    const file = await attempt('create', partial, () => open(partial, 'wx', FILE_MODE));
    const writer = new BackupWriter(path, partial, file);
    try {
      await writer.append(encodePreamble());
      await writer.section(SECTION.header, json(header));
      return writer;
    } catch (error) {
      await writer.abandon();
      throw error;
    }
  }

  get records(): number {
    return this.recordCount;
  }

  /** A piece of the genesis document, before the first record. The array is the caller's again when it resolves. */
  async genesis(piece: Uint8Array): Promise<void> {
    assert(this.recordCount === 0, 'the genesis document comes before the records');
    await this.section(SECTION.genesis, piece);
  }

  /** Takes a record. A promise is to be waited for before the next one. */
  put(key: Uint8Array, value: Uint8Array): Promise<void> | undefined {
    this.packer.add(key, value);
    this.recordCount++;
    return this.packer.bytes >= SECTION_BYTES ? this.section(SECTION.records, this.packer.take()) : undefined;
  }

  /** Ends the file, makes it durable, and gives it its name. */
  async finish(): Promise<BackupTrailer> {
    if (this.packer.bytes > 0) await this.section(SECTION.records, this.packer.take());
    const { sections, recordCount: records, bytes } = this;
    const trailer = { sections, records, bytes, sha256: this.hash.copy().digest('hex') };
    await this.section(SECTION.trailer, json(trailer));
    await attempt('sync', this.partial, () => this.file.sync());
    await attempt('close', this.partial, () => this.file.close());
    await giveName(this.partial, this.path);
    await syncDirectory(dirname(this.path));
    return trailer;
  }

  /** Removes what was written. Best effort: it is called after another failure. */
  async abandon(): Promise<void> {
    await this.file.close().catch(() => undefined);
    await rm(this.partial, { force: true }).catch(() => undefined);
  }

  private async section(kind: SectionKind, plain: Uint8Array): Promise<void> {
    assert(plain.length <= SECTION_BYTES_MAX, 'a record is no larger than a section may be');
    this.hash.update(plain);
    this.bytes += plain.length;
    const number = this.sections++;
    const deflated = kind === SECTION.header ? plain : await compress(plain);
    const encoding = deflated.length < plain.length ? ENCODING.deflate : ENCODING.plain;
    const stored = encoding === ENCODING.deflate ? deflated : plain;
    const [plainLength, storedLength, storedCrc] = [plain.length, stored.length, crc32c(stored)];
    await this.append(encodeSectionHeader({ number, kind, encoding, plainLength, storedLength, storedCrc }));
    await this.append(stored);
  }

  private async append(bytes: Uint8Array): Promise<void> {
    await attempt('write', this.partial, () => this.file.writeFile(bytes));
    this.fileBytes += bytes.length;
    if (this.fileBytes - this.syncedBytes < SYNC_EVERY_BYTES) return;
    this.syncedBytes = this.fileBytes;
    await attempt('sync', this.partial, () => this.file.datasync());
  }
}

function json(value: object): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

async function refuseExisting(path: string): Promise<void> {
  const found = await attempt('read', path, async () => {
    try {
      return await stat(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  });
  if (found !== undefined) throw exists(path);
}

function exists(path: string): BizraError<StorageErrorCode> {
  return new BizraError('file_exists', `${path} exists: choose another name, or move it away`);
}

/** Removes what killed processes left of the same backup. A leftover of this process' id is not its own: it has none. */
async function removeLeftovers(path: string): Promise<void> {
  const directory = dirname(path);
  for (const name of await attempt('read', directory, () => readdir(directory))) {
    const pid = name.startsWith(basename(path)) ? PARTIAL.exec(name)?.[1] : undefined;
    if (pid === undefined || (Number(pid) !== process.pid && isAlive(Number(pid)))) continue;
    await attempt('remove', join(directory, name), () => rm(join(directory, name), { force: true }));
  }
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
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw exists(path);
    await refuseExisting(path);
    return attempt('rename', partial, () => rename(partial, path));
  }
  await attempt('remove', partial, () => rm(partial));
}
