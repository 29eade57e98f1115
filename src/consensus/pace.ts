import type { Time } from '#types/time.ts';
import { NS_PER_MS } from './block-time.ts';
import type { HeightContext } from './input.ts';

/** A far genesis is waited for in slices: timers of more than 2^31 ms fire at once in JavaScript. */
const MAX_TIMER_MS = 3_600_000;

/**
 * Milliseconds until the proposal of round 0 is due. Every validator computes it, so that those who do not propose
 * start their propose timer at the same moment.
 *
 * The reference is my own clock at the moment when I decided the previous height. Block time will not do: it is the
 * median of votes that are one height older, so it lags by a whole interval. Nor will the timestamps in the last
 * commit: they would let a clock that is off by minutes stop its owner for as long. Deciding happens everywhere
 * within a network delay, so it also brings back in step those who were late.
 */
export function untilDueMs(context: HeightContext, decidedAt: Time, now: Time, work: boolean): number {
  if (context.height === context.initialHeight) return toMs(context.lastBlockTime - now, MAX_TIMER_MS);
  const { blockIntervalMinMs, emptyBlockIntervalMs } = context;
  const interval = work ? blockIntervalMinMs : Math.max(blockIntervalMinMs, emptyBlockIntervalMs);
  return toMs(decidedAt + BigInt(interval) * NS_PER_MS - now, interval);
}

/** Nobody proposes or times out before genesis time, whatever timer fired. */
export function isBeforeGenesis(context: HeightContext, now: Time): boolean {
  return context.height === context.initialHeight && now < context.lastBlockTime;
}

/** Rounded up, and within [0, max]: a wall clock that jumped costs at most one interval. */
function toMs(ns: bigint, max: number): number {
  if (ns <= 0n) return 0;
  const ms = (ns + NS_PER_MS - 1n) / NS_PER_MS;
  return ms > BigInt(max) ? max : Number(ms);
}
