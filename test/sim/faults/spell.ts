import type { Machine } from '../machine/machine.ts';
import type { SimNetwork } from '../network/network.ts';
import type { Chance } from '../time/chance.ts';
import type { Life, Scheduler } from '../time/scheduler.ts';
import type { Coverage, FaultName } from '../world/coverage.ts';

/** How long a fault lasts. Milliseconds. */
const LASTS_MS = [50, 5_000] as const;
const SCALES = [1, 0.4, 0.15, 0.05];
/** Share of runs. */
const STORMY = 0.25;

export interface FaultParts {
  readonly scheduler: Scheduler;
  readonly network: SimNetwork;
  readonly machines: readonly Machine[];
  readonly chance: Chance;
  readonly coverage: Coverage;
  readonly say: (who: string, what: string) => void;
  /** True: flickering links and nothing else. Chance decides if absent. */
  readonly stormy?: boolean | undefined;
  /** Machines that may have damaged data at one time: a decision needs the others. */
  readonly damagedMax: number;
}

/** Faults by name; each begins when it is called, and ends by itself or when all is healed. */
export type FaultTable = Partial<Record<FaultName, () => void>>;

/** What every fault has in hand: the world that it breaks, and for how long it may. */
export class Spell {
  readonly parts: FaultParts;
  /** Ends when all is healed; what faults have put off does not happen then. */
  life: Life = { alive: false };
  /** Faults that were told to last on their own reach to here. */
  untilMs = 0;
  /** Shrinks or stretches all times: some runs are a hail of short faults, some have few long ones. */
  readonly scale: number;
  /** Links flicker all the time, so that most heights take several rounds. */
  readonly isStormy: boolean;

  constructor(parts: FaultParts) {
    this.parts = parts;
    this.scale = parts.chance.pick(SCALES);
    this.isStormy = parts.stormy ?? parts.chance.chance(STORMY);
  }

  /** Ends a fault after a while. */
  later(undo: () => void): void {
    const { scheduler, chance } = this.parts;
    scheduler.after(this.scale * chance.between(...LASTS_MS), this.life, undo);
  }

  /** Ends a fault that lasts for so long, and the spell not before. */
  lasts(forMs: number, undo: () => void): void {
    const { scheduler } = this.parts;
    this.untilMs = Math.max(this.untilMs, scheduler.nowMs + forMs);
    scheduler.after(forMs, this.life, undo);
  }
}
