import { BEHAVIOUR_NAMES, type BehaviourName } from '../../byzantine/registry.ts';

import { DISK_ERRORS } from '../disk/disk-faults.ts';

/** Every kind of fault that a run can inject. A fault that no run of a long series injected is a hole in the machine. */
export const FAULTS = [
  'crash of one',
  'crash of some',
  'crash of all',
  'crash between two events',
  'staggered restart',
  'stop',
  'kill',
  'power cut',
  'partition',
  'one-way cut',
  'isolation',
  'flicker',
  'bad weather',
  'loss',
  'duplication',
  'reordering',
  'latency matrix',
  'clock skew',
  'clock jump',
  'slow machine',
  'paused machine',
  'rolled back by its operator',
  'lost proposals',
  'lost prevotes',
  'lost precommits',
  'hidden polka',
  'hidden decision',
  ...DISK_ERRORS,
  'flip in the end of the log',
  'flip in the middle of the log',
  'flip in the database',
  'restored from a backup',
  'emptied machine',
] as const;

/** Situations that faults are for: each must be reached sometimes, or the rules about it were never tried. */
export const SOMETIMES = [
  'round above 3',
  'lock then newer polka',
  'commit from a past round',
  'evidence punished',
  'block sync during a change of validators',
  'validator joined',
  'validator left',
  'validator changed its power',
  'crash between WAL and signer',
  'locked',
  'valid value proposed again',
  'torn log cut at boot',
  'muted after damage',
  'stopped by its disk',
  'emptied by its operator',
  'own blocks applied again',
  'blocks pruned',
  'went on pruning after a crash',
  'restored with its record',
  'restored without its record',
  'restored from an old backup',
  'signed again after its record was lost',
  'block sync',
  'state sync',
  'height decided while a machine was down',
  'empty block',
] as const;

/** Machines that misbehaved, each in its way. */
export const BYZANTINE = BEHAVIOUR_NAMES.map((name) => `byzantine ${name}` as const);

export type ByzantineName = `byzantine ${BehaviourName}`;
export type FaultName = (typeof FAULTS)[number];
export type SometimesName = (typeof SOMETIMES)[number];

/** How often each fault was injected and each situation reached, in one run. */
export class Coverage {
  private readonly hits = new Map<string, number>();

  hit(name: FaultName | SometimesName | ByzantineName, count = 1): void {
    this.hits.set(name, (this.hits.get(name) ?? 0) + count);
  }

  get counts(): ReadonlyMap<string, number> {
    return this.hits;
  }
}
