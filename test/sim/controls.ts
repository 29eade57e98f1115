import type { BrokenRule } from '#util/broken-rule.ts';
import { forgedCommit } from './adversaries/forged-commit.ts';
import { halves } from './adversaries/halves.ts';
import { lostBodies } from './adversaries/lost-bodies.ts';
import { SLOW_CLOCKS_MS, slowClock } from './adversaries/slow-clock.ts';
import { stalePolka } from './adversaries/stale-polka.ts';
import { stolenSignature } from './adversaries/stolen-signature.ts';
import { tornHeight } from './adversaries/torn-height.ts';
import { Violation } from './checkers/checkers.ts';
import type { DiskBreak } from './disk/disk-port.ts';
import type { SimOptions, SimResult } from './world/sim-options.ts';
import { World } from './world/world.ts';

/** Heights of the runs that have no script. */
const HEIGHTS = 25;

/** A rule broken on purpose, and who has to notice. */
export interface Control {
  /** What is broken, in words. */
  readonly broken: string;
  /** The checkers one of which must catch it; the others are switched off. */
  readonly checkers: readonly string[];
  /** The adversary's setting, in which a correct node keeps all promises. */
  readonly options: Partial<SimOptions>;
  /** Seeds within which it must be caught. */
  readonly seeds: number;
}

const TRAPPED_HEIGHT = 4;

/** All twelve, by the name that `--broken-rule` takes. */
export const CONTROLS: Readonly<Record<BrokenRule | DiskBreak, Control>> = {
  lock: {
    broken: 'a locked node prevotes whatever is valid',
    checkers: ['agreement'],
    options: { faults: false, lockTrap: TRAPPED_HEIGHT },
    seeds: 2,
  },
  quorum: {
    broken: 'one half of the power is a quorum',
    checkers: ['agreement'],
    options: { script: halves },
    seeds: 2,
  },
  polkaRound: {
    broken: 'a polka of an older round is precommitted',
    checkers: ['locks'],
    options: { script: stalePolka },
    seeds: 2,
  },
  commitSignatures: {
    broken: 'signatures of a commit are verified up to +2/3 only',
    checkers: ['light follows'],
    options: { script: forgedCommit },
    seeds: 1,
  },
  signerNotSynced: {
    broken: "the signer's record is not synced before the signature leaves",
    checkers: ['signing record', 'restart'],
    options: {},
    seeds: 12,
  },
  batchSplit: {
    broken: "a height's batch is written in two",
    checkers: ['restart', 'durability'],
    options: { script: tornHeight },
    seeds: 2,
  },
  walNotSynced: {
    broken: 'the log is not synced before a signature',
    checkers: ['wal replay'],
    options: {},
    seeds: 12,
  },
  validatorsEarly: {
    broken: 'validator updates sign a height early',
    checkers: ['light follows'],
    options: { changing: true, faults: false },
    seeds: 1,
  },
  cacheByHash: {
    broken: 'a verified transaction is remembered by its hash alone',
    checkers: ['app hash'],
    options: { script: stolenSignature },
    seeds: 1,
  },
  bodyNotKept: {
    broken: 'a block is precommitted before its bytes are on disk',
    checkers: ['liveness'],
    options: { script: lostBodies },
    seeds: 3,
  },
  clockGuardAtLock: {
    broken: 'the clock guard plays a part at L28 and L36',
    checkers: ['liveness'],
    options: { script: slowClock, slowClocksMs: SLOW_CLOCKS_MS },
    seeds: 1,
  },
  prunedEarly: {
    broken: 'one height less is kept than the settings say',
    checkers: ['kept'],
    options: {},
    seeds: 12,
  },
};

export type ControlName = keyof typeof CONTROLS;

export const CONTROL_NAMES = Object.keys(CONTROLS) as ControlName[];

export function isControlName(name: string): name is ControlName {
  return Object.hasOwn(CONTROLS, name);
}

/** The setting of a run in which the rule is broken, or kept. */
export function controlOptions(name: ControlName, isBroken: boolean): Partial<SimOptions> {
  const { options, checkers } = CONTROLS[name];
  const setting = { byzantine: [], changing: false, ...options };
  return isBroken ? { ...setting, brokenRule: name, onlyChecker: checkers } : setting;
}

export function runControl(name: ControlName, seed: number, isBroken: boolean): Promise<SimResult> {
  return new World({ seed, nodes: 4, heights: HEIGHTS, ...controlOptions(name, isBroken) }).run();
}

/** The first run, of the seeds that the control has, in which its checker noticed. */
export async function firstCatch(name: ControlName): Promise<SimResult | undefined> {
  const { checkers, seeds } = CONTROLS[name];
  for (let seed = 1; seed <= seeds; seed++) {
    const result = await runControl(name, seed, true);
    if (result.failure instanceof Violation && checkers.includes(result.failure.checker)) return result;
  }
  return undefined;
}

/** Runs all controls, and prints who caught which, as a Markdown table. False: one was not caught, or a correct node failed. */
export async function printControls(print: (line: string) => void): Promise<boolean> {
  print('| control | what is broken | caught by | seed | after heights | a correct node there |');
  print('|--|--|--|--|--|--|');
  let isGood = true;
  for (const name of CONTROL_NAMES) {
    const { broken, seeds } = CONTROLS[name];
    const caught = await firstCatch(name);
    const by = caught?.failure instanceof Violation ? caught.failure.checker : 'NOT CAUGHT';
    const correct = await runControl(name, caught?.seed ?? seeds, false);
    const kept = correct.failure === undefined ? `${correct.heights} heights` : `FAILED: ${correct.failure.message}`;
    const place = `${caught?.seed ?? '-'} | ${caught?.heights ?? '-'}`;
    print(`| ${name} | ${broken} | ${by} | ${place} | ${kept} |`);
    isGood &&= caught !== undefined && correct.failure === undefined;
  }
  return isGood;
}
