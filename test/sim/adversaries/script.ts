import { Violation } from '../checkers/checkers.ts';
import type { Machine } from '../machine/machine.ts';
import type { WorldControls } from '../world/sim-options.ts';

/** What a healed network of four needs for a height is well under a second; a run is not to take minutes either. */
const HEIGHT_WITHIN_MS = 30_000;
const ANSWER_WITHIN_MS = 10_000;

/** An adversary's whole plan: it starts the machines, does its worst, and then wants a height. */
export type Script = (world: WorldControls) => Promise<void>;

export function bootAll({ machines }: WorldControls): void {
  for (const machine of machines) machine.boot();
}

/** Waits until each of `machines` has applied `height`; not to get there breaks liveness. */
export async function reach(world: WorldControls, height: number, machines: readonly Machine[]): Promise<void> {
  const done = await world.runUntil(HEIGHT_WITHIN_MS, () => machines.every((machine) => machine.height >= height));
  if (done) return;
  const heights = machines.map((machine) => `${machine.name} ${machine.height}`).join(', ');
  world.fail(new Violation('liveness', `no height ${height} within ${HEIGHT_WITHIN_MS} ms: ${heights}`));
}

/** Lets time pass until a node has answered. */
export async function during<T>(world: WorldControls, answer: Promise<T>): Promise<T> {
  let answered = false;
  const settled = answer.finally(() => {
    answered = true;
  });
  await world.runUntil(ANSWER_WITHIN_MS, () => answered);
  return settled;
}
