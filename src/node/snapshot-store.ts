import { join } from 'node:path';
import type { Directories, Files } from '#ports/files.ts';
import type { SnapshotArchive, SnapshotInfo } from '#state/snapshot/archive.ts';
import { encodeChunk } from '#state/snapshot/chunk.ts';
import type { LeafGroup } from '#state/snapshot/division.ts';
import { makeSnapshot } from '#state/snapshot/make.ts';
import { encodeManifest } from '#state/snapshot/manifest.ts';
import type { PinnedState } from '#state/snapshot/pinned-state.ts';
import { checkedValue, withChecksum } from '#storage/checksummed.ts';
import type { Logger } from '#telemetry/logger.ts';
import { fromLatin1 } from '#util/bytes.ts';
import { BizraError, MachineError } from '#util/errors.ts';
import type { Pause } from '#util/pause.ts';
import {
  chunkFile,
  decodeSnapshotRecord,
  encodeSnapshotRecord,
  heightOf,
  MANIFEST_FILE,
  type SnapshotTotals,
} from './snapshot-record.ts';

/** A snapshot under this name is not whole, or no longer: it is removed at the next start. */
const UNFINISHED_SUFFIX = '.unfinished';
/** Bytes of the disk that a snapshot leaves to the chain, which ends on a full one: minutes of full blocks. */
const DISK_RESERVE_BYTES = 512 * 1024 * 1024;

export interface MakeOptions {
  readonly pause: Pause;
  readonly onProgress?: ((made: SnapshotTotals) => void) | undefined;
}

export interface SnapshotStoreComponents {
  readonly files: Files;
  readonly directories: Directories;
  readonly logger: Logger;
  readonly compress: (bytes: Uint8Array) => Promise<Uint8Array>;
  /** Free bytes of the disk; absent where nobody can tell. */
  readonly freeBytes?: (path: string) => Promise<number>;
}

/**
 * Snapshots as files: a directory for each height, with a file for each chunk, compressed and with a checksum, and the
 * manifest. It is filled under another name and renamed when it is whole.
 */
export class SnapshotStore implements SnapshotArchive {
  private readonly components: SnapshotStoreComponents;
  private readonly path: string;
  private readonly kept = new Map<number, SnapshotInfo>();
  private underway: number | undefined;

  private constructor(components: SnapshotStoreComponents, path: string) {
    this.components = components;
    this.path = path;
  }

  /** What a process that died left unfinished, and what is damaged, is removed. Throws MachineError 'io_failed'. */
  static async open(components: SnapshotStoreComponents, path: string): Promise<SnapshotStore> {
    const store = new SnapshotStore(components, path);
    for (const name of await components.files.list(path)) {
      if (name.endsWith(UNFINISHED_SUFFIX)) await components.directories.remove(join(path, name));
      const height = heightOf(name);
      if (height !== undefined) await store.load(height);
    }
    return store;
  }

  get making(): number | undefined {
    return this.underway;
  }

  list(): readonly SnapshotInfo[] {
    return [...this.kept.values()].sort((a, b) => b.height - a.height);
  }

  async manifest(height: number): Promise<Uint8Array | undefined> {
    return this.whileWhole(height, async () => (await this.readRecord(height)).manifest);
  }

  async chunk(height: number, index: number): Promise<Uint8Array | undefined> {
    const chunks = this.kept.get(height)?.chunks ?? 0;
    if (index < 0 || index >= chunks) return undefined;
    return this.whileWhole(height, () => this.readChecked(height, chunkFile(index), 'chunk of a snapshot'));
  }

  /**
   * Makes the snapshot of a pinned state. What fails leaves nothing: throws MachineError 'io_failed', BizraError
   * 'disk_low', or what reading the state and `pause` throw.
   */
  async make(pinned: PinnedState, options: MakeOptions): Promise<SnapshotInfo> {
    const { files, directories } = this.components;
    const { height } = pinned;
    const known = this.kept.get(height);
    if (known !== undefined) return known;
    const unfinished = this.directory(height) + UNFINISHED_SUFFIX;
    this.underway = height;
    try {
      await directories.remove(unfinished);
      await files.makeDirectory(unfinished);
      const info = await this.fill(unfinished, pinned, options);
      await directories.rename(unfinished, this.directory(height));
      await directories.syncName(unfinished);
      this.kept.set(height, info);
      return info;
    } catch (error) {
      await this.tidy(unfinished);
      // Renamed, but nobody knows whether that lasts.
      await this.tidy(this.directory(height));
      throw error;
    } finally {
      this.underway = undefined;
    }
  }

