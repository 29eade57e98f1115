import type { AppendFile, Directories, Files } from '#ports/files.ts';
import type { KeyValue } from '#ports/key-value.ts';
import type { FileStep, MemoryFiles } from '#storage/memory-files.ts';
import type { Life } from '../time/scheduler.ts';
import type { Disk, DiskTime } from './disk.ts';
import { type AtPoint, type CrashPoint, type FileOperation, fileKind, pointAfter, pointBefore } from './disk-points.ts';
import { TimedKeyValue } from './timed-key-value.ts';

/** Breaks of the environment that a checker must notice, by their names in `--broken-rule`. */
export const DISK_BREAKS = ['signerNotSynced', 'walNotSynced', 'batchSplit'] as const;
export type DiskBreak = (typeof DISK_BREAKS)[number];

export function isDiskBreak(name: string | undefined): name is DiskBreak {
  return (DISK_BREAKS as readonly (string | undefined)[]).includes(name);
}

export interface DiskPortParts {
  readonly disk: Disk;
  readonly time: DiskTime;
  readonly life: Life;
  readonly at: AtPoint;
  readonly broken?: DiskBreak | undefined;
}

/** A machine's disk as one process sees it: every step takes virtual time and can be its last. */
export class DiskPort implements Directories {
  readonly files: Files;
  private readonly parts: DiskPortParts;
  private readonly model: MemoryFiles;
  private readonly operations = new Map<string, FileOperation>();

  constructor(parts: DiskPortParts) {
    const { disk, broken } = parts;
    this.parts = parts;
    this.model = disk.files.sharing({
      beforeStep: (step, path) => this.beforeStep(step, path),
      neverSynced: (path) =>
        (broken === 'signerNotSynced' && fileKind(path) === 'signer') ||
        (broken === 'walNotSynced' && fileKind(path) === 'log'),
    });
    this.files = {
      read: (path) => this.read(path),
      openAppend: async (path) =>
        this.appendFile(path, await this.run('openAppend', path, () => this.model.openAppend(path))),
      replace: (path, bytes) => this.run('replace', path, () => this.model.replace(path, bytes)),
      remove: (path) => this.run('remove', path, () => this.model.remove(path)),
      list: (directory) => this.model.list(directory),
      makeDirectory: () => this.model.makeDirectory(),
    };
  }

  async openDatabase(path: string): Promise<KeyValue> {
    const { disk, time, broken } = this.parts;
    const isGenesis = !disk.databases.has(path);
    if (isGenesis) await this.pass('genesis: sibling cleared, not opened');
    await time.sync();
    const database = disk.database(path);
    // LevelDB copies what it finds in its log to a table, and syncs that, before it is open: what a start reads stays.
    if (this.parts.life.alive) await database.batch().write({ sync: true });
    return new TimedKeyValue(database, {
      time,
      isGenesis,
      isSplit: broken === 'batchSplit',
      check: (use) => {
        if (this.parts.life.alive) disk.faults.check(use, 'database');
      },
      pass: (point) => this.pass(point),
      at: (point) => this.at(point),
    });
  }

  async exists(path: string): Promise<boolean> {
    await this.parts.time.write();
    return this.parts.disk.databases.has(path);
  }

  async remove(path: string): Promise<void> {
    await this.pass('genesis: sibling not cleared');
    this.parts.disk.databases.delete(path);
  }

  async rename(from: string, to: string): Promise<void> {
    await this.parts.time.write();
    await this.pass('genesis: sibling closed, not renamed');
    this.parts.disk.rename(from, to);
    await this.pass('genesis: renamed, parent not synced');
  }

  async syncName(): Promise<void> {
    await this.parts.time.sync();
    this.parts.disk.syncNames();
    await this.pass('genesis: parent synced, not told');
  }

  /** A moment within the process's own work. */
  at(point: CrashPoint): void {
    if (this.parts.life.alive) this.parts.at(point);
  }

  /** As `at`, where the process waits for its disk: one that died there waits for ever. */
  async pass(point: CrashPoint | undefined): Promise<void> {
    if (point !== undefined) this.at(point);
    if (!this.parts.life.alive) await new Promise<never>(() => {});
  }

  private async read(path: string): Promise<Uint8Array | undefined> {
    await this.parts.time.write();
    await this.pass(undefined);
    this.parts.disk.faults.check('read', fileKind(path));
    return this.model.read(path);
  }

  private appendFile(path: string, file: AppendFile): AppendFile {
    return {
      get size() {
        return file.size;
      },
      append: (bytes) => this.run('append', path, () => file.append(bytes)),
      sync: () => this.run('sync', path, () => file.sync()),
      close: () => file.close(),
    };
  }

  private async run<T>(operation: FileOperation, path: string, act: () => Promise<T>): Promise<T> {
    await this.pass(undefined);
    this.operations.set(path, operation);
    const result = await act();
    await this.pass(pointAfter(fileKind(path), operation));
    return result;
  }

  private async beforeStep(step: FileStep, path: string): Promise<void> {
    const { time } = this.parts;
    const point = pointBefore(fileKind(path), this.operations.get(path) ?? 'replace', step);
    if (step === 'sync' || step === 'syncDirectory') await time.sync();
    else if (step !== 'appendRest' && step !== 'writeRest') await time.write();
    await this.pass(point);
    this.parts.disk.faults.check(step === 'sync' || step === 'syncDirectory' ? 'sync' : 'write', fileKind(path));
  }
}
