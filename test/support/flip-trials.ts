import { execFile } from 'node:child_process';
import { cpSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fromHex, toHex } from '#util/bytes.ts';
import type { Answers, Model } from './level-questions.ts';

const CHILD = fileURLToPath(new URL('./flip-child.ts', import.meta.url));

/** One flipped bit in a file of an open database; `merge`: LevelDB merges all tables after it. */
export interface Flip {
  readonly name: string;
  readonly at: number;
  readonly bit: number;
  readonly merge: boolean;
}

export interface Plan {
  readonly directory: string;
  readonly model: Model;
  readonly flips: readonly Flip[];
}

/** Flips one bit in place, where the file is there still. */
export function flipIn(directory: string, { name, at, bit }: Omit<Flip, 'merge'>): void {
  const path = join(directory, name);
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return;
  const bytes = readFileSync(path);
  const place = at % bytes.length;
  bytes[place] = (bytes[place] as number) ^ (1 << bit);
  writeFileSync(path, bytes, { flag: 'r+' });
}

/** The copy of the database in `directory` that trial `index` damages. */
export function copyFor(directory: string, index: number): string {
  const path = join(directory, `copy-${index}`);
  cpSync(join(directory, 'base'), path, { recursive: true });
  return path;
}

/**
 * What came of each flip; undefined where LevelDB aborted the process, which it does over some damage. So they are tried
 * in another process, which is started again. `after` is called while the copy is there.
 */
export async function tryFlips(
  plan: Plan,
  after: (path: string, answers: Answers | undefined, flip: Flip) => Promise<void>,
): Promise<(Answers | undefined)[]> {
  const planFile = join(plan.directory, 'plan.json');
  const model = [...plan.model].map(([key, value]) => [key, toHex(value)]);
  await writeFile(planFile, JSON.stringify({ ...plan, model }));
  const all: (Answers | undefined)[] = [];
  while (all.length < plan.flips.length) {
    all.push(...(await run(planFile, all.length)));
    if (all.length < plan.flips.length) all.push(undefined);
  }
  for (const [index, answers] of all.entries()) {
    const path = join(plan.directory, `copy-${index}`);
    await after(path, answers, plan.flips[index] as Flip);
    await rm(path, { recursive: true });
  }
  return all;
}

export function readPlan(file: string): Plan {
  const { model, ...plan } = JSON.parse(readFileSync(file, 'utf8')) as Plan & { model: [string, string][] };
  return { ...plan, model: new Map(model.map(([key, value]) => [key, fromHex(value)])) };
}

/** From flip `from` on, until the process ends. */
function run(planFile: string, from: number): Promise<Answers[]> {
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [CHILD, planFile, String(from)], (error, stdout) => {
      if (error !== null && error.signal !== 'SIGABRT') reject(error);
      else resolve(stdout.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Answers])));
    });
  });
}
