import type { Machine } from '../machine/machine.ts';
import { bootAll, reach, type Script } from './script.ts';

/** Some snapshots are there by then. */
const EMPTIED_HEIGHT = 24;
const LATER_HEIGHTS = 12;
const DEATHS = 5;
/** A process that begins anew takes some hundred events until it is a node among the others. */
const EVENTS_MAX = 250;
const DIES_WITHIN_MS = 10_000;

/**
 * A machine loses all but its key and its signing record, begins anew, and dies on the way again and again. In the end it
 * stands where the others are, and they go on with it: one of the four is off, so its vote is needed.
 */
export const emptiedAgainAndAgain: Script = async (world) => {
  const { machines, chance, checkers } = world;
  const [machine, absent] = machines as [Machine, Machine];
  bootAll(world);
  await reach(world, EMPTIED_HEIGHT, machines);
  machine.crash('power');
  await machine.loseData();
  for (let deaths = 0; deaths < DEATHS; deaths++) {
    machine.boot();
    machine.crashAfter(chance.below(EVENTS_MAX), chance.chance(0.5) ? 'kill' : 'power');
    await world.runUntil(DIES_WITHIN_MS, () => !machine.isUp);
  }
  machine.boot();
  await reach(world, checkers.highest, [machine]);
  absent.crash('kill');
  const present = machines.filter((other) => other !== absent);
  await reach(world, checkers.highest + LATER_HEIGHTS, present);
};
