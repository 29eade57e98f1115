import type { AppendFile, Files } from '#ports/files.ts';
import { assert } from '#util/assert.ts';
import { concatBytes } from '#util/bytes.ts';
import { MachineError } from '#util/errors.ts';

/**
 * A moment within an operation at which the power may fail or the disk may refuse. A write has two, since a half of it
 * may be all that happens.
 */
export type FileStep =
  | 'create'
  | 'append'
  | 'appendRest'
  | 'sync'
  | 'write'
  | 'writeRest'
  | 'rename'
  | 'syncDirectory'
  | 'unlink';

export interface MemoryFilesOptions {
  /**
   * Called before each step takes effect, and awaited. Throwing refuses the step (a disk error) or stops the run (a
   * power cut); a promise that never settles is a process that died there.
   */
  readonly beforeStep?: (step: FileStep, path: string) => unknown;
  /** Files whose sync does nothing, as a program that forgot it: shows that a checker notices. */
  readonly neverSynced?: (path: string) => boolean;
}

/** What a power cut leaves of that which was not synced. POSIX promises neither its presence nor its absence. */
export interface Survival {
  /** Bytes that the file's unsynced end has become. */
  end(path: string, unsynced: Uint8Array): Uint8Array;
  /** Whether the last change of a name (creation, replacement, removal) is on the disk, its directory being unsynced. */
  name(path: string): boolean;
}

/** Sibling that `replace` writes first. */
const TEMPORARY_SUFFIX = '.tmp';
const MIN_CAPACITY_BYTES = 256;

/** One file, whatever its names: bytes, of which the first `durable` are on the disk. */
class Content {
  private buffer: Uint8Array;
  private length: number;
  durable: number;
  /** Parts that count as synced and are not on the disk: a sync failed, and the system forgot that they were to be written. */
  private lost: { readonly from: number; readonly to: number }[] = [];

  constructor(bytes: Uint8Array, durable: number) {
    this.buffer = bytes;
    this.length = bytes.length;
    this.durable = durable;
  }

  get size(): number {
    return this.length;
  }

  get bytes(): Uint8Array {
    return this.buffer.subarray(0, this.length);
  }

  append(bytes: Uint8Array): void {
    const length = this.length + bytes.length;
    if (length > this.buffer.length) {
      const grown = new Uint8Array(Math.max(MIN_CAPACITY_BYTES, 2 * length));
      grown.set(this.bytes);
      this.buffer = grown;
    }
    this.buffer.set(bytes, this.length);
    this.length = length;
  }

  /** All of it on the disk. */
  become(bytes: Uint8Array): void {
    this.buffer = bytes;
    this.length = bytes.length;
    this.durable = bytes.length;
    this.lost = [];
  }

  sync(): void {
    this.durable = this.length;
  }

  syncFailed(): void {
    this.lost.push({ from: this.durable, to: this.length });
    this.durable = this.length;
  }

  /** What a power cut leaves of the synced part. */
  survivingBytes(): Uint8Array {
    const bytes = this.buffer.slice(0, this.durable);
    for (const { from, to } of this.lost) bytes.fill(0, from, Math.min(to, bytes.length));
    return bytes;
  }
}

interface Disk {
  readonly names: Map<string, Content>;
  readonly durableNames: Map<string, Content>;
}

/**
 * Files as a model: what is not synced may be gone after `crash`. File contents become durable by `sync`, names by the
 * sync of the directory, as POSIX promises and no more: a name may be durable whose content is not.
 */
export class MemoryFiles implements Files {
  private readonly disk: Disk;
  private readonly options: MemoryFilesOptions;

  constructor(options: MemoryFilesOptions = {}, disk: Disk = { names: new Map(), durableNames: new Map() }) {
    this.options = options;
    this.disk = disk;
  }

  /** The same files for another process. */
  sharing(options: MemoryFilesOptions): MemoryFiles {
    return new MemoryFiles(options, this.disk);
  }

  /**
   * What a power cut leaves, as a new port. Of what was not synced, `unsynced` says what survives; a number is that many
   * bytes of each file's end, as a disk that wrote part of a page would have it, and no unsynced name.
   */
  crash(options: MemoryFilesOptions = {}, unsynced: number | Survival = 0): MemoryFiles {
    const survivor = new MemoryFiles(options);
    const survival = typeof unsynced === 'number' ? keepBytes(unsynced) : unsynced;
    const { names, durableNames } = this.disk;
    for (const path of new Set([...durableNames.keys(), ...names.keys()])) {
      const durable = durableNames.get(path);
      const now = names.get(path);
      const content = durable !== now && survival.name(path) ? now : durable;
      if (content === undefined) continue;
      const kept = content.survivingBytes();
      const end = content.bytes.slice(content.durable);
      const bytes = end.length === 0 ? kept : concatBytes(kept, survival.end(path, end));
      const copy = new Content(bytes, bytes.length);
      survivor.disk.names.set(path, copy);
      survivor.disk.durableNames.set(path, copy);
    }
    return survivor;
  }

