/**
 * Twins (arXiv 2004.10617): the protocol's own code, run twice under one key, is the adversary. Four validators, one
 * of them twice; see `cases.ts` for what is enumerated. `npm run sim -- --twins` runs all cases on all cores, `--cases N`
 * and `--first-case S` a part of them, `--case K` one, with its trace; `--broken-rule NAME` shows that a missing rule is
 * caught, and after how many cases.
 */

import { parseArgs } from 'node:util';
import type { BrokenRule } from '#util/broken-rule.ts';
import { CASES, caseOf, describeCase } from './cases.ts';
import { TwinsRun } from './run-case.ts';
import { firstCaught, runOnAllCores } from './run-cases.ts';

type Print = (line: string) => void;

const RULES = ['lock', 'quorum', 'polkaRound'] as const satisfies readonly BrokenRule[];
const PROGRESS_EVERY_MS = 5_000;
/** A broken rule that is not caught in so many cases is not caught. */
const CONTROL_CASES = 10_000;

/** Runs what the command line asks for; false when a case failed, or when a broken rule was not caught. */
export async function runTwins(args: readonly string[], print: Print): Promise<boolean> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      twins: { type: 'boolean' },
      case: { type: 'string' },
      'first-case': { type: 'string', default: '0' },
      cases: { type: 'string' },
      'broken-rule': { type: 'string' },
    },
  });
  const brokenRule = ruleOf(values['broken-rule']);
  if (values.case !== undefined) return runOne(whole('case', values.case), brokenRule, print);
  if (brokenRule !== undefined) return runControl(brokenRule, print);
  const first = whole('first-case', values['first-case']);
  const end = values.cases === undefined ? CASES : Math.min(CASES, first + whole('cases', values.cases));
  return runMany(first, end, print);
}

/** A case's number, or a count of them. */
function whole(name: string, text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value < CASES) return value;
  process.stderr.write(`--${name} ${text}: expected a whole number below ${CASES}\n`);
  process.exit(2);
}

/** Rules that the core alone has; others are broken in whole nodes. */
function ruleOf(name: string | undefined): BrokenRule | undefined {
  if (name === undefined) return undefined;
  const rule = RULES.find((known) => known === name);
  if (rule !== undefined) return rule;
  process.stderr.write(`--twins --broken-rule ${name}: expected one of ${RULES.join(', ')}\n`);
  process.exit(2);
}

function runOne(number: number, brokenRule: BrokenRule | undefined, print: Print): boolean {
  const twinsCase = caseOf(number);
  print(describeCase(twinsCase));
  const { failure, round, healDelays } = new TwinsRun(twinsCase, { brokenRule, trace: print }).run();
  print(
    failure === undefined
      ? `case ${number}: ok, round ${round}, ${healDelays} message delays after the partitions`
      : `case ${number}: FAILED, ${failure.message}`,
  );
  return failure === undefined;
}

async function runMany(first: number, end: number, print: Print): Promise<boolean> {
  const startedMs = performance.now();
  let toldMs = startedMs;
  const summary = await runOnAllCores(first, end, (done) => {
    const nowMs = performance.now();
    if (nowMs - toldMs < PROGRESS_EVERY_MS) return;
    toldMs = nowMs;
    print(`${done} cases, ${((done / (nowMs - startedMs)) * 1_000).toFixed(0)} a second`);
  });
  for (const { number, message } of summary.told) {
    print(`case ${number} FAILED, ${message}`);
    print(`replay: npm run sim -- --twins --case ${number}`);
  }
  for (const line of summary.lines()) print(line);
  print(
    `numbers ${first} to ${end - 1}, each of two mirror images once, ${((performance.now() - startedMs) / 1_000).toFixed(0)} s`,
  );
  return summary.failed === 0 && summary.cases > 0;
}

function runControl(brokenRule: BrokenRule, print: Print): boolean {
  const caught = firstCaught(brokenRule, CONTROL_CASES);
  const fork = firstCaught(brokenRule, CONTROL_CASES, 'agreement');
  print(
    caught === undefined
      ? `${brokenRule}: not caught in ${CONTROL_CASES} cases`
      : `${brokenRule}: caught in case ${caught.cases} (number ${caught.failed.number}): ${caught.failed.message}`,
  );
  if (fork !== undefined)
    print(`two honest ones decide differently in case ${fork.cases} (number ${fork.failed.number})`);
  if (caught !== undefined)
    print(`replay: npm run sim -- --twins --case ${caught.failed.number} --broken-rule ${brokenRule}`);
  return caught !== undefined;
}
