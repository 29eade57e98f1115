import { readFileSync, rmSync, writeFileSync } from 'node:fs';

/** A file that is there while a process has the database open: found at a start, it tells of one that did not end well. */
export class OpenMark {
  private readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /** True when a process left it that is no more. LevelDB knows about those that are. */
  get isLeft(): boolean {
    try {
      return !isRunning(Number(readFileSync(this.path, 'latin1')));
    } catch {
      return false;
    }
  }

  set(): void {
    writeFileSync(this.path, String(process.pid));
  }

  clear(): void {
    try {
      rmSync(this.path, { force: true });
    } catch {
      // A disk that refuses even this was told of by whoever wrote before. The mark stays; the next start looks at all files.
    }
  }
}

function isRunning(pid: number): boolean {
  // A power cut may have emptied the mark; 0 would be this process's own group.
  if (!(pid > 0)) return false;
  // As it is after a restart of a container.
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as { code?: string }).code === 'EPERM';
  }
}
