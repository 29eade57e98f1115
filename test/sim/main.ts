/**
 * `npm run sim -- --seeds N --first-seed S --heights H --nodes 4` runs N seeds; `--seed S` runs one and ends with its
 * trace hash. `--trace` prints every event, `--log LEVEL` adds the nodes' own log; `--broken-rule lock|quorum|polkaRound`
 * and `--forgetful` break the nodes on purpose.
 */
import { parseArgs } from 'node:util';
import type { BrokenRule } from '#consensus/height-state.ts';
import { type SimResult, World } from './world.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '20' },
    'first-seed': { type: 'string', default: '1' },
    seed: { type: 'string' },
    heights: { type: 'string', default: '30' },
    nodes: { type: 'string', default: '4' },
    trace: { type: 'boolean', default: false },
    log: { type: 'string', default: 'warn' },
    'broken-rule': { type: 'string' },
    stormy: { type: 'boolean' },
    forgetful: { type: 'boolean', default: false },
  },
});
const heights = count('heights', values.heights);
const nodes = count('nodes', values.nodes);
const brokenRule = values['broken-rule'];

function count(name: string, text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  process.stderr.write(`--${name} ${text}: expected a whole number above 0\n`);
  process.exit(2);
}

/** What was broken on purpose, as options. */
function broken(): string {
  const flags = [values.stormy === true ? ' --stormy' : '', values.forgetful ? ' --forgetful' : ''];
  return (brokenRule === undefined ? '' : ` --broken-rule ${brokenRule}`) + flags.join('');
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function report(result: SimResult, seconds: number): void {
  const { seed, failure, tail, maxRound, txs, virtualSeconds, slowestHealMs } = result;
  const pace = (result.heights / seconds).toFixed(0);
  print(
    `seed ${seed}: ${failure === undefined ? 'ok' : 'FAILED'}, ${result.heights} heights, ${txs} txs, round ${maxRound}, ` +
      `heal ${(slowestHealMs / 1000).toFixed(1)} s, ${virtualSeconds.toFixed(0)} s in ${seconds.toFixed(1)} s (${pace} heights/s)`,
  );
  if (failure === undefined) return;
  if (!values.trace) for (const line of tail) print(line);
  print(failure.stack ?? failure.message);
  print(`replay: npm run sim -- --seed ${seed} --heights ${heights} --nodes ${nodes}${broken()} --trace`);
  process.exitCode = 1;
}

async function runSeed(seed: number): Promise<SimResult> {
  const startedMs = performance.now();
  const result = await new World({
    seed,
    heights,
    nodes,
    logLevel: values.log,
    forgetful: values.forgetful,
    ...(values.stormy === undefined ? {} : { stormy: values.stormy }),
    ...(brokenRule === undefined ? {} : { brokenRule: brokenRule as BrokenRule }),
    ...(values.trace ? { sink: print } : {}),
  }).run();
  report(result, (performance.now() - startedMs) / 1000);
  return result;
}

if (values.seed !== undefined) {
  print(`trace hash ${(await runSeed(count('seed', values.seed))).traceHash}`);
} else {
  const first = count('first-seed', values['first-seed']);
  const seeds = count('seeds', values.seeds);
  const counts = new Map<string, number>();
  let failed = 0;
  let decided = 0;
  for (let seed = first; seed < first + seeds; seed++) {
    const result = await runSeed(seed);
    decided += result.heights;
    if (result.failure !== undefined) failed++;
    for (const [name, count] of result.faults) counts.set(name, (counts.get(name) ?? 0) + count);
  }
  print([...counts].map(([name, count]) => `${name} ${count}`).join(', '));
  print(`${seeds} seeds, ${decided} heights, ${failed} failed`);
}
