import type { Backups, DatabaseCopy } from '../disk/database-copy.ts';
import type { Machine } from '../machine/machine.ts';
import type { FaultTable, Spell } from './spell.ts';

/** Share of spells before which somebody makes a backup. */
const BACKED_UP = 0.5;

/** A backup of some running machine, now and then. */
export function backUpSome({ parts }: Spell, backups: Backups): void {
  const { chance, machines, say } = parts;
  const machine = chance.pick(machines);
  const copy = chance.chance(BACKED_UP) && machine.isHonest ? machine.backUp() : undefined;
  if (copy === undefined) return;
  say(machine.name, `backup at ${copy.height}`);
  backups.add(copy, chance);
}

/** A machine that loses its disk comes back with a database of an earlier time, with its signing record or without it. */
export function restoreFaults(spell: Spell, backups: Backups): FaultTable {
  const { chance, machines, damagedMax } = spell.parts;
  const machine = chance.pick(machines);
  const copy = backups.pick(chance);
  const others = machines.filter((other) => other !== machine && other.isDamaged);
  if (copy === undefined || !machine.isHonest || others.length >= damagedMax) return {};
  return { 'restored from a backup': () => restore(spell, machine, copy) };
}

function restore(spell: Spell, machine: Machine, copy: DatabaseCopy): void {
  const { chance } = spell.parts;
  machine.crash('power');
  const options = { record: chance.pick(['kept', 'lost'] as const), keepsLog: chance.chance(0.5) };
  const restored = machine.restore(copy, options);
  spell.later(() => void restored.then(() => machine.boot()));
}
