import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { BrokenRule } from '#util/broken-rule.ts';
import { CASES, caseOf, isRepeated } from './cases.ts';
import type { Violation } from './checks.ts';
import { TwinsRun } from './run-case.ts';
import { type FailedCase, Summary } from './summary.ts';

/** Numbers from `first` to `end`, each `step`. */
export interface Share {
  readonly first: number;
  readonly end: number;
  readonly step: number;
}

/** Runs a share here. `onCase` after each. */
export function runShare({ first, end, step }: Share, onCase: () => void = () => undefined): Summary {
  const summary = new Summary();
  for (let number = first; number < Math.min(end, CASES); number += step) {
    const twinsCase = caseOf(number);
    if (isRepeated(twinsCase)) continue;
    summary.add(number, new TwinsRun(twinsCase).run());
    onCase();
  }
  return summary;
}

/** Runs cases on all cores; the result does not depend on how many there are. */
export async function runOnAllCores(first: number, end: number, onProgress: (cases: number) => void): Promise<Summary> {
  const workers = availableParallelism();
  const summary = new Summary();
  let done = 0;
  const run = (index: number): Promise<void> =>
    new Promise((resolve, reject) => {
      const share: Share = { first: first + index, end, step: workers };
      const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: share });
      worker.on('error', reject);
      worker.on('message', (message: number | Summary) => {
        if (typeof message === 'number') {
          done += message;
          onProgress(done);
          return;
        }
        summary.merge(message);
        resolve();
      });
    });
  await Promise.all(Array.from({ length: workers }, (_, index) => run(index)));
  return summary;
}

export interface Catch {
  readonly failed: FailedCase;
  /** Cases that ran until then, this one included. */
  readonly cases: number;
}

/** Runs cases in order with a broken rule until one fails. */
export function firstCaught(brokenRule: BrokenRule, limit: number, only?: Violation): Catch | undefined {
  let cases = 0;
  for (let number = 0; number < CASES && cases < limit; number++) {
    const twinsCase = caseOf(number);
    if (isRepeated(twinsCase)) continue;
    cases++;
    const { failure } = new TwinsRun(twinsCase, { brokenRule, only }).run();
    if (failure !== undefined)
      return { failed: { number, violation: failure.violation, message: failure.message }, cases };
  }
  return undefined;
}
