import assert from 'node:assert/strict';
import type { BrokenRule } from '#util/broken-rule.ts';
import { Cluster, type ClusterOptions } from './cluster.ts';

const HEAL_AT_MS = 8_000;
const END_MS = 60_000;

function options(seed: number, size: 4 | 7, more: Partial<ClusterOptions> = {}): ClusterOptions {
  const powers = Array.from({ length: size }, () => 10n);
  const twins = size === 4 ? [seed % 4] : [seed % 7, (seed + 3) % 7];
  return { seed, powers, twins, healAt: HEAL_AT_MS, lossPercent: 20 + (seed % 4) * 10, ...more };
}

/** Agreement is checked at every decision; here also that heights are decided soon after the faults stop. */
function runSeed(cluster: Cluster, faulty: number): void {
  const healed = (): boolean => cluster.healed;
  cluster.run(HEAL_AT_MS + 1, healed);
  const heights = new Map(cluster.correct.map((member) => [member.name, member.core.height]));
  const top = Math.max(...heights.values());
  const round = Math.max(0, ...cluster.correct.filter((m) => m.core.height === top).map((m) => m.core.round));
  const isDone = (): boolean => cluster.correct.every((member) => member.core.height > top + 2);
  assert.ok(cluster.run(END_MS, isDone), `all reach height ${top + 3} after the faults stop`);
  for (const decision of cluster.decisions)
    if (decision.height === top && decision.at >= HEAL_AT_MS)
      assert.ok(
        decision.round <= round + faulty + 3,
        `decided in round ${decision.round}, was in ${round} at the heal`,
      );
}

describe('many cores, random order, losses, cuts, restarts and twins', () => {
  for (const [size, faulty, seeds] of [
    [4, 1, 40],
    [7, 2, 15],
  ] as const)
    it(`${size} validators of which ${faulty} run twice agree, and decide within f+3 rounds of the heal (${seeds} seeds)`, () => {
      let evidence = 0;
      let rounds = 0;
      for (let seed = 1; seed <= seeds; seed++) {
        const cluster = new Cluster(options(seed, size));
        try {
          runSeed(cluster, faulty);
        } catch (error) {
          throw new Error(`seed ${seed}`, { cause: error });
        }
        evidence += cluster.evidence;
        rounds = Math.max(rounds, cluster.highestRound);
      }
      // The runs must have been hard enough to mean something.
      assert.ok(evidence > 0, 'twins were caught voting twice');
      assert.ok(rounds >= 3, 'some heights took several rounds');
    }).timeout(60_000);

  it('unequal powers', () => {
    for (let seed = 100; seed < 110; seed++)
      runSeed(new Cluster(options(seed, 4, { powers: [30n, 25n, 25n, 20n], twins: [3] })), 1);
  }).timeout(60_000);
});

describe('the checker of agreement notices a broken rule', () => {
  for (const brokenRule of ['lock', 'quorum', 'polkaRound'] as const satisfies readonly BrokenRule[])
    it(brokenRule, () => {
      let caught = 0;
      for (let seed = 1; seed <= 3000 && caught === 0; seed++)
        try {
          const more = { brokenRule, lossPercent: seed % 2 === 0 ? 50 : 30, healAt: 15_000 };
          new Cluster(options(seed, 4, more)).run(15_000, () => false);
        } catch (error) {
          // Other assertions may come first in a broken world; the one that counts is this.
          if (String(error).includes('agreement at height')) caught = seed;
        }
      assert.ok(caught > 0, 'two correct members decided differently');
    }).timeout(60_000);
});
