import type { AppendFile, Files } from '#ports/files.ts';
import type { KeyRange, KeyValue, KeyValueSnapshot, WriteBatch } from '#ports/key-value.ts';
import { MemoryKeyValue } from '#storage/memory.ts';
import { MemoryFiles } from '#storage/memory-files.ts';
import type { Chance } from './chance.ts';
import type { Life, Scheduler } from './scheduler.ts';

/** Milliseconds of one write that reaches the system, and of one that reaches the disk. */
const WRITE_MS = [0.01, 0.1] as const;
const SYNC_MS = [0.1, 4] as const;
/** Bytes of an unsynced end that a power cut may leave. */
const TORN_MAX_BYTES = 40;

/** What a machine keeps when its process dies. */
export class Disk {
  files = new MemoryFiles();
  kv = new MemoryKeyValue();

  /** Loses what was not synced, save perhaps a torn piece of it. */
  losePower(chance: Chance): void {
    this.files = this.files.crash({}, chance.chance(0.5) ? chance.below(TORN_MAX_BYTES) : 0);
    this.kv = this.kv.crash();
  }
}

/** How long the disk takes, for one incarnation: an operation of a dead process never ends. */
export class DiskTime {
  private readonly scheduler: Scheduler;
  private readonly life: Life;
  private readonly chance: Chance;

  constructor(scheduler: Scheduler, life: Life, chance: Chance) {
    this.scheduler = scheduler;
    this.life = life;
    this.chance = chance;
  }

  write(): Promise<void> {
    return this.scheduler.pause(this.chance.between(...WRITE_MS), this.life);
  }

  sync(): Promise<void> {
    return this.scheduler.pause(this.chance.between(...SYNC_MS), this.life);
  }
}

/** Files that take virtual time. A crash falls before or after each operation. */
export class TimedFiles implements Files {
  private readonly files: Files;
  private readonly time: DiskTime;

  constructor(files: Files, time: DiskTime) {
    this.files = files;
    this.time = time;
  }

  async read(path: string): Promise<Uint8Array | undefined> {
    await this.time.write();
    return this.files.read(path);
  }

  async openAppend(path: string): Promise<AppendFile> {
    await this.time.sync();
    const file = await this.files.openAppend(path);
    const { time } = this;
    return {
      get size() {
        return file.size;
      },
      append: async (bytes) => {
        await time.write();
        await file.append(bytes);
      },
      sync: async () => {
        await time.sync();
        await file.sync();
      },
      truncate: async (size) => {
        await time.sync();
        await file.truncate(size);
      },
      close: () => file.close(),
    };
  }

  async replace(path: string, bytes: Uint8Array): Promise<void> {
    await this.time.sync();
    await this.files.replace(path, bytes);
    // Done, but the process does not know it yet: a crash here finds the new file.
    await this.time.write();
  }

  async remove(path: string): Promise<void> {
    await this.time.sync();
    await this.files.remove(path);
  }

  list(directory: string): Promise<string[]> {
    return this.files.list(directory);
  }

  makeDirectory(path: string): Promise<void> {
    return this.files.makeDirectory(path);
  }
}

/** A database whose batches take virtual time, are visible before they are durable, and durable before it is told. */
export class TimedKeyValue implements KeyValue {
  private readonly kv: MemoryKeyValue;
  private readonly time: DiskTime;

  constructor(kv: MemoryKeyValue, time: DiskTime) {
    this.kv = kv;
    this.time = time;
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.kv.get(key);
  }

  getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    return this.kv.getMany(keys);
  }

  iterate(range: KeyRange): AsyncIterable<readonly [Uint8Array, Uint8Array]> {
    return this.kv.iterate(range);
  }

  snapshot(): KeyValueSnapshot {
    return this.kv.snapshot();
  }

  batch(): WriteBatch {
    const { kv, time } = this;
    const batch = kv.batch();
    return {
      put: (key, value) => batch.put(key, value),
      delete: (key) => batch.delete(key),
      discard: () => batch.discard(),
      get length() {
        return batch.length;
      },
      write: async ({ sync }) => {
        await time.write();
        await batch.write({ sync: false });
        if (!sync) return;
        await time.sync();
        await kv.batch().write({ sync: true });
        await time.write();
      },
    };
  }

  async close(): Promise<void> {
    // The model stays open for the next incarnation; this one makes no further calls.
  }
}
