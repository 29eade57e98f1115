import type { CrashKind, Machine } from '../machine/machine.ts';
import type { FaultTable, Spell } from './spell.ts';

/** Heights that an operator goes back, and the share of times that this is cut off. */
const BACK_MAX = 100;
const CUT_OFF = 0.3;
/** Each operation of a slow machine. Milliseconds. */
const SLOW_MS = [1, 5, 20];
/** A machine dies within so many of its own events: some dozen make a height. */
const EVENTS_MAX = 200;
/** Clocks that jump stay this close, as those of honest machines do. */
const JUMP_MS = 500;
/** Machines that crash together: at one moment, or some steps apart. */
const APART_MS = 20;
/** Between the restarts of machines that come up one by one. */
const STAGGER_MS = 1_500;
const CRASHES: readonly CrashKind[] = ['stop', 'kill', 'power'];

export function crashes(spell: Spell): FaultTable {
  const { chance, machines } = spell.parts;
  return {
    'crash of one': () => crash(spell, [chance.pick(machines)]),
    'crash of some': () =>
      crash(
        spell,
        machines.filter(() => chance.chance(0.5)),
      ),
    'crash of all': () => crash(spell, machines),
  };
}

/** All that can happen to one machine but a crash at any moment. */
export function machineFaults(spell: Spell): FaultTable {
  const machine = spell.parts.chance.pick(spell.parts.machines);
  return {
    'crash between two events': () => crashBetweenEvents(spell, machine),
    'staggered restart': () => staggeredRestart(spell),
    'clock jump': () => jump(spell, machine),
    'slow machine': () => slowDown(spell, machine),
    'paused machine': () => pause(spell, machine),
    'rolled back by its operator': () => rollBack(spell, machine),
  };
}

function crash(spell: Spell, machines: readonly Machine[]): void {
  const { chance, scheduler } = spell.parts;
  const kind = chance.pick(CRASHES);
  for (const machine of machines) {
    scheduler.after(chance.chance(0.5) ? 0 : chance.between(0, APART_MS), spell.life, () => {
      machine.crash(kind);
      spell.later(() => machine.boot());
    });
  }
}

function crashBetweenEvents(spell: Spell, machine: Machine): void {
  const { chance, say } = spell.parts;
  const events = chance.below(EVENTS_MAX);
  say(machine.name, `dies after ${events} events`);
  machine.crashAfter(events, chance.chance(0.5) ? 'kill' : 'power');
  spell.later(() => machine.boot());
}

function staggeredRestart({ parts, life }: Spell): void {
  const { machines, chance, scheduler } = parts;
  const kind = chance.pick(CRASHES);
  for (const machine of machines) {
    machine.crash(kind);
    scheduler.after(chance.between(0, STAGGER_MS), life, () => machine.boot());
  }
}

/** Stopped, taken back, and started again; sometimes it dies on the way. */
function rollBack(spell: Spell, machine: Machine): void {
  const { chance } = spell.parts;
  const heights = 1 + chance.below(BACK_MAX);
  const events = chance.chance(CUT_OFF) ? chance.below(EVENTS_MAX) : undefined;
  machine.crash(chance.pick(CRASHES));
  machine.takeBack(heights);
  spell.later(() => {
    machine.boot();
    if (events !== undefined) machine.crashAfter(events, 'kill');
  });
  spell.later(() => machine.boot());
}

function jump({ parts }: Spell, machine: Machine): void {
  const { chance, say } = parts;
  if (machine.hasWrongClock) return;
  const ms = chance.between(-JUMP_MS, JUMP_MS);
  say(machine.name, `clock off by ${ms.toFixed(0)} ms`);
  machine.setClock(ms);
}

function slowDown(spell: Spell, machine: Machine): void {
  const { chance, say } = spell.parts;
  const ms = chance.pick(SLOW_MS);
  say(machine.name, `slow by ${ms} ms`);
  machine.slowDown(ms);
  spell.later(() => machine.slowDown(0));
}

function pause(spell: Spell, machine: Machine): void {
  const { say } = spell.parts;
  say(machine.name, 'paused');
  machine.pause();
  spell.later(() => {
    say(machine.name, 'resumed');
    machine.resume();
  });
}
