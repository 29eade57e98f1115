/**
 * `npm test` runs every kind of test, `npm test -- KIND [mocha arguments]` runs one. Each kind is a child process whose
 * output streams through. The last line is `N passed, N failed` (`, N skipped`), over all kinds; lint and types count
 * one each. The exit code is 1 if anything failed, or if nothing ran.
 */
import { spawn } from 'node:child_process';
import { globSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';

const ROOT = dirname(import.meta.dirname);
const BIN = join(ROOT, 'node_modules', '.bin');
const MOCHA = join(ROOT, 'node_modules', 'mocha', 'bin', 'mocha.js');

interface Kind {
  readonly name: string;
  /** A program that passes or fails as a whole; else mocha runs `files`. */
  readonly program?: readonly string[];
  readonly files?: string;
  /** Only when asked for by name. */
  readonly onDemand?: boolean;
}

const KINDS: readonly Kind[] = [
  { name: 'lint', program: [join(BIN, 'biome'), 'check', '.'] },
  { name: 'types', program: [join(BIN, 'tsc'), '-p', 'tsconfig.json'] },
  { name: 'tidy', files: 'test/tidy/**/*.test.ts' },
  { name: 'unit', files: 'test/unit/**/*.test.ts' },
  { name: 'vectors', files: 'test/vectors/**/*.test.ts' },
  { name: 'scenarios', files: 'test/scenarios/**/*.test.ts' },
  { name: 'twins', files: 'test/twins/*.test.ts' },
  { name: 'mutations', files: 'test/mutations/*.test.ts' },
  { name: 'sim', files: 'test/sim/*.test.ts' },
  { name: 'e2e', files: 'test/e2e/*.test.ts' },
  { name: 'e2e-long', files: 'test/e2e/long/**/*.test.ts', onDemand: true },
];

interface Outcome {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** With their reasons; see test/support/skip.ts. */
  readonly skippedTitles: readonly string[];
}

interface Run {
  readonly code: number;
  readonly output: string;
}

/** Runs a program; its output goes to ours as it comes, and is kept for counting. */
function stream(command: readonly string[]): Promise<Run> {
  return new Promise((resolve) => {
    const [program, ...args] = command as [string, ...string[]];
    const child = spawn(program, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'] });
    const stop = (signal: NodeJS.Signals): void => {
      child.kill(signal);
      process.exitCode = 1;
    };
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop);
    const chunks: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      process.stdout.write(chunk);
    });
    const finish = (code: number): void => {
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.off(signal, stop);
      resolve({ code, output: stripVTControlCharacters(Buffer.concat(chunks).toString('utf8')) });
    };
    child.once('error', (error) => {
      process.stderr.write(`cannot run ${program}: ${error.message}\n`);
      finish(1);
    });
    child.once('close', (code) => finish(code ?? 1));
  });
}

/** A count of mocha's closing summary; it comes last, so earlier look-alikes in a test's own output do not matter. */
function lastCount(output: string, word: string): number | undefined {
  const matches = [...output.matchAll(new RegExp(`^ +(\\d+) ${word}\\b`, 'gm'))];
  const last = matches.at(-1);
  return last === undefined ? undefined : Number(last[1]);
}

async function runMocha(files: string, args: readonly string[]): Promise<Outcome> {
  const named = args.some((argument) => argument.endsWith('.test.ts'));
  const color = process.stdout.isTTY ? ['--color'] : [];
  const run = await stream([process.execPath, MOCHA, ...color, ...args, ...(named ? [] : [files])]);
  const passed = lastCount(run.output, 'passing');
  const failed = lastCount(run.output, 'failing') ?? 0;
  const pending = lastCount(run.output, 'pending') ?? 0;
  const titles = [...run.output.matchAll(/^ +- (.+)$/gm)].map((match) => match[1] as string).slice(0, pending);
  // No summary, or a bad exit without a failing test: the process itself broke, which is a failure too.
  const broke = passed === undefined || (run.code !== 0 && failed === 0);
  return { passed: passed ?? 0, failed: failed + (broke ? 1 : 0), skipped: pending, skippedTitles: titles };
}

async function runKind(kind: Kind, args: readonly string[]): Promise<Outcome> {
  if (kind.program !== undefined) {
    const run = await stream([...kind.program, ...args]);
    return { passed: run.code === 0 ? 1 : 0, failed: run.code === 0 ? 0 : 1, skipped: 0, skippedTitles: [] };
  }
  const files = kind.files ?? '';
  if (globSync(files, { cwd: ROOT }).length > 0) return runMocha(files, args);
  process.stdout.write(`nothing to run: no ${files}\n`);
  return { passed: 0, failed: 0, skipped: 0, skippedTitles: [] };
}

/** Which kinds the command line asks for; undefined when it names one that does not exist. */
function chosen(name: string | undefined): readonly Kind[] | undefined {
  if (name === undefined) return KINDS.filter((kind) => kind.onDemand !== true);
  const kind = KINDS.find((candidate) => candidate.name === name);
  return kind === undefined ? undefined : [kind];
}

async function main(): Promise<void> {
  const [name, ...args] = process.argv.slice(2);
  const kinds = chosen(name);
  if (kinds === undefined) {
    process.stderr.write(`unknown kind of test ${name}: use one of ${KINDS.map((kind) => kind.name).join(' ')}\n`);
    process.exitCode = 2;
    return;
  }
  const lines: string[] = [];
  const total = { passed: 0, failed: 0, skipped: 0 };
  for (const kind of kinds) {
    if (process.exitCode !== undefined) break; // interrupted
    process.stdout.write(`\n== ${kind.name}\n`);
    const startedMs = performance.now();
    const outcome = await runKind(kind, args);
    const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
    lines.push(`${kind.name.padEnd(10)} ${outcome.passed} passed, ${outcome.failed} failed, ${seconds} s`);
    for (const title of outcome.skippedTitles) lines.push(`${' '.repeat(10)} skipped: ${title}`);
    total.passed += outcome.passed;
    total.failed += outcome.failed;
    total.skipped += outcome.skipped;
  }
  process.stdout.write(`\n${lines.join('\n')}\n`);
  if (process.exitCode !== undefined) process.stdout.write('interrupted: not everything ran\n');
  const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : '';
  process.stdout.write(`${total.passed} passed, ${total.failed} failed${skipped}\n`);
  if (total.failed > 0 || total.passed === 0) process.exitCode = 1;
}

await main();
