import assert from 'node:assert/strict';
import { BEHAVIOUR_NAMES, BEHAVIOURS, type BehaviourName } from '../byzantine/registry.ts';
import { byzantineMax, chooseBehaviours } from './adversaries/byzantine.ts';
import { Violation } from './checkers/checkers.ts';
import { GENESIS_MS } from './time/clock.ts';
import type { SimOptions, SimResult } from './world/sim-options.ts';
import { World } from './world/world.ts';

const HEIGHTS = 12;
/** Honest clocks differ by a second at most, and a block is some heartbeats old. */
const CLOCKS_DIFFER_MS = 2_500;
/** Runs in which a behaviour must show. */
const SEEDS = 6;
/** Runs in which too many byzantine machines must break the network. */
const CONTROL_SEEDS = 40;

function simulate(byzantine: readonly BehaviourName[], options: Partial<SimOptions> = {}): Promise<SimResult> {
  return new World({
    seed: 1,
    nodes: 4,
    heights: HEIGHTS,
    faults: false,
    changing: false,
    byzantine,
    ...options,
  }).run();
}

/** All promises were kept. */
function assertKept({ seed, failure, tail }: SimResult, names: readonly BehaviourName[]): void {
  const replay = `npm run sim -- --seed ${seed} --byzantine ${names.join(',')} --trace`;
  assert.equal(failure, undefined, `${tail.join('\n')}\n${failure?.stack}\nlike: ${replay}`);
}

/** How often deeds or punishments whose names match were noted. */
function sum(counts: ReadonlyMap<string, number>, name: RegExp): number {
  let total = 0;
  for (const [key, count] of counts) if (name.test(key)) total += count;
  return total;
}

/** One byzantine machine of four: the promises hold in every run, up to the first in which it did misbehave. */
async function misbehaves(name: BehaviourName, deed: RegExp, options: Partial<SimOptions> = {}): Promise<SimResult> {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const result = await simulate([name], { ...options, seed });
    assertKept(result, [name]);
    if (sum(result.deeds, deed) > 0) return result;
  }
  assert.fail(`nothing like ${deed} in ${SEEDS} runs`);
}

