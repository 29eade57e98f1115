import type { Machine } from '../machine/machine.ts';
import { FAIR_WEATHER } from '../network/network.ts';
import type { Life } from '../time/scheduler.ts';
import type { FaultTable, Spell } from './spell.ts';

const FLICKER_MS = [20, 800] as const;
/** Links that are cut at one moment of a flicker. */
const FLICKERING = [0.15, 0.3, 0.5];

export function linkFaults(spell: Spell): FaultTable {
  return {
    partition: () => partition(spell),
    'one-way cut': () => oneWay(spell),
    isolation: () => isolate(spell),
    'bad weather': () => weather(spell),
    flicker: () => flicker(spell),
  };
}

function partition(spell: Spell): void {
  const { chance, machines } = spell.parts;
  const side = new Set(machines.filter(() => chance.chance(0.5)));
  const pairs = machines.flatMap((a) => machines.filter((b) => side.has(a) !== side.has(b)).map((b) => pair(a, b)));
  cut(spell, 'partition', pairs);
}

function isolate(spell: Spell): void {
  const { chance, machines } = spell.parts;
  const lone = chance.pick(machines);
  const pairs = machines.flatMap((other) => [pair(lone, other), pair(other, lone)]);
  cut(spell, 'isolate', pairs);
}

function oneWay(spell: Spell): void {
  const { chance, machines } = spell.parts;
  const length = 1 + chance.below(machines.length);
  const pairs = Array.from({ length }, () => pair(chance.pick(machines), chance.pick(machines)));
  cut(spell, 'one-way', pairs);
}

function cut(spell: Spell, name: string, pairs: readonly string[]): void {
  const { network, say } = spell.parts;
  say('world', `${name} ${pairs.join(' ')}`);
  for (const way of pairs) network.cuts.add(way);
  spell.later(() => {
    for (const way of pairs) network.cuts.delete(way);
  });
}

/** Each direction of each link comes and goes on its own: rounds go on, but everybody sees other votes. */
export function flicker(spell: Spell): void {
  const { network, machines, chance, scheduler, say } = spell.parts;
  say('world', 'flicker');
  let pairs: string[] = [];
  const life: Life = { alive: true };
  const share = chance.pick(FLICKERING);
  const clear = (): void => {
    for (const way of pairs) network.cuts.delete(way);
  };
  const again = (): void => {
    clear();
    if (!spell.life.alive) return;
    // One machine alone, and single links: a vote that decides reaches one and is not passed on in time.
    const alone = chance.chance(0.7) ? chance.pick(machines) : undefined;
    const isCut = (a: Machine, b: Machine): boolean => a === alone || b === alone || chance.chance(share);
    pairs = machines.flatMap((a) => machines.filter((b) => isCut(a, b)).map((b) => pair(a, b)));
    for (const way of pairs) network.cuts.add(way);
    scheduler.after(chance.between(...FLICKER_MS), life, again);
  };
  again();
  if (spell.isStormy) return;
  spell.later(() => {
    life.alive = false;
    clear();
  });
}

function weather(spell: Spell): void {
  const { network, chance, say } = spell.parts;
  const maxDelayMs = chance.pick([5, 50, 300, 1_500]);
  network.weather = {
    minDelayMs: 0.2,
    maxDelayMs,
    loss: chance.pick([0, 0.02, 0.2, 0.5]),
    duplication: chance.pick([0, 0.1]),
  };
  say('world', `weather ${JSON.stringify(network.weather)}`);
  spell.later(() => {
    network.weather = { ...FAIR_WEATHER };
  });
}

/** As the network names what passes from one to another. */
function pair(from: Machine, to: Machine): string {
  return `${from.name}>${to.name}`;
}
