import type { Clock, Timer } from '#ports/clock.ts';
import type { Life, Scheduler } from './scheduler.ts';

/** 2026-01-01T00:00:00Z: genesis, and the wall clock at the start of every simulation. */
export const GENESIS_MS = 1_767_225_600_000;

/** How far a machine's wall clock is off; it may jump. */
export interface Skew {
  ms: number;
}

/** The clocks of one incarnation of a node. */
export class VirtualClock implements Clock {
  private readonly scheduler: Scheduler;
  private readonly life: Life;
  private readonly skew: Skew;

  constructor(scheduler: Scheduler, life: Life, skew: Skew) {
    this.scheduler = scheduler;
    this.life = life;
    this.skew = skew;
  }

  now(): bigint {
    const us = Math.round((this.scheduler.nowMs + this.skew.ms) * 1_000);
    return (BigInt(GENESIS_MS) * 1_000n + BigInt(us)) * 1_000n;
  }

  monotonicMs(): number {
    return this.scheduler.nowMs;
  }

  setTimer(delayMs: number, fire: () => void): Timer {
    return { cancel: this.scheduler.after(delayMs, this.life, fire) };
  }

  yield(): Promise<void> {
    return this.scheduler.pause(0, this.life);
  }
}
