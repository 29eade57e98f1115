import type { Chance } from './chance.ts';
import type { CrashKind, Machine } from './machine.ts';
import { FAIR_WEATHER, type SimNetwork } from './network.ts';
import type { Life, Scheduler } from './scheduler.ts';

/** Between two faults, and how long each lasts. Milliseconds. */
const NEXT_MS = [100, 2_500] as const;
const LASTS_MS = [50, 5_000] as const;
const SCALES = [1, 0.4, 0.15, 0.05];
const FLICKER_MS = [20, 800] as const;
/** Share of runs. */
const STORMY = 0.25;
/** Links that are cut at one moment of a flicker. */
const FLICKERING = [0.15, 0.3, 0.5];
const CRASHES: readonly CrashKind[] = ['stop', 'kill', 'power'];

export interface FaultParts {
  readonly scheduler: Scheduler;
  readonly network: SimNetwork;
  readonly machines: readonly Machine[];
  readonly chance: Chance;
  readonly say: (who: string, what: string) => void;
  /** True: flickering links and nothing else. Chance decides if absent. */
  readonly stormy?: boolean | undefined;
}

type Fault = () => void;

/** Breaks things at random until told to heal. */
export class Faults {
  readonly counts = new Map<string, number>();
  private readonly parts: FaultParts;
  private life: Life = { alive: false };
  /** Shrinks or stretches all times: some runs are a hail of short faults, some have few long ones. */
  private readonly scale: number;
  /** Links flicker all the time, so that most heights take several rounds. */
  private readonly stormy: boolean;

  constructor(parts: FaultParts) {
    this.parts = parts;
    this.scale = parts.chance.pick(SCALES);
    this.stormy = parts.stormy ?? parts.chance.chance(STORMY);
  }

  begin(): void {
    this.life = { alive: true };
    if (this.stormy) this.flicker();
    if (this.parts.stormy !== true) this.next();
  }

  /** Everything is up again, and nothing is lost any more. */
  heal(): void {
    this.life.alive = false;
    const { network, machines, say } = this.parts;
    network.weather = { ...FAIR_WEATHER };
    network.cuts.clear();
    say('world', 'heal');
    // A machine that was told to stop and has not finished is killed: it must come up from that as well.
    for (const machine of machines) {
      if (machine.isUp && machine.node === undefined) machine.crash('kill');
      machine.boot();
    }
  }

  private next(): void {
    const { scheduler, chance } = this.parts;
    scheduler.after(this.scale * chance.between(...NEXT_MS), this.life, () => {
      const [name, fault] = chance.pick(Object.entries(this.faults()));
      this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
      fault();
      this.next();
    });
  }

  private faults(): Record<string, Fault> {
    return {
      'crash of one': () => this.crash([this.parts.chance.pick(this.parts.machines)]),
      'crash of some': () => this.crash(this.parts.machines.filter(() => this.parts.chance.chance(0.5))),
      'crash of all': () => this.crash(this.parts.machines),
      partition: () => this.partition(),
      'one-way cut': () => this.oneWay(),
      isolation: () => this.isolate(),
      'bad weather': () => this.weather(),
      flicker: () => this.flicker(),
    };
  }

  private later(undo: () => void): void {
    const { scheduler, chance } = this.parts;
    scheduler.after(this.scale * chance.between(...LASTS_MS), this.life, undo);
  }

  private crash(machines: readonly Machine[]): void {
    const { chance, scheduler } = this.parts;
    const kind = chance.pick(CRASHES);
    for (const machine of machines) {
      // At one moment, or some steps apart.
      scheduler.after(chance.chance(0.5) ? 0 : chance.between(0, 20), this.life, () => {
        machine.crash(kind);
        this.later(() => machine.boot());
      });
    }
  }

  private partition(): void {
    const { chance, machines } = this.parts;
    const side = new Set(machines.filter(() => chance.chance(0.5)));
    const pairs = machines.flatMap((a) => machines.filter((b) => side.has(a) !== side.has(b)).map((b) => cut(a, b)));
    this.cut('partition', pairs);
  }

  private isolate(): void {
    const lone = this.parts.chance.pick(this.parts.machines);
    this.cut(
      'isolate',
      this.parts.machines.flatMap((other) => [cut(lone, other), cut(other, lone)]),
    );
  }

  private oneWay(): void {
    const { chance, machines } = this.parts;
    this.cut(
      'one-way',
      Array.from({ length: 1 + chance.below(machines.length) }, () =>
        cut(chance.pick(machines), chance.pick(machines)),
      ),
    );
  }

  /** Each direction of each link comes and goes on its own: rounds go on, but everybody sees other votes. */
  private flicker(): void {
    const { network, machines, chance, scheduler, say } = this.parts;
    say('world', 'flicker');
    let pairs: string[] = [];
    const life: Life = { alive: true };
    const share = chance.pick(FLICKERING);
    const clear = (): void => {
      for (const pair of pairs) network.cuts.delete(pair);
    };
    const again = (): void => {
      clear();
      if (!this.life.alive) return;
      // One machine alone, and single links: a vote that decides reaches one and is not passed on in time.
      const alone = chance.chance(0.7) ? chance.pick(machines) : undefined;
      const isCut = (a: Machine, b: Machine): boolean => a === alone || b === alone || chance.chance(share);
      pairs = machines.flatMap((a) => machines.filter((b) => isCut(a, b)).map((b) => cut(a, b)));
      for (const pair of pairs) network.cuts.add(pair);
      scheduler.after(chance.between(...FLICKER_MS), life, again);
    };
    again();
    if (this.stormy) return;
    this.later(() => {
      life.alive = false;
      clear();
    });
  }

  private cut(name: string, pairs: readonly string[]): void {
    const { network, say } = this.parts;
    say('world', `${name} ${pairs.join(' ')}`);
    for (const pair of pairs) network.cuts.add(pair);
    this.later(() => {
      for (const pair of pairs) network.cuts.delete(pair);
    });
  }

  private weather(): void {
    const { network, chance, say } = this.parts;
    const maxDelayMs = chance.pick([5, 50, 300, 1_500]);
    network.weather = {
      minDelayMs: 0.2,
      maxDelayMs,
      loss: chance.pick([0, 0.02, 0.2, 0.5]),
      duplication: chance.pick([0, 0.1]),
    };
    say('world', `weather ${JSON.stringify(network.weather)}`);
    this.later(() => {
      network.weather = { ...FAIR_WEATHER };
    });
  }
}

function cut(from: Machine, to: Machine): string {
  return `${from.name}>${to.name}`;
}
