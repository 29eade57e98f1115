import type { DatabaseCopy } from '../disk/database-copy.ts';
import type { Machine, RestoreOptions } from '../machine/machine.ts';
import type { WorldControls } from '../world/sim-options.ts';
import { bootAll, reach, type Script } from './script.ts';

/** Height of the backup; the network then goes on for longer than a key keeps quiet. */
const BACKUP_HEIGHT = 4;
const LATER_HEIGHTS = 16;
/** As many of seven as may be silent until they are where they were. */
const RESTORED = 2;
/** Heights that the key signs after it was away. */
const SIGNED_HEIGHTS = 6;
/** Until a peer's height has come over, and the first rounds of the height after it are over. Milliseconds. */
const TOLD_WITHIN_MS = 10_000;
const PAUSE_MS = 1_500;
/** Some rounds at an old height: whoever signs there signs something else than before. Milliseconds. */
const ALONE_MS = 8_000;

/** Runs the network to a height, with a backup of each machine on the way, and takes it down. */
async function liveAndDie(world: WorldControls, height: number): Promise<DatabaseCopy[]> {
  const { machines } = world;
  bootAll(world);
  await reach(world, BACKUP_HEIGHT, machines);
  const copies = machines.map((machine) => machine.backUp() as DatabaseCopy);
  await reach(world, height, machines);
  // In the middle of a height, at which some have voted.
  await world.runUntil(world.chance.between(0, 60), () => false);
  return copies;
}

async function restore(machine: Machine, copy: DatabaseCopy | undefined, options: RestoreOptions): Promise<void> {
  machine.crash('power');
  if (copy !== undefined) await machine.restore(copy, options);
  machine.boot();
}

/**
 * Two machines of seven lose their disks and come back at an old height, where they meet nobody but each other: whoever
 * forgot what it signed there signs again. Then all meet. `record` is what became of the first one's.
 */
export function restoredAlone(record: RestoreOptions['record']): Script {
  return async (world) => {
    const { machines, network, checkers } = world;
    const copies = await liveAndDie(world, BACKUP_HEIGHT + LATER_HEIGHTS);
    const restored = machines.slice(0, RESTORED);
    const lost = new Set(restored.map(({ name }) => name));
    network.filter = (from, to) => lost.has(from) === lost.has(to);
    for (const [index, machine] of restored.entries())
      await restore(machine, copies[index], { record: index === 0 ? record : 'kept', keepsLog: false });
    await world.runUntil(ALONE_MS, () => false);
    network.filter = undefined;
    const target = checkers.highest + 1;
    await reach(world, target, machines);
    await reach(world, target + LATER_HEIGHTS, machines);
  };
}

/**
 * A machine is away for longer than a key keeps quiet, comes back, signs, and loses its disk and its record. Restored from
 * a backup of before all that, it is told of the chain by a peer that is one height ahead at a time: to the restored
 * node each looks like the newest there is, and the first of them bear no signature of its key.
 */
export const restoredToldSlowly: Script = async (world) => {
  const { machines, network, checkers } = world;
  const [machine, teller] = machines as [Machine, Machine];
  bootAll(world);
  await reach(world, BACKUP_HEIGHT, machines);
  const copy = machine.backUp();
  machine.crash('kill');
  const shown = await copiesUntil(world, teller, BACKUP_HEIGHT + LATER_HEIGHTS);
  machine.boot();
  await reach(world, checkers.highest + 1, machines);
  shown.push(...(await copiesUntil(world, teller, checkers.highest + SIGNED_HEIGHTS)));
  for (const each of machines) each.crash('kill');
  network.filter = (from, to) => [from, to].every((name) => name === machine.name || name === teller.name);
  await restore(machine, copy, { record: 'lost', keepsLog: false });
  for (const next of shown) {
    await restore(teller, next, { record: 'kept', keepsLog: true });
    await world.runUntil(TOLD_WITHIN_MS, () => machine.height >= next.height);
    await world.runUntil(PAUSE_MS, () => false);
  }
  network.filter = undefined;
  bootAll(world);
  await reach(world, checkers.highest + LATER_HEIGHTS, machines);
};

/** A backup of a machine at each height up to this one. */
async function copiesUntil(world: WorldControls, machine: Machine, height: number): Promise<DatabaseCopy[]> {
  const copies: DatabaseCopy[] = [];
  while (machine.height < height) {
    const at = machine.height;
    await world.runUntil(TOLD_WITHIN_MS, () => machine.height > at);
    const copy = machine.backUp();
    if (copy === undefined || copy.height === at) break;
    copies.push(copy);
  }
  return copies;
}
