import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Trial } from './damage-rig.ts';

const CHILD = fileURLToPath(new URL('./damage-child.ts', import.meta.url));
const OUTPUT_BYTES = 64 * 1024 * 1024;
const COMPLAINT_CHARS = 2_000;

/**
 * Trials `from` to `to` over the home in `directory`; undefined where LevelDB aborted the process, which it does over
 * some damage. With `verify`, throws at a wrong answer, whether or not the process was aborted after it.
 */
export async function runTrials(
  directory: string,
  from: number,
  to: number,
  verify: boolean,
): Promise<(Trial | undefined)[]> {
  const trials: (Trial | undefined)[] = [];
  while (from + trials.length < to) {
    const { done, complaints } = await run([
      directory,
      String(from + trials.length),
      String(to),
      verify ? 'on' : 'off',
    ]);
    if (verify && complaints.includes('WRONG')) throw new Error(complaints.slice(0, COMPLAINT_CHARS));
    trials.push(...done);
    if (from + trials.length < to) trials.push(undefined);
  }
  return trials;
}

/** How often each outcome came. */
export function tally(trials: readonly (Trial | undefined)[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const trial of trials) {
    const phase = trial?.place.replace(/^.*?, /, '');
    const name = trial === undefined ? 'aborted' : `${trial.kind} ${phase}: ${trial.outcome}`;
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

function run(args: readonly string[]): Promise<{ done: Trial[]; complaints: string }> {
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [CHILD, ...args], { maxBuffer: OUTPUT_BYTES }, (error, stdout, complaints) => {
      if (error !== null && error.signal !== 'SIGABRT') return reject(error);
      const lines = stdout.split('\n').filter((line) => line !== '');
      resolve({ done: lines.map((line) => JSON.parse(line) as Trial), complaints });
    });
  });
}
