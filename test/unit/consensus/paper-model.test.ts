import assert from 'node:assert/strict';
import fc from 'fast-check';
import { PRECOMMIT, PREVOTE } from '#types/vote.ts';
import { Bench } from './bench.ts';
import { NIL, PaperModel } from './paper-model.ts';

const ME = 3;
const RUNS = 2_000;
/** The paper's number: the same runs every time. */
const SEED = 180_704_938;

type Step =
  | {
      readonly kind: 'vote';
      readonly type: 'prevote' | 'precommit';
      readonly ahead: number;
      readonly value: string;
      readonly from: readonly number[];
    }
  | { readonly kind: 'proposal'; readonly ahead: number; readonly value: string; readonly pol: number }
  | { readonly kind: 'timeout'; readonly step: 'propose' | 'prevoteWait' | 'precommitWait'; readonly ahead: number };

/** Rounds are counted from the one that the core is in: far ones say little. */
const AHEAD = fc.constantFrom(0, 0, 0, 0, 0, 0, -1, -1, -2, 1, 1, 2, 3, 5);
const VALUE = fc.constantFrom('A', 'A', 'A', 'A', 'B', 'B', 'B', 'X', NIL, NIL);

const STEPS: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('vote' as const),
      type: fc.constantFrom('prevote' as const, 'precommit' as const),
      ahead: AHEAD,
      value: VALUE,
      from: fc.constantFrom([0], [1], [2], [0, 1], [1, 2], [0, 2], [0, 1, 2]),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('proposal' as const),
      ahead: AHEAD,
      value: fc.constantFrom('A', 'A', 'A', 'B', 'B', 'B', 'X'),
      pol: fc.constantFrom(-1, -1, -1, 0, 0, 1, 2),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('timeout' as const),
      step: fc.constantFrom('propose' as const, 'prevoteWait' as const, 'precommitWait' as const),
      ahead: fc.constantFrom(0, 0, 0, 0, -1, 1),
    }),
  },
);

/** The core on its bench, whose questions for blocks are answered at once. */
class Core {
  readonly bench = new Bench({ me: ME });
  said: string[] = [];

  constructor() {
    this.bench.verdicts.set('X', 'invalid');
    this.bench.newHeight();
    this.hear(this.bench.timeout('newHeight', 0));
  }

  hear(lines: readonly string[]): void {
    for (const line of lines) {
      const [, word = '', round = ''] = line.split(' ');
      if (line.startsWith('publish')) this.said.push(line);
      else if (line.startsWith('commit')) this.said.push(`commit ${word} ${round}`);
      else if (line.startsWith('request')) this.hear(this.bench.block(word));
      else if (line.startsWith('build')) this.hear(this.bench.built(`M${word.slice(1)}`, Number(word.slice(1))));
    }
  }
}

describe('the core and the paper, side by side', () => {
  it('say and do the same, whatever arrives in whatever order', () => {
    const reached = { locked: 0, relocked: 0, skipped: 0, decided: 0, decidedLate: 0, proposedAgain: 0, late42: 0 };
    const run = (steps: readonly Step[]): void => {
      const core = new Core();
      const { bench } = core;
      const model = new PaperModel(ME, (round) => proposerOf(bench, round));
      for (const step of steps) {
        const before = { round: model.round, lockedRound: model.lockedRound, validRound: model.validRound };
        const round = Math.max(0, model.round + step.ahead);
        if (step.kind === 'vote') {
          const type = step.type === 'prevote' ? PREVOTE : PRECOMMIT;
          for (const from of step.from) {
            model.takeVote({ type: step.type, round, value: step.value, from });
            if (model.isBroken) return;
            core.hear(bench.vote(type, round, step.value, from));
          }
        } else if (step.kind === 'proposal') {
          // Nobody else can sign a proposal of mine.
          if (proposerOf(bench, round) === ME) continue;
          const pol = step.pol < round ? step.pol : -1;
          model.takeProposal(round, step.value, pol);
          core.hear([...bench.proposal(round, step.value, pol), ...bench.block(step.value)]);
        } else {
          model.takeTimeout(step.step, round);
          core.hear(bench.timeout(step.step, round));
        }
        assert.deepEqual(core.said.splice(0).sort(), model.said.sort());
        if (model.lockedRound > before.lockedRound) reached[before.lockedRound < 0 ? 'locked' : 'relocked']++;
        if (model.round > before.round + 1) reached.skipped++;
        if (model.validRound > before.validRound && model.validRound < model.round) reached.late42++;
        if (model.said.some((line) => /proposal .* pol=\d/.test(line))) reached.proposedAgain++;
        model.said = [];
        assert.equal(bench.summary, model.summary);
        if (model.decision === undefined) continue;
        reached[model.decision.round < model.round ? 'decidedLate' : 'decided']++;
        return;
      }
    };
    fc.assert(fc.property(fc.array(STEPS, { minLength: 30, maxLength: 150 }), run), {
      numRuns: RUNS,
      seed: SEED,
    });
    // What was tried is worth something only if it led somewhere.
    for (const [what, times] of Object.entries(reached)) assert.ok(times > 20, `${what}: ${times} times`);
  }).timeout(120_000);
});

function proposerOf({ validators }: Bench, round: number): number {
  const { proposer } = round === 0 ? validators : validators.incremented(round);
  return validators.indexOf(proposer.address);
}
