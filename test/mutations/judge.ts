import type { Mutation, NamedTest } from './mutation.ts';
import { runTests } from './run-tests.ts';

export interface Verdict {
  readonly mutation: Mutation;
  /** Tests that failed as they must. */
  readonly red: number;
  /** What is wrong, if anything: a mutant that survives. */
  readonly problem?: string;
  readonly milliseconds: number;
}

/** Takes one rule out and runs its tests: each of them must fail, all of its cases or one. */
export async function judge(mutation: Mutation): Promise<Verdict> {
  const startedMs = performance.now();
  const run = await runTests(mutation.tests, mutation);
  const milliseconds = performance.now() - startedMs;
  if (run.broke === 'no end') return { mutation, red: mutation.tests.length, milliseconds };
  if (run.broke !== undefined)
    return { mutation, red: 0, problem: `the tests did not load: ${run.output.slice(-400)}`, milliseconds };
  const isRed = ({ title }: NamedTest): boolean => run.failed.some((failed) => failed.includes(title));
  const green = mutation.tests.filter((test) => !isRed(test)).map(({ title }) => title);
  const red = mutation.tests.length - green.length;
  return green.length === 0
    ? { mutation, red, milliseconds }
    : { mutation, red, problem: `still green: ${green.join(', ')}`, milliseconds };
}

/** Tests that do not pass, or are not there, while the source is whole: their failing would prove nothing. */
export async function unfitTests(mutations: readonly Mutation[]): Promise<readonly string[]> {
  const tests = mutations.flatMap((mutation) => mutation.tests);
  const run = await runTests(tests);
  if (run.broke !== undefined) return [`the tests did not run: ${run.output.slice(-400)}`];
  const isFit = ({ title }: NamedTest): boolean =>
    run.passed.some((passed) => passed.includes(title)) && !run.failed.some((failed) => failed.includes(title));
  return [...new Set(tests.filter((test) => !isFit(test)).map(({ file, title }) => `${file}: ${title}`))];
}
