import { linkSync, mkdirSync, readdirSync, statSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';

/** In the database's directory; LevelDB leaves alone what it does not know. */
export const HELD_DIRECTORY = 'held';
const DIRECTORY_MODE = 0o700;
const HELD_NAME = /^(\d+)\.ldb$/;

/**
 * Second names of tables, so that a table is there still when LevelDB has merged it into others and deleted it. Where the
 * file system knows no second names, there are none.
 */
export class HeldTables {
  private readonly directory: string;
  private readonly path: string;
  private isPossible = true;

  constructor(directory: string) {
    this.directory = directory;
    this.path = join(directory, HELD_DIRECTORY);
    mkdirSync(this.path, { recursive: true, mode: DIRECTORY_MODE });
  }

  /** Numbers of all that are held. */
  list(): number[] {
    return readdirSync(this.path).flatMap((name) => {
      const number = HELD_NAME.exec(name)?.[1];
      return number === undefined ? [] : [Number(number)];
    });
  }

  /** Where the table can be read, as long as it is held; undefined when LevelDB has deleted it already. */
  hold(number: number, names: readonly string[] = tableNames(number)): string | undefined {
    for (const name of names) {
      const from = join(this.directory, name);
      if (!this.isPossible && exists(from)) return from;
      const held = this.pathOf(number);
      try {
        linkSync(from, held);
        return held;
      } catch (error) {
        const { code } = error as { code?: string };
        if (code === 'ENOENT') continue;
        if (code === 'EEXIST') return this.renewed(from, held);
        this.isPossible = false;
        return from;
      }
    }
    return undefined;
  }

  /** Where the table can be read; undefined when it is gone. */
  find(number: number): string | undefined {
    const paths = [this.pathOf(number), ...tableNames(number).map((name) => join(this.directory, name))];
    return paths.find(exists);
  }

  /** As LevelDB calls it, which may be merged by now. */
  nameOf(number: number): string {
    return join(this.directory, tableNames(number)[0]);
  }

  sizeOf(number: number): number {
    return statSync(this.pathOf(number), { throwIfNoEntry: false })?.size ?? 0;
  }

  private pathOf(number: number): string {
    return join(this.path, `${number}.ldb`);
  }

  drop(number: number): void {
    try {
      unlinkSync(this.pathOf(number));
    } catch (error) {
      if ((error as { code?: string }).code !== 'ENOENT') throw error;
    }
  }

  /** A name that is there already, which is that of another file when the directory was copied. */
  private renewed(from: string, held: string): string {
    if (statSync(from).ino !== statSync(held).ino) {
      unlinkSync(held);
      linkSync(from, held);
    }
    return held;
  }
}

/** LevelDB's older versions named them differently. */
function tableNames(number: number): readonly [string, string] {
  const name = String(number).padStart(6, '0');
  return [`${name}.ldb`, `${name}.sst`];
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}
