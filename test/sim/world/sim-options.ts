import type { BrokenRule } from '#util/broken-rule.ts';
import type { BehaviourName } from '../../byzantine/registry.ts';
import type { Checkers } from '../checkers/checkers.ts';
import type { DiskBreak } from '../disk/disk-port.ts';
import type { Machine } from '../machine/machine.ts';
import type { SimNetwork } from '../network/network.ts';
import type { Chance } from '../time/chance.ts';
import type { Scheduler } from '../time/scheduler.ts';

export interface SimOptions {
  readonly seed: number;
  readonly heights: number;
  readonly nodes: number;
  /** Default true. */
  readonly faults?: boolean;
  /** What is broken on purpose, in the nodes or in their disks. */
  readonly brokenRule?: BrokenRule | DiskBreak;
  /** Takes the place of random faults: runs the network, then the run ends. */
  readonly script?: (controls: WorldControls) => Promise<void>;
  /** Length from which logs are started anew; chance decides if absent. */
  readonly walRotateBytes?: number;
  /** Machines that lose their log and signing record when they crash. */
  readonly forgetful?: boolean;
  /** No key looks at what it may have signed elsewhere. */
  readonly unguardedKeys?: boolean;
  /** Validators come and go; chance decides if absent. */
  readonly changing?: boolean;
  /** Links flicker all the time; chance decides if absent. */
  readonly stormy?: boolean;
  /** How much more each machine's clock is off, in their order; negative is slow. */
  readonly slowClocksMs?: readonly number[];
  /** At this height the network tries to show a missing lock rule. */
  readonly lockTrap?: number;
  /** What the last machines do instead of being honest; chance decides if absent, and nothing else is broken. */
  readonly byzantine?: readonly BehaviourName[];
  /** Checkers that alone may end the run, to see that they find what a broken rule does. */
  readonly onlyChecker?: string | readonly string[];
  /** Another network than the usual one. */
  readonly network?: (parts: ConstructorParameters<typeof SimNetwork>[0]) => SimNetwork;
  /** No clients. */
  readonly quiet?: boolean;
  readonly sink?: (line: string) => void;
  /** Of the nodes' own log. */
  readonly logLevel?: string;
}

export interface SimResult {
  readonly seed: number;
  /** Undefined when all promises were kept. */
  readonly failure: Error | undefined;
  readonly traceHash: string;
  readonly heights: number;
  readonly txs: number;
  readonly maxRound: number;
  readonly virtualSeconds: number;
  readonly slowestHealMs: number;
  /** Rounds from the one that a heal found to the decision of its height. */
  readonly slowestHealRounds: number;
  /** Decided heights by the round of their decision. */
  readonly rounds: readonly number[];
  /** Faults injected and situations reached, by their names in `coverage.ts`. */
  readonly coverage: ReadonlyMap<string, number>;
  readonly tail: readonly string[];
  /** `behaviour: deed` and `behaviour: offence`: what byzantine machines did, and what they were punished for. */
  readonly deeds: ReadonlyMap<string, number>;
  readonly punishments: ReadonlyMap<string, number>;
}

/** What a script has in hand. */
export interface WorldControls {
  readonly machines: readonly Machine[];
  readonly network: SimNetwork;
  readonly scheduler: Scheduler;
  readonly checkers: Checkers;
  readonly chance: Chance;
  /** Lets virtual time pass; true when `done` was met in time. */
  readonly runUntil: (withinMs: number, done: () => boolean) => Promise<boolean>;
  readonly fail: (error: unknown) => void;
}

/** Nothing about the run is prescribed: chance decides what becomes of it. */
export function isOrdinary({ script, faults, brokenRule, forgetful, lockTrap }: SimOptions): boolean {
  return (
    script === undefined && faults !== false && brokenRule === undefined && forgetful !== true && lockTrap === undefined
  );
}

/** No machine breaks a rule but those that are byzantine. */
export function isUnbroken({ brokenRule, forgetful }: SimOptions): boolean {
  return brokenRule === undefined && forgetful !== true;
}
