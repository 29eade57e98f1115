import { DISK_ERRORS, type DiskErrorName, type DiskTarget } from '../disk/disk-faults.ts';
import type { Machine } from '../machine/machine.ts';
import type { FaultTable, Spell } from './spell.ts';

const TARGETS: readonly (DiskTarget | undefined)[] = [undefined, 'log', 'signer', 'database'];

/** Disks that refuse something for a while, and bits that flip for good. */
export function diskFaults(spell: Spell): FaultTable {
  const { chance, machines, damagedMax } = spell.parts;
  const machine = chance.pick(machines);
  const errors = DISK_ERRORS.map((name) => [name, () => breakDisk(spell, machine, name)] as const);
  const damaged = machines.filter(({ isDamaged }) => isDamaged);
  const isSpared = !machine.isDamaged && damaged.length >= damagedMax;
  return { ...Object.fromEntries(errors), ...(isSpared ? {} : flipsOf(machine)) };
}

function breakDisk(spell: Spell, machine: Machine, name: DiskErrorName): void {
  const { chance, say } = spell.parts;
  const target = chance.pick(TARGETS);
  say(machine.name, `${name}${target === undefined ? '' : ` of the ${target}`}`);
  machine.breakDisk(name, target);
  spell.later(() => machine.repairDisk());
}

function flipsOf(machine: Machine): FaultTable {
  return {
    'flip in the end of the log': () => machine.flipInLog('end'),
    'flip in the middle of the log': () => machine.flipInLog('middle'),
    'flip in the database': () => machine.flipInDatabase(),
  };
}
