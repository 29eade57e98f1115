import type { Machine } from '../machine/machine.ts';
import type { FaultTable, Spell } from './spell.ts';

/** A machine that begins anew dies on the way within so many of its own events, this share of times. */
const EVENTS_MAX = 400;
const CUT_OFF = 0.5;

/** A machine loses all data but its key and its signing record, and begins anew: with a snapshot, or with genesis. */
export function emptyingFaults(spell: Spell): FaultTable {
  const { chance, machines, damagedMax } = spell.parts;
  const machine = chance.pick(machines);
  const others = machines.filter((other) => other !== machine && other.isDamaged);
  if (!machine.isHonest || others.length >= damagedMax) return {};
  return { 'emptied machine': () => beginAnew(spell, machine) };
}

function beginAnew(spell: Spell, machine: Machine): void {
  const { chance } = spell.parts;
  machine.crash('power');
  const events = chance.chance(CUT_OFF) ? chance.below(EVENTS_MAX) : undefined;
  const emptied = machine.loseData();
  const boot = async (): Promise<void> => {
    await emptied;
    machine.boot();
    if (events !== undefined) machine.crashAfter(events, chance.chance(0.5) ? 'kill' : 'power');
  };
  spell.later(() => void boot());
  spell.later(() => machine.boot());
}