  /** False when there is none at this height. */
  async delete(height: number): Promise<boolean> {
    if (!this.kept.delete(height)) return false;
    const { directories } = this.components;
    const unfinished = this.directory(height) + UNFINISHED_SUFFIX;
    await directories.remove(unfinished);
    await directories.rename(this.directory(height), unfinished);
    await directories.syncName(unfinished);
    await directories.remove(unfinished);
    return true;
  }

  private async fill(
    directory: string,
    pinned: PinnedState,
    { pause, onProgress }: MakeOptions,
  ): Promise<SnapshotInfo> {
    const totals = { leaves: 0, bytes: 0, storedBytes: 0 };
    const manifest = await makeSnapshot(
      pinned,
      async (index, group) => {
        const { bytes, storedBytes } = await this.writeChunk(join(directory, chunkFile(index)), group, pause);
        totals.leaves += group.leaves.length;
        totals.bytes += bytes;
        totals.storedBytes += storedBytes;
        onProgress?.(totals);
      },
      pause,
    );
    const path = join(directory, MANIFEST_FILE);
    const record = encodeSnapshotRecord(encodeManifest(manifest), totals);
    await this.write(path, record);
    return decodeSnapshotRecord(path, record).info;
  }

  private async writeChunk(path: string, { leaves }: LeafGroup, pause: Pause): Promise<Omit<SnapshotTotals, 'leaves'>> {
    await this.checkDisk();
    const encoded = await encodeChunk(leaves, pause);
    await pause();
    const stored = await this.components.compress(encoded);
    await this.write(path, withChecksum(stored));
    return { bytes: encoded.length, storedBytes: stored.length };
  }

  private async write(path: string, bytes: Uint8Array): Promise<void> {
    const file = await this.components.files.openAppend(path);
    try {
      await file.append(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
  }

  private async checkDisk(): Promise<void> {
    const free = await this.components.freeBytes?.(this.path);
    if (free === undefined || free >= DISK_RESERVE_BYTES) return;
    throw new BizraError('disk_low', `the disk has ${free} bytes left, which the chain may need: make room`);
  }

  /** Something else went wrong already; what cannot be removed now is removed at the next start. */
  private async tidy(directory: string): Promise<void> {
    try {
      await this.components.directories.remove(directory);
    } catch (error) {
      this.warn('an unfinished snapshot could not be removed', directory, error);
    }
  }

  private async load(height: number): Promise<void> {
    try {
      const { info } = await this.readRecord(height);
      const names = new Set(await this.components.files.list(this.directory(height)));
      const isWhole = Array.from({ length: info.chunks }, (_, i) => chunkFile(i)).every((name) => names.has(name));
      if (info.height !== height || !isWhole) throw new BizraError('bad_snapshot', 'files of it are missing');
      this.kept.set(height, info);
    } catch (error) {
      await this.drop(height, error);
    }
  }

  /**
   * Runs a read; a snapshot in which it finds damage is given to nobody any more. A disk that does not answer, or a
   * process without file descriptors, says nothing of what is stored.
   */
  private async whileWhole<T>(height: number, read: () => Promise<T>): Promise<T | undefined> {
    if (!this.kept.has(height)) return undefined;
    try {
      return await read();
    } catch (error) {
      if (isUnreadable(error)) this.warn('a snapshot cannot be read', this.directory(height), error);
      // It may have been deleted meanwhile, by the node itself.
      else if (this.kept.delete(height)) await this.drop(height, error);
      return undefined;
    }
  }

  private async drop(height: number, error: unknown): Promise<void> {
    this.warn('a damaged snapshot was removed', this.directory(height), error);
    await this.tidy(this.directory(height));
  }

  private async readRecord(height: number): Promise<{ info: SnapshotInfo; manifest: Uint8Array }> {
    const path = join(this.directory(height), MANIFEST_FILE);
    return decodeSnapshotRecord(path, await this.readFile(path));
  }

  private async readChecked(height: number, name: string, what: string): Promise<Uint8Array> {
    const path = join(this.directory(height), name);
    return checkedValue(await this.readFile(path), fromLatin1(path), what);
  }

  private async readFile(path: string): Promise<Uint8Array> {
    const bytes = await this.components.files.read(path);
    if (bytes === undefined) throw new BizraError('bad_snapshot', `${path} is missing`);
    return bytes;
  }

  private directory(height: number): string {
    return join(this.path, String(height));
  }

  private warn(message: string, path: string, error: unknown): void {
    this.components.logger.warn(message, { path, reason: error instanceof Error ? error.message : String(error) });
  }
}

function isUnreadable(error: unknown): boolean {
  return error instanceof MachineError && error.code === 'io_failed';
}
