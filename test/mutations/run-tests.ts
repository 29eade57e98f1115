import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import type { NamedTest } from './mutation.ts';
import { MUTATION_VARIABLE, type SourceChange } from './source-change.ts';

const ROOT = dirname(dirname(import.meta.dirname));
const MOCHA = join(ROOT, 'node_modules', 'mocha', 'bin', 'mocha.js');
const HOOK = new URL('./hook.ts', import.meta.url).href;

/** A rule that is missing can make the core go round in circles: a test that does not end has failed too. */
const LIMIT_MS = 60_000;
const LIMIT_HEAP_MIB = 512;

export interface TestRun {
  /** Full titles. */
  readonly passed: readonly string[];
  readonly failed: readonly string[];
  /** Why there is no such list: the tests did not end, or did not even load. */
  readonly broke?: 'no end' | 'no start';
  readonly output: string;
}

/** Runs the named tests in a process of their own, on the source as it stands or with one change. */
export async function runTests(tests: readonly NamedTest[], change?: SourceChange): Promise<TestRun> {
  const files = [...new Set(tests.map(({ file }) => file))];
  const pattern = tests.map(({ title }) => title.replace(/[^\w ]/g, '\\$&')).join('|');
  const args = [
    `--max-old-space-size=${LIMIT_HEAP_MIB}`,
    '--import',
    HOOK,
    MOCHA,
    '--reporter',
    'tap',
    '--grep',
    pattern,
  ];
  const { output, ended } = await runNode([...args, ...files], change);
  if (!output.includes('\n# pass ')) return { passed: [], failed: [], broke: ended ? 'no start' : 'no end', output };
  return { passed: titles(output, /^ok \d+ (.*)$/gm), failed: titles(output, /^not ok \d+ (.*)$/gm), output };
}

/** Of mocha's TAP report: a line for each test, with its full title. */
function titles(output: string, line: RegExp): string[] {
  return [...output.matchAll(line)].map((match) => match[1] as string);
}

async function runNode(args: readonly string[], change: SourceChange | undefined) {
  const env = { ...process.env, [MUTATION_VARIABLE]: JSON.stringify(change ?? null) };
  const child = spawn(process.execPath, args, { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    child.kill('SIGKILL');
  }, LIMIT_MS);
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  clearTimeout(timer);
  // Out of memory ends the process by a signal, as running out of time does.
  return { output, ended: !late && code !== null };
}
