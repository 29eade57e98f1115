import { MachineError } from '#util/errors.ts';
import type { FileKind } from './disk-points.ts';

export const DISK_ERRORS = ['disk full', 'read error', 'write error', 'sync error'] as const;
export type DiskErrorName = (typeof DISK_ERRORS)[number];

export type DiskUse = 'read' | 'write' | 'sync';
export type DiskTarget = FileKind | 'database';

/** What fails while an error lasts. A full disk still reads, and syncs what it has. */
const FAILING: Readonly<Record<DiskErrorName, DiskUse>> = {
  'disk full': 'write',
  'read error': 'read',
  'write error': 'write',
  'sync error': 'sync',
};
const REASON: Readonly<Record<DiskErrorName, string>> = {
  'disk full': 'ENOSPC: no space left on device',
  'read error': 'EIO: i/o error, read',
  'write error': 'EIO: i/o error, write',
  'sync error': 'EIO: i/o error, fsync',
};

/** What a disk refuses at present, and every error that it gave. */
export class DiskFaults {
  private readonly given = new WeakSet<object>();
  private active: { readonly name: DiskErrorName; readonly target: DiskTarget | undefined } | undefined;

  /** From now on; on one kind of file alone if `target` is given. */
  strike(name: DiskErrorName, target: DiskTarget | undefined): void {
    this.active = { name, target };
  }

  lift(): void {
    this.active = undefined;
  }

  /** Throws as the real adapters do. */
  check(use: DiskUse, target: DiskTarget): void {
    const { active } = this;
    if (active === undefined || FAILING[active.name] !== use) return;
    if (active.target !== undefined && active.target !== target) return;
    const code = target === 'database' ? 'database_failed' : 'io_failed';
    const error = new MachineError(code, `cannot ${use} the ${target}: ${REASON[active.name]}`);
    this.given.add(error);
    throw error;
  }

  /** True when the error, or what caused it, came from here. */
  gave(error: unknown): boolean {
    for (let at = error; at instanceof Error; at = at.cause) if (this.given.has(at)) return true;
    return false;
  }
}
