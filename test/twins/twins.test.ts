import assert from 'node:assert/strict';
import { CASES, caseOf, describeCase, isRepeated, PARTITIONS } from './cases.ts';
import { TwinsRun } from './run-case.ts';
import { firstCaught, runShare } from './run-cases.ts';

/** `npm run sim -- --twins` runs all; consecutive numbers are a fair sample. */
const SAMPLE = 3_000;
const CONTROL_CASES = 10_000;

describe('Twins: one of four validators runs twice', () => {
  it('numbers its cases: each occurs once, each as one of two mirror images', () => {
    const seen = new Set<string>();
    let canonical = 0;
    for (let number = 0; number < CASES; number += 97) {
      const { delaysPerPartition, twinProposes, partitions } = caseOf(number);
      assert.equal(partitions.length, PARTITIONS);
      for (const partition of partitions) assert.ok(partition >= 0 && partition < 32 && partition % 2 === 0);
      seen.add(`${delaysPerPartition}/${twinProposes}/${partitions}`);
      if (!isRepeated(caseOf(number))) canonical++;
    }
    assert.equal(seen.size, Math.ceil(CASES / 97));
    const share = canonical / seen.size;
    assert.ok(share > 0.5 && share < 0.56, `${share} of all, those that are their own image included`);
  });

  it('agreement, locks, validity and an end, in a sample of all cases', () => {
    const summary = runShare({ first: 0, end: SAMPLE, step: 1 });
    assert.deepEqual(summary.told, []);
    assert.ok(summary.cases > SAMPLE / 2);
    // Hard enough to mean something: late decisions, several rounds, forks of opinion at the end of the partitions.
    for (const decided of [0, 1, 2, 3]) assert.ok((summary.decidedBefore.get(decided) ?? 0) > 10, `${decided} decided`);
    for (const round of [0, 1, 2]) assert.ok((summary.rounds.get(round) ?? 0) > 50, `round ${round}`);
  }).timeout(60_000);

  it('the same case twice gives the same trace', () => {
    for (const number of [1, 428, 1_000]) {
      const trace = (): string[] => {
        const lines = [describeCase(caseOf(number))];
        new TwinsRun(caseOf(number), { trace: (line) => lines.push(line) }).run();
        return lines;
      };
      const first = trace();
      assert.ok(first.length > 20);
      assert.deepEqual(trace(), first);
    }
  });

  for (const brokenRule of ['lock', 'quorum', 'polkaRound'] as const)
    it(`a broken rule is caught: ${brokenRule}`, () => {
      assert.ok(firstCaught(brokenRule, CONTROL_CASES) !== undefined);
    }).timeout(60_000);

  for (const brokenRule of ['lock', 'quorum'] as const)
    it(`a broken rule makes honest ones decide differently: ${brokenRule}`, () => {
      assert.equal(firstCaught(brokenRule, CONTROL_CASES, 'agreement')?.failed.violation, 'agreement');
    }).timeout(60_000);
});
