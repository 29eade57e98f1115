import type { AppendFile, Files } from '#ports/files.ts';
import { assert } from '#util/assert.ts';
import { concatBytes } from '#util/bytes.ts';

/** A moment within an operation at which the power may fail or the disk may refuse. */
export type FileStep = 'create' | 'append' | 'sync' | 'truncate' | 'write' | 'rename' | 'syncDirectory' | 'unlink';

interface Content {
  bytes: Uint8Array;
  durable: Uint8Array;
}

export interface MemoryFilesOptions {
  /** Called before each step takes effect. Throwing refuses the step (a disk error) or stops the run (a power cut). */
  readonly beforeStep?: (step: FileStep, path: string) => void;
}

/**
 * Files as a model: what is not synced is gone after `crash`. File contents become durable by `sync`, names by the
 * sync of the directory, as POSIX promises and no more.
 */
export class MemoryFiles implements Files {
  private readonly names = new Map<string, Content>();
  private readonly durableNames = new Map<string, Content>();
  private readonly options: MemoryFilesOptions;

  constructor(options: MemoryFilesOptions = {}) {
    this.options = options;
  }

  /**
   * What a power cut leaves, as a new port. `tornBytes` of each file's unsynced end survive, as a disk that wrote
   * part of a page would have it.
   */
  crash(options: MemoryFilesOptions = {}, tornBytes = 0): MemoryFiles {
    const survivor = new MemoryFiles(options);
    for (const [path, content] of this.durableNames) {
      const kept = Math.max(content.durable.length, Math.min(content.bytes.length, content.durable.length + tornBytes));
      const bytes = tornBytes > 0 ? content.bytes.slice(0, kept) : content.durable;
      const copy: Content = { bytes, durable: bytes };
      survivor.names.set(path, copy);
      survivor.durableNames.set(path, copy);
    }
    return survivor;
  }

  /** Changes a file's bytes behind everybody's back: a flipped bit, a zeroed sector. */
  corrupt(path: string, change: (bytes: Uint8Array) => Uint8Array): void {
    const content = this.names.get(path);
    assert(content !== undefined, `${path} exists`);
    content.bytes = change(content.bytes.slice());
    content.durable = content.bytes;
  }

  async read(path: string): Promise<Uint8Array | undefined> {
    return this.names.get(path)?.bytes.slice();
  }

  async openAppend(path: string): Promise<AppendFile> {
    let content = this.names.get(path);
    if (content === undefined) {
      this.step('create', path);
      content = { bytes: new Uint8Array(0), durable: new Uint8Array(0) };
      this.names.set(path, content);
      this.syncName(path);
    }
    return this.appendFile(path, content);
  }

  async replace(path: string, bytes: Uint8Array): Promise<void> {
    this.step('write', path);
    const content: Content = { bytes: bytes.slice(), durable: new Uint8Array(0) };
    this.step('sync', path);
    content.durable = content.bytes;
    this.step('rename', path);
    this.names.set(path, content);
    this.syncName(path);
  }

  async remove(path: string): Promise<void> {
    if (!this.names.has(path)) return;
    this.step('unlink', path);
    this.names.delete(path);
    this.syncName(path);
  }

  async list(directory: string): Promise<string[]> {
    const prefix = directory.endsWith('/') ? directory : `${directory}/`;
    const names = [...this.names.keys()].filter((path) => path.startsWith(prefix));
    return names.map((path) => path.slice(prefix.length)).sort();
  }

  async makeDirectory(): Promise<void> {
    // Directories exist as soon as a file is in them.
  }

  private appendFile(path: string, content: Content): AppendFile {
    return {
      get size() {
        return content.bytes.length;
      },
      append: async (bytes) => {
        this.step('append', path);
        content.bytes = concatBytes(content.bytes, bytes);
      },
      sync: async () => {
        this.step('sync', path);
        content.durable = content.bytes;
      },
      truncate: async (size) => {
        this.step('truncate', path);
        content.bytes = content.bytes.slice(0, size);
        content.durable = content.bytes;
      },
      close: async () => undefined,
    };
  }

  private syncName(path: string): void {
    this.step('syncDirectory', path);
    const content = this.names.get(path);
    if (content === undefined) this.durableNames.delete(path);
    else this.durableNames.set(path, content);
  }

  private step(step: FileStep, path: string): void {
    this.options.beforeStep?.(step, path);
  }
}
