import { bootAll, reach, type Script } from './script.ts';

const CUT_HEIGHT = 4;
/** Precommits that are out when the power goes: enough that the block may have been decided somewhere. */
const PRECOMMITTED = 3;

/**
 * All machines lose power after they precommitted a block and before any of them has applied it. Its transactions are
 * nowhere but on their disks; without them nobody can decide the height, and nobody may vote for another block.
 */
export const lostBodies: Script = async (world) => {
  const { machines, chance } = world;
  bootAll(world);
  await reach(world, CUT_HEIGHT - 1, machines);
  const precommitted = (): number =>
    machines.filter(({ node }) => node?.consensus.height === CUT_HEIGHT && node.consensus.step === 'precommit').length;
  await world.runUntil(10_000, () => precommitted() >= PRECOMMITTED);
  // The signatures of these precommits are made and sent within some milliseconds of it.
  await world.runUntil(chance.between(0, 4), () => false);
  for (const machine of machines) machine.crash('power');
  bootAll(world);
  await reach(world, CUT_HEIGHT + 1, machines);
};