  /** Changes a file's bytes behind everybody's back: a flipped bit, a zeroed sector. */
  corrupt(path: string, change: (bytes: Uint8Array) => Uint8Array): void {
    const content = this.disk.names.get(path);
    assert(content !== undefined, `${path} exists`);
    const bytes = change(content.bytes.slice());
    content.become(bytes);
  }

  /** Bytes of a file that a power cut cannot take; undefined where it could take the name. */
  durable(path: string): Uint8Array | undefined {
    const content = this.disk.durableNames.get(path);
    return content?.survivingBytes();
  }

  async read(path: string): Promise<Uint8Array | undefined> {
    return this.disk.names.get(path)?.bytes.slice();
  }

  async openAppend(path: string): Promise<AppendFile> {
    let content = this.disk.names.get(path);
    if (content === undefined) {
      await this.step('create', path);
      content = new Content(new Uint8Array(0), 0);
      this.disk.names.set(path, content);
    }
    // An empty file may be new to the directory.
    if (content.size === 0) await this.syncDirectory(path);
    return this.appendFile(path, content);
  }

  async replace(path: string, bytes: Uint8Array): Promise<void> {
    const { names } = this.disk;
    const temporary = path + TEMPORARY_SUFFIX;
    await this.step('write', path);
    const half = bytes.length >>> 1;
    const content = new Content(bytes.slice(0, half), 0);
    names.set(temporary, content);
    await this.step('writeRest', path);
    content.append(bytes.subarray(half));
    await this.step('sync', path);
    if (!this.isNeverSynced(path)) content.sync();
    await this.step('rename', path);
    names.delete(temporary);
    names.set(path, content);
    await this.syncDirectory(path);
  }

  async remove(path: string): Promise<void> {
    if (!this.disk.names.has(path)) return;
    await this.step('unlink', path);
    this.disk.names.delete(path);
    await this.syncDirectory(path);
  }

  async list(directory: string): Promise<string[]> {
    const prefix = directory.endsWith('/') ? directory : `${directory}/`;
    const names = [...this.disk.names.keys()].filter((path) => path.startsWith(prefix));
    return names.map((path) => path.slice(prefix.length)).sort();
  }

  async makeDirectory(): Promise<void> {
    // Directories exist as soon as a file is in them.
  }

  private appendFile(path: string, content: Content): AppendFile {
    return {
      get size() {
        return content.size;
      },
      append: async (bytes) => {
        await this.step('append', path);
        const half = bytes.length >>> 1;
        content.append(bytes.subarray(0, half));
        await this.step('appendRest', path);
        content.append(bytes.subarray(half));
      },
      sync: async () => {
        // What is appended while it runs may be on the disk after it, or not.
        const { size } = content;
        await this.syncStep(path, content);
        if (!this.isNeverSynced(path)) content.durable = Math.max(content.durable, Math.min(size, content.size));
      },
      close: async () => undefined,
    };
  }

  /** All names of the file's directory become durable. */
  private async syncDirectory(path: string): Promise<void> {
    await this.step('syncDirectory', path);
    const { names, durableNames } = this.disk;
    const directory = directoryOf(path);
    for (const name of [...durableNames.keys()]) {
      if (directoryOf(name) === directory && !names.has(name)) durableNames.delete(name);
    }
    for (const [name, content] of names) if (directoryOf(name) === directory) durableNames.set(name, content);
  }

  /** After an error of the disk the data may never be written, though it can be read and a second sync succeeds. */
  private async syncStep(path: string, content: Content): Promise<void> {
    try {
      await this.step('sync', path);
    } catch (error) {
      if (error instanceof MachineError) content.syncFailed();
      throw error;
    }
  }

  private isNeverSynced(path: string): boolean {
    return this.options.neverSynced?.(path) === true;
  }

  private async step(step: FileStep, path: string): Promise<void> {
    const wait = this.options.beforeStep?.(step, path);
    if (wait instanceof Promise) await wait;
  }
}

function keepBytes(count: number): Survival {
  return { end: (_path, unsynced) => unsynced.slice(0, count), name: () => false };
}

function directoryOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/') + 1);
}
