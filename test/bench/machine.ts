import { execFile } from 'node:child_process';
import { availableParallelism, cpus, platform, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const ROOT = join(import.meta.dirname, '..', '..');
const BYTES_PER_GIB = 2 ** 30;

/** Where and when figures were taken: they compare within one machine and one day only. */
export interface Machine {
  readonly date: string;
  readonly commit: string;
  readonly cores: number;
  readonly cpu: string;
  readonly memoryGib: number;
  readonly system: string;
  readonly node: string;
}

async function git(...args: string[]): Promise<string> {
  try {
    return (await promisify(execFile)('git', args, { cwd: ROOT })).stdout.trim();
  } catch {
    return ''; // no git, or no repository: a packed copy
  }
}

export async function describeMachine(): Promise<Machine> {
  const commit = (await git('rev-parse', '--short', 'HEAD')) || 'unknown';
  const changed = (await git('status', '--porcelain', '--', 'src')) === '' ? '' : ' with changes in src';
  return {
    date: new Date().toISOString(),
    commit: commit + changed,
    cores: availableParallelism(),
    cpu: cpus()[0]?.model ?? 'unknown',
    memoryGib: Math.round(totalmem() / BYTES_PER_GIB),
    system: `${platform()} ${release()}`,
    node: process.version,
  };
}
