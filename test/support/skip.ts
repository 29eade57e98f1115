import type { Context } from 'mocha';

/**
 * Skips the running test (or, in a hook, every test of its suite) and says why in the report, where `npm test` lists it.
 * The only way to skip in this repository: a skip without a reason is a hole nobody remembers.
 */
export function skipBecause(context: Context, reason: string): never {
  const runnable = context.test;
  if (runnable !== undefined) {
    const inHook = 'type' in runnable && runnable.type === 'hook';
    if (inHook) runnable.parent?.eachTest((test) => addReason(test, reason));
    else addReason(runnable, reason);
  }
  return context.skip();
}

function addReason(named: { title: string }, reason: string): void {
  named.title = `${named.title} (skipped: ${reason})`;
}
