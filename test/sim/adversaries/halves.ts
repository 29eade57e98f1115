import { bootAll, reach, type Script } from './script.ts';

const CUT_HEIGHT = 3;
/** Some rounds: each half comes to a proposer of its own. */
const CUT_MS = 8_000;

/** The network falls into two halves, each of which goes on as far as its rules allow, and heals. */
export const halves: Script = async (world) => {
  const { machines, network, checkers } = world;
  bootAll(world);
  await reach(world, CUT_HEIGHT, machines);
  const half = new Set(machines.slice(0, machines.length / 2).map(({ name }) => name));
  network.filter = (from, to) => half.has(from) === half.has(to);
  await world.runUntil(CUT_MS, () => false);
  network.filter = undefined;
  await reach(world, checkers.highest + 1, machines);
};
