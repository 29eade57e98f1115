import assert from 'node:assert/strict';
import type { BlockTimes } from './block-times.ts';
import { assertSameHistory } from './checks.ts';
import type { FaultNet } from './fault-net.ts';
import type { LoadedNetwork } from './loaded-network.ts';
import { pause, until } from './rpc.ts';

/** The rate before a fault is taken over this time, the rate after it over the other. */
const BEFORE_MS = 15_000;
const WINDOW_MS = 5_000;
/** What the network promises: this share of its pace, so soon after the fault is over. */
const GOAL = 0.9;
const RECOVERY_MS = 5_000;
/** For how long a recovery that comes too late is still watched, so that the failure says how late. */
const PATIENCE_MS = 30_000;

export interface Fault {
  readonly title: string;
  readonly lastsMs: number;
  start(): void | Promise<void>;
  /** What must hold while it lasts; called when it has just begun. */
  during?(): Promise<void>;
  end(): void | Promise<void>;
}

/** Blocks a second. */
export interface Pace {
  readonly before: number;
  readonly during: number;
  readonly after: number;
}

/**
 * Measures the pace, lets the fault happen, and measures how long after its end the chain has 90 % of its pace again:
 * the first block from which on, for five seconds, blocks come to clients at that rate. Then all nodes must have one history.
 */
export async function endure({ net, traffic }: LoadedNetwork<FaultNet>, fault: Fault): Promise<Pace> {
  const { blockTimes } = traffic;
  await pause(BEFORE_MS);
  const calmMs = performance.now();
  const before = blockTimes.rate(calmMs - BEFORE_MS, calmMs);
  const during = await happen(fault, blockTimes);
  const recovered = await recovery(blockTimes, GOAL * before, performance.now());
  const after = blockTimes.paceFrom(recovered.atMs, WINDOW_MS) ?? 0;
  const { tookMs } = recovered;
  const figures = `${before.toFixed(2)} blocks/s before, ${during.toFixed(2)} during, ${after.toFixed(2)}`;
  console.log(`      ${fault.title}: ${figures} from ${(tookMs / 1_000).toFixed(2)} s after it`);
  await assertSameHistory(net);
  assert.ok(tookMs <= RECOVERY_MS, `${fault.title}: the pace was back after ${tookMs.toFixed(0)} ms`);
  return { before, during, after };
}

/** Blocks a second while it lasts. It ends whatever fails, so that the next trial begins with a healthy network. */
async function happen(fault: Fault, blockTimes: BlockTimes): Promise<number> {
  try {
    await fault.start();
    const startMs = performance.now();
    const over = pause(fault.lastsMs);
    await fault.during?.();
    await over;
    return blockTimes.rate(startMs, performance.now());
  } finally {
    await fault.end();
  }
}

async function recovery(
  blockTimes: BlockTimes,
  goal: number,
  endMs: number,
): Promise<{ readonly atMs: number; readonly tookMs: number }> {
  let atMs: number | undefined;
  await until(
    `${goal.toFixed(2)} blocks a second, ${GOAL * 100} % of the pace before`,
    async () => {
      atMs = blockTimes.reaches(goal, endMs, WINDOW_MS);
      return atMs !== undefined;
    },
    RECOVERY_MS + WINDOW_MS + PATIENCE_MS,
  );
  assert(atMs !== undefined);
  return { atMs, tookMs: atMs - endMs };
}

/** No height is decided on any node from now on, for as long as the fault lasts. */
export async function assertHalts({ traffic }: LoadedNetwork<FaultNet>, forMs: number): Promise<void> {
  const { blockTimes } = traffic;
  // What was signed before the fault may still decide one height.
  const fromMs = performance.now() + 1_000;
  await pause(forMs);
  assert.equal(blockTimes.rate(fromMs, performance.now()), 0, 'heights were decided without +2/3');
}
