import { execFile } from 'node:child_process';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** What a process has used so far. */
export interface ProcessUsage {
  /** User and system time of all its threads, in microseconds. */
  readonly cpuMicros: number;
  /** Resident memory, in bytes. */
  readonly residentBytes: number;
}

/** Linux reports times in hundredths of a second to programs, whatever the kernel's own tick is. */
const MICROS_PER_TICK = 10_000;
/** Positions in /proc/PID/stat behind the name, which may hold spaces and ends with the last parenthesis. */
const USER_TIME_FIELD = 11;
const SYSTEM_TIME_FIELD = 12;

async function fromProc(pid: number): Promise<ProcessUsage> {
  const [statText, statusText] = await Promise.all([
    readFile(`/proc/${pid}/stat`, 'utf8'),
    readFile(`/proc/${pid}/status`, 'utf8'),
  ]);
  const fields = statText.slice(statText.lastIndexOf(')') + 2).split(' ');
  const ticks = Number(fields[USER_TIME_FIELD]) + Number(fields[SYSTEM_TIME_FIELD]);
  const kilobytes = Number(/^VmRSS:\s+(\d+) kB/m.exec(statusText)?.[1] ?? 0);
  return { cpuMicros: ticks * MICROS_PER_TICK, residentBytes: kilobytes * 1_024 };
}

/** `ps` gives [[DD-]HH:]MM:SS[.hh]. */
function parseTime(text: string): number {
  const [clock = '', days = '0'] = text.split('-').reverse();
  const seconds = clock.split(':').reduce((total, part) => total * 60 + Number(part), 0);
  return seconds + Number(days) * 86_400;
}

async function fromPs(pid: number): Promise<ProcessUsage> {
  const { stdout } = await promisify(execFile)('ps', ['-o', 'time=,rss=', '-p', String(pid)]);
  const [time = '', kilobytes = '0'] = stdout.trim().split(/\s+/);
  return { cpuMicros: parseTime(time) * 1_000_000, residentBytes: Number(kilobytes) * 1_024 };
}

/** Undefined when there is no such process. */
export async function readUsage(pid: number): Promise<ProcessUsage | undefined> {
  try {
    return process.platform === 'linux' ? await fromProc(pid) : await fromPs(pid);
  } catch {
    return undefined; // it has ended: the report leaves it out
  }
}

/** CPU that this process has used so far, in microseconds. */
export function ownCpuMicros(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/** Bytes of all files under a directory; files that vanish meanwhile (LevelDB compacts) count nothing. */
export async function directoryBytes(path: string): Promise<number> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  const sizes = await Promise.all(
    entries
      .filter((entry) => entry.isFile())
      .map((entry) =>
        stat(join(entry.parentPath, entry.name)).then(
          ({ ino, size }) => ({ ino, size }),
          () => ({ ino: 0, size: 0 }),
        ),
      ),
  );
  // A table may have a second name.
  const bytes = new Map(sizes.map(({ ino, size }) => [ino, size]));
  return [...bytes.values()].reduce((total, size) => total + size, 0);
}
