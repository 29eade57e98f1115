import { linkSync, mkdirSync, openSync, readdirSync, statSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { MachineError } from '#util/errors.ts';
import type { StorageErrorCode } from '../errors.ts';

/** In the database's directory; LevelDB leaves alone what it does not know. */
export const HELD_DIRECTORY = 'held';
const DIRECTORY_MODE = 0o700;
const HELD_NAME = /^(\d+)\.ldb$/;

/**
 * Second names of tables, so that a table is there still when LevelDB has merged it into others and deleted it. A file
 * system may refuse them: it knows none, or is full. Such a table is not held, and `onUnheld` is told of the first.
 */
export class HeldTables {
  private readonly directory: string;
  private readonly path: string;
  private readonly onUnheld: (error: Error) => void;
  private isReported = false;

  constructor(directory: string, onUnheld: (error: Error) => void = () => undefined) {
    this.directory = directory;
    this.path = join(directory, HELD_DIRECTORY);
    this.onUnheld = onUnheld;
    mkdirSync(this.path, { recursive: true, mode: DIRECTORY_MODE });
  }

  /** Numbers of all that are held. */
  list(): number[] {
    return readdirSync(this.path).flatMap((name) => {
      const number = HELD_NAME.exec(name)?.[1];
      return number === undefined ? [] : [Number(number)];
    });
  }

  has(number: number): boolean {
    return exists(this.pathOf(number));
  }

  /** As far as it is possible: LevelDB may have deleted it already. */
  hold(number: number, names: readonly string[] = tableNames(number)): void {
    try {
      for (const name of names) if (giveName(join(this.directory, name), this.pathOf(number))) return;
    } catch (error) {
      this.report(error);
    }
  }

  /** Opens it to be read; undefined when it is gone. */
  open(number: number): number | undefined {
    const paths = [this.pathOf(number), ...tableNames(number).map((name) => join(this.directory, name))];
    const path = paths.find(exists);
    try {
      return path === undefined ? undefined : openSync(path, 'r');
    } catch (error) {
      // LevelDB deleted it just now.
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  /** As LevelDB calls it, which may be merged by now. */
  nameOf(number: number): string {
    return join(this.directory, tableNames(number)[0]);
  }

  sizeOf(number: number): number {
    return statSync(this.pathOf(number), { throwIfNoEntry: false })?.size ?? 0;
  }

  drop(number: number): void {
    try {
      unlinkSync(this.pathOf(number));
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }

  private pathOf(number: number): string {
    return join(this.path, `${number}.ldb`);
  }

  private report(cause: unknown): void {
    if (this.isReported) return;
    this.isReported = true;
    const message = `tables of the database ${this.directory} cannot be held until they are verified: ${String(cause)}`;
    this.onUnheld(new MachineError<StorageErrorCode>('io_failed', message, { cause }));
  }
}

/** False when there is nothing at `from`. */
function giveName(from: string, held: string): boolean {
  try {
    linkSync(from, held);
  } catch (error) {
    if (isMissing(error)) return false;
    if ((error as { code?: string }).code !== 'EEXIST') throw error;
    renew(from, held);
  }
  return true;
}

/** A name that is there already, which is that of another file when the directory was copied. */
function renew(from: string, held: string): void {
  const live = statSync(from, { throwIfNoEntry: false });
  // Where LevelDB has deleted it meanwhile, what is held is what is left of it.
  if (live === undefined || live.ino === statSync(held).ino) return;
  unlinkSync(held);
  linkSync(from, held);
}

/** LevelDB's older versions named them differently. */
function tableNames(number: number): readonly [string, string] {
  const name = String(number).padStart(6, '0');
  return [`${name}.ldb`, `${name}.sst`];
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

function isMissing(error: unknown): boolean {
  return (error as { code?: string }).code === 'ENOENT';
}
