/**
 * `npm run sim -- --seeds N --first-seed S --heights H --nodes 4|7|10|mix` runs N seeds on all cores (`--jobs J` on J);
 * `--seed S` runs one and ends with its trace hash. `--trace` prints every event of it, `--log LEVEL` adds the nodes' own
 * log. `--json` prints an object a seed; `--summary FILE` adds the part to a file of parts, and `--render PAGE` writes
 * the tables of all its parts into a page (alone, without `--seeds`, it runs nothing). `--broken-rule NAME` and `--forgetful` break nodes on purpose;
 * `--byzantine NAME,NAME` makes the last machines so, else the seed decides; `--stormy` makes links flicker all the time.
 * `--crash-points` runs the named crash points instead, `--twins` what `test/twins/main.ts` says, `--controls` every
 * broken rule in the setting that shows it, and `--wan N` measures N validators all over the world.
 */
import { availableParallelism } from 'node:os';
import { runTwins } from '../twins/main.ts';
import { printControls } from './controls.ts';
import { runCrashPoints } from './crash-points.ts';
import { type CommandLine, readCommandLine, replayCommand } from './driver/options.ts';
import { type Outcome, outcomeLine, runSeed } from './driver/outcome.ts';
import { runSeeds } from './driver/pool.ts';
import { addPart, Part, renderPage } from './driver/summary.ts';
import { printWan } from './wan/wan.ts';

/** Seeds between two lines about the whole. */
const PROGRESS_SEEDS = 50;

const args = process.argv.slice(2);
if (args.includes('--twins')) {
  const agreed = await runTwins(args, print);
  process.exit(agreed ? 0 : 1);
}
if (args.includes('--controls')) process.exit((await printControls(print)) ? 0 : 1);
if (args.includes('--wan')) {
  await printWan(args[args.indexOf('--wan') + 1], print);
  process.exit(0);
}
const line = readOrExit();
if (line.crashPoints) await crashPoints(line);
else if (line.renderOnly) await render(line);
else if (line.single) await one(line);
else await many(line);

function readOrExit(): CommandLine {
  try {
    return readCommandLine(args);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(2);
  }
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

async function crashPoints({ firstSeed, seeds, point, run }: CommandLine): Promise<void> {
  const kept = await runCrashPoints({ seeds, firstSeed, only: point, trace: run.trace, print });
  if (!kept) process.exitCode = 1;
}

async function one({ run, firstSeed, json }: CommandLine): Promise<void> {
  const outcome = await runSeed(run, firstSeed, run.trace ? print : undefined);
  report(outcome);
  if (!json) print(`trace hash ${outcome.traceHash}`);
}

async function many({
  run,
  firstSeed,
  seeds,
  jobs = availableParallelism(),
  json,
  ...files
}: CommandLine): Promise<void> {
  const part = new Part(run, firstSeed, jobs);
  await runSeeds({ run, firstSeed, seeds, jobs }, (outcome) => {
    part.add(outcome);
    report(outcome);
    if (!json && part.seeds % PROGRESS_SEEDS === 0) print(part.progress(seeds));
  });
  const done = part.finish();
  if (!json) for (const text of part.lines()) print(text);
  if (files.summary !== undefined) await addPart(files.summary, done);
  await render(files);
}

async function render({ summary, render: page }: Pick<CommandLine, 'summary' | 'render'>): Promise<void> {
  if (summary !== undefined && page !== undefined) await renderPage(summary, page);
}

function report(outcome: Outcome): void {
  if (outcome.failure !== undefined) process.exitCode = 1;
  if (line.json) {
    print(JSON.stringify(outcome));
    return;
  }
  print(outcomeLine(outcome));
  if (outcome.failure === undefined) return;
  if (!line.run.trace) for (const text of outcome.tail) print(text);
  print(outcome.failure);
  print(`replay: ${replayCommand(line.run, outcome.seed)}`);
}
