import { bootAll, reach, type Script } from './script.ts';

const FIRST_HEIGHT = 2;
const CUTS = 4;

/** Power is lost each time right after a batch of a height has reached the disk, before the node knows. */
export const tornHeight: Script = async (world) => {
  const { machines, checkers } = world;
  const victim = world.chance.pick(machines);
  bootAll(world);
  await reach(world, FIRST_HEIGHT, machines);
  for (let cut = 0; cut < CUTS; cut++) {
    let isCut = false;
    victim.atPoint = (point) => {
      if (isCut || point !== 'height: batch synced, not told') return;
      isCut = true;
      victim.crash('power');
    };
    await world.runUntil(10_000, () => isCut);
    victim.boot();
    await reach(world, checkers.highest + 2, machines);
  }
};
