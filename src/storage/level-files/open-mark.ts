import { readFileSync, rmSync, writeFileSync } from 'node:fs';

const BOOT_ID = '/proc/sys/kernel/random/boot_id';
/** Places behind the name of a process in /proc/PID/stat, which may have spaces and parentheses itself. */
const STATE = 0;
const START_TIME = 19;

/** A file that is there while a process has the database open: found at a start, it tells of one that did not end well. */
export class OpenMark {
  private readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /**
   * True when a process left it that is no more. LevelDB knows about those that are, and says so; all files are looked
   * at before it does, where nobody can tell.
   */
  get isLeft(): boolean {
    try {
      const text = readFileSync(this.path, 'latin1');
      return text !== runOf(Number.parseInt(text, 10));
    } catch (error) {
      return (error as { code?: string }).code !== 'ENOENT';
    }
  }

  set(): void {
    // On the disk before the database changes: it is for power cuts as well.
    writeFileSync(this.path, runOf(process.pid) ?? String(process.pid), { flush: true });
  }

  clear(): void {
    try {
      rmSync(this.path, { force: true });
    } catch {
      // A disk that refuses even this was told of by whoever wrote before. The mark stays; the next start looks at all files.
    }
  }
}

/**
 * A process that runs, told from all others that have its id: ids are given again, after a restart of the machine or of
 * a container the same ones first. Undefined when there is none, and where the system does not tell.
 */
function runOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // Killed, but not collected by its parent yet: it has nothing open any more.
    if (fields[STATE] === 'Z') return undefined;
    return `${pid} ${fields[START_TIME]} ${readFileSync(BOOT_ID, 'latin1').trim()}`;
  } catch {
    return undefined;
  }
}
