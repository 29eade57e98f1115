import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { nodesOf, type RunOptions, readCommandLine, replayCommand } from './driver/options.ts';
import { lostOutcome, type Outcome, outcomeLine, runSeed } from './driver/outcome.ts';
import { type PoolOptions, runSeeds } from './driver/pool.ts';
import { Part } from './driver/summary.ts';
import { renderParts } from './driver/summary-page.ts';

const FAULTY_WORKER = fileURLToPath(new URL('./support/faulty-worker.ts', import.meta.url));
/** A process that loops is silent for longer than one that starts on a busy machine. */
const SILENCE_MS = 4_000;

const { run: RUN } = readCommandLine(['--heights', '6']);

async function outcomes(options: Partial<PoolOptions>): Promise<Outcome[]> {
  const seen: Outcome[] = [];
  await runSeeds({ run: RUN, firstSeed: 1, seeds: 4, jobs: 2, ...options }, (outcome) => seen.push(outcome));
  return seen;
}

function outcome(seed: number, more: Partial<Outcome> = {}): Outcome {
  return { ...lostOutcome(RUN, seed, '', 0), failure: undefined, heights: 10, cpuSeconds: 1, ...more };
}

describe('sim: the driver', function () {
  this.timeout(120_000);

  it('runs a seed the same way here, in other processes, and behind other seeds', async () => {
    const apart = await outcomes({ firstSeed: 5, seeds: 3 });
    assert.deepEqual(
      apart.map(({ seed }) => seed),
      [5, 6, 7],
    );
    const here = await runSeed(RUN, 7);
    assert.equal(here.failure, undefined);
    assert.equal(apart[2]?.traceHash, here.traceHash);
    assert.notEqual(apart[1]?.traceHash, here.traceHash);
  });

  it('takes a process that ends, and one that hangs, for failures of their seeds, and runs the others', async () => {
    const seen = await outcomes({ worker: FAULTY_WORKER, silenceMs: SILENCE_MS });
    assert.deepEqual(
      seen.map(({ seed, failure }) => [seed, failure === undefined]),
      [
        [1, true],
        [2, false],
        [3, false],
        [4, true],
      ],
    );
    assert.match(seen[1]?.failure ?? '', /ended with code.*out of something/s);
    assert.match(seen[2]?.failure ?? '', /hangs/);
  });

  it('prints a replay command that leads to the same run', () => {
    const flags = ['--heights', '9', '--nodes', 'mix', '--stormy', '--forgetful', '--byzantine', 'none'];
    const { run } = readCommandLine([...flags, '--broken-rule', 'lock']);
    const words = replayCommand(run, 12).split(' ').slice(4);
    const again = readCommandLine(words);
    assert.deepEqual(
      { seed: again.firstSeed, run: again.run },
      { seed: 12, run: { ...run, nodes: nodesOf(run, 12), trace: true } },
    );
  });

  it('says what is wrong with its options', () => {
    assert.throws(() => readCommandLine(['--seeds', '0']), /--seeds 0: expected/);
    assert.throws(() => readCommandLine(['--byzantine', 'honest']), /--byzantine honest: expected/);
    assert.throws(() => readCommandLine(['--sedes', '3']), /sedes/);
  });

  it('draws sizes of networks by their weights', () => {
    const run: RunOptions = { ...RUN, nodes: 'mix' };
    const sizes = Array.from({ length: 1_000 }, (_, seed) => nodesOf(run, seed));
    const share = (nodes: number): number => sizes.filter((size) => size === nodes).length / sizes.length;
    assert.ok(Math.abs(share(4) - 0.6) < 0.08 && Math.abs(share(7) - 0.3) < 0.08 && Math.abs(share(10) - 0.1) < 0.05);
  });

  it('keeps one line a seed in columns', () => {
    const lines = [outcome(1), outcome(12_345, { nodes: 10, failure: 'x' })].map(outcomeLine);
    assert.equal(lines[0]?.indexOf('heights'), lines[1]?.indexOf('heights'));
    assert.match(lines[1] ?? '', /FAILED/);
  });
});

describe('sim: the summary', () => {
  it('adds outcomes up and writes them into a page, between its markers', () => {
    const part = new Part(RUN, 1, 2);
    part.add(outcome(1, { rounds: [7, 2], counts: [['kill', 3]], slowestHealMs: 1_500, slowestHealRounds: 2 }));
    part.add(outcome(2, { rounds: [9, 0, 1], counts: [['kill', 1]], failure: 'x' }));
    const page = 'before\n<!-- simulation: begin -->\nwhat was there\n<!-- simulation: end -->\nafter';
    const summary = part.finish();
    assert.deepEqual([summary.heights, summary.failed, summary.rounds], [20, [2], [16, 2, 1]]);
    const text = renderParts(page, [summary, summary]);
    assert.match(text, /^before\n.*after$/s);
    assert.doesNotMatch(text, /what was there/);
    assert.match(text, /\| kill \| 8 \|/);
    assert.match(text, /\| 1 \| 4 \|/);
    assert.match(text, /1\.5 s \(seed 1\)/);
    assert.equal(renderParts(text, [summary, summary]), text, 'and again, over what it wrote');
  });

  it('refuses a page without a place for them', () => {
    assert.throws(() => renderParts('nothing', []), /needs the lines/);
  });
});