describe('sim: byzantine machines', function () {
  this.timeout(120_000);

  it('equivocating-proposer: two blocks for one round, each valid, none decided against the other', async () => {
    const { punishments } = await misbehaves('equivocating-proposer', /sent another block/);
    assert.equal(punishments.size, 0, 'two signed proposals are no offence of who passes them on');
  });

  it('equivocating-voter: one vote of a validator counts; two are evidence, punished on chain', async () => {
    const { coverage } = await misbehaves('equivocating-voter', /voted twice/, { heights: 25 });
    assert.ok((coverage.get('evidence punished') ?? 0) > 0, 'the evidence reached a block');
  });

  it('amnesiac (lock-rule-unmixed): votes against its lock, with all other faults', () =>
    misbehaves('amnesiac', /against the lock|without a polka/, { faults: true, stormy: true, heights: 10 }));

  it('silent: the others go on without it', async () => {
    const { maxRound } = await misbehaves('silent', /kept its vote/);
    assert.ok(maxRound > 0, 'its rounds had no proposal');
  });

  it('nil-spammer: nil of one is no quorum and no round skip (L44, L55)', async () => {
    const { maxRound } = await misbehaves('nil-spammer', /voted nil for a block/);
    assert.equal(maxRound, 0, 'nobody followed it into other rounds');
  });

  it('withholder: nil after the propose timeout, decided bodies from others', () =>
    misbehaves('withholder', /answered without the body/));

  it('stale-flooder (height-arithmetic, vote-index-bounds): costs nothing and is no offence', async () => {
    const { punishments, maxRound } = await misbehaves('stale-flooder', /flooded/);
    assert.equal(sum(punishments, /malformed|too_large|own_failure/), 0, 'all of it is well-formed');
    assert.equal(maxRound, 0);
  });

  it('garbage-flooder (bitarray-elems-mismatch, submessage-absent): punished, and nobody falls', async () => {
    const { punishments } = await misbehaves('garbage-flooder', /sent garbage/, { heights: 25 });
    assert.ok(sum(punishments, /malformed|too_large/) > 0);
    assert.equal(sum(punishments, /own_failure/), 0, 'no handler threw');
  });

  it('false-reporter: reports of everything and of nothing keep nobody from votes', async () => {
    const { maxRound } = await misbehaves('false-reporter', /reported falsely/);
    assert.equal(maxRound, 0);
  });

  it('forged-votes (commit-sig-address-bound): banned at once', async () => {
    const { punishments } = await misbehaves('forged-votes', /forged/, { heights: 25 });
    assert.ok(sum(punishments, /bad_vote_signature/) > 0);
  });

  it('lying-sync-peer (sync-height-lies, sync-full-commit-check): nodes that were down reach the head', async () => {
    const { punishments } = await misbehaves('lying-sync-peer', /answered with/, { faults: true });
    assert.ok(sum(punishments, /unexpected|invalid_commit/) > 0);
  });

  it('invalid-blocks (median-time-rule, commit-foreign-signatures, proposal-gas): nil votes, never decided', async () => {
    const { maxRound, deeds } = await misbehaves('invalid-blocks', /proposed a block with/, { heights: 60 });
    assert.ok(maxRound > 0, 'its rounds failed');
    assert.ok(deeds.size > 5, `several defects: ${[...deeds.keys()].join(', ')}`);
  });

  it('tx-spammer (mempool-heap-amplification): junk is punished, transactions go through', async () => {
    const { punishments, txs } = await misbehaves('tx-spammer', /spammed junk/, { faults: true, heights: 40 });
    assert.ok(sum(punishments, /malformed|too_large|invalid_transaction/) > 0 && txs > 0);
  });

  it('boaster (syncing-node-refuses): claims do not keep nodes from their work', async () => {
    let samples = 0;
    let catchingUp = 0;
    await misbehaves('boaster', /kept silent/, {
      script: async ({ machines, runUntil }) => {
        for (const machine of machines) machine.boot();
        for (let step = 0; step < 100; step++) {
          await runUntil(100, () => false);
          for (const { node } of machines.slice(0, 3)) {
            if (node === undefined) continue;
            samples++;
            if (node.sync.catchingUp) catchingUp++;
          }
        }
      },
    });
    assert.ok(samples > 200 && catchingUp < samples / 20, `${catchingUp} of ${samples} times`);
  });

  it('false-evidence (lca-byzantine-key-swap, evidence-all-signatures): its sender pays, nobody else', async () => {
    const { punishments, coverage } = await misbehaves('false-evidence', /accused/, { heights: 40 });
    assert.ok(sum(punishments, /invalid_evidence/) > 0);
    assert.equal(coverage.get('evidence punished'), undefined);
  });

  it('selective-voter: who lacks a vote gets it from others', async () => {
    const { maxRound } = await misbehaves('selective-voter', /kept a vote/);
    assert.equal(maxRound, 0);
  });

  it('dawdler (timeout-stale-or-double): whoever comes late is not waited for', () =>
    misbehaves('dawdler', /dawdled/, { heights: 25 }));

  it('time-liar (median-time-rule): block times stay between honest ones', async () => {
    let samples = 0;
    await misbehaves('time-liar', /wrong time/, {
      script: async ({ machines, scheduler, runUntil }) => {
        for (const machine of machines) machine.boot();
        while (scheduler.nowMs < 8_000) {
          await runUntil(100, () => false);
          for (const { height, node } of machines) {
            if (height < 2 || node === undefined) continue;
            samples++;
            const blockMs = Number(node.chain.state.lastBlockTime / 1_000_000n) - GENESIS_MS;
            assert.ok(Math.abs(scheduler.nowMs - blockMs) < CLOCKS_DIFFER_MS, `${blockMs} at ${scheduler.nowMs}`);
          }
        }
      },
    });
    assert.ok(samples > 100);
  });

  it('proposal-thief: transactions come from somebody else', async () => {
    const { txs } = await misbehaves('proposal-thief', /passed a proposal on/, { heights: 25 });
    assert.ok(txs > 0);
  });

  it('twin: one key on two machines, honest otherwise', () => misbehaves('twin', /voted twice|proposed twice/));

  it('two of seven work together under all other faults', async () => {
    const names: BehaviourName[] = ['equivocating-proposer', 'equivocating-voter'];
    const result = await simulate(names, { nodes: 7, faults: true });
    assertKept(result, names);
    assert.ok(sum(result.deeds, /sent another block/) > 0 && sum(result.deeds, /voted twice/) > 0);
  });

  it('agreement breaks when two of four work together: the library is up to it', async () => {
    for (let seed = 1; seed <= CONTROL_SEEDS; seed++) {
      const { failure } = await simulate(['equivocating-voter', 'equivocating-proposer'], { seed });
      if (failure instanceof Violation && failure.checker === 'agreement') return;
    }
    assert.fail(`more than f lied in ${CONTROL_SEEDS} runs, and nobody disagreed`);
  });
});

describe('sim: the choice of byzantine machines', () => {
  it('never more than f, in some seeds none', () => {
    for (const nodes of [4, 7, 10]) {
      const sizes = new Set(Array.from({ length: 200 }, (_, seed) => chooseBehaviours(seed, nodes).length));
      assert.ok(Math.max(...sizes) === byzantineMax(nodes) && sizes.has(0), `${nodes} nodes: ${[...sizes].join(' ')}`);
    }
  });

  it('reaches every behaviour, and each says what it attacks and what holds against it', () => {
    const chosen = new Set(Array.from({ length: 500 }, (_, seed) => chooseBehaviours(seed, 4)).flat());
    for (const name of BEHAVIOUR_NAMES) {
      assert.ok(chosen.has(name), name);
      assert.ok(BEHAVIOURS[name].attacks.length > 0 && BEHAVIOURS[name].defence.length > 0, name);
    }
  });
});
