/**
 * `npm run mutations` takes every rule of `table.ts` out of the source, one at a time, and runs the tests that are to
 * notice. It prints a line each and exits 1 if one survives, or if a text to replace is not there exactly once.
 * `npm run mutations -- TEXT` runs those whose rule or file holds the text.
 */
import { availableParallelism } from 'node:os';
import { judge, unfitTests, type Verdict } from './judge.ts';
import type { Mutation } from './mutation.ts';
import { isStale } from './source-file.ts';
import { MUTATIONS } from './table.ts';

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function report({ mutation, red, problem, milliseconds }: Verdict): void {
  const { rule, file } = mutation;
  const verdict = problem === undefined ? `red ${red}` : 'SURVIVED';
  print(`${verdict.padEnd(9)} ${milliseconds.toFixed(0).padStart(6)} ms  ${file.slice('src/'.length)}: ${rule}`);
  if (problem !== undefined) print(`          ${problem}`);
}

async function judgeAll(mutations: readonly Mutation[]): Promise<number> {
  const queue = [...mutations];
  let survived = 0;
  const work = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const verdict = await judge(next);
      report(verdict);
      if (verdict.problem !== undefined) survived++;
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  return survived;
}

async function main(): Promise<void> {
  const text = process.argv[2] ?? '';
  const chosen = MUTATIONS.filter(({ rule, file }) => rule.includes(text) || file.includes(text));
  const stale = chosen.filter(isStale);
  for (const { file, rule, find } of stale) print(`STALE ${file}: ${rule}: not there exactly once:\n${find}`);
  const unfit = await unfitTests(chosen);
  for (const test of unfit) print(`UNFIT ${test}: does not pass while the source is whole`);
  const startedMs = performance.now();
  const survived = await judgeAll(chosen.filter((mutation) => !stale.includes(mutation)));
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(0);
  print(
    `${chosen.length} rules taken out, ${survived} not noticed, ${stale.length} stale, ${unfit.length} unfit tests, ${seconds} s`,
  );
  if (survived + stale.length + unfit.length > 0 || chosen.length === 0) process.exitCode = 1;
}

await main();
