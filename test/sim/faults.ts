import { PRECOMMIT, PREVOTE } from '#types/vote.ts';
import type { Chance } from './chance.ts';
import type { Coverage, FaultName } from './coverage.ts';
import { DISK_ERRORS, type DiskErrorName, type DiskTarget } from './disk-faults.ts';
import {
  hiddenDecision,
  hiddenPolka,
  latencyMatrix,
  lostProposals,
  lostVotes,
  type NetworkFaultParts,
  type Undo,
} from './faults-of-network.ts';
import type { CrashKind, Machine } from './machine.ts';
import { FAIR_WEATHER, type SimNetwork } from './network.ts';
import type { Life, Scheduler } from './scheduler.ts';

/** Faults of one spell, for four machines: a single one, up to a hail of them. */
const SPELL_FAULTS = [1, 2, 3, 5, 8, 16];
const MACHINES_OF_A_FAULT = 4;
/** Between two faults, and how long each lasts. Milliseconds. */
const NEXT_MS = [100, 2_500] as const;
const LASTS_MS = [50, 5_000] as const;
const SCALES = [1, 0.4, 0.15, 0.05];
const FLICKER_MS = [20, 800] as const;
/** Rounds take about a second: what is to spoil several of them is not scaled. */
const ROUNDS_MS = [500, 6_000] as const;
/** Each operation of a slow machine. */
const SLOW_MS = [1, 5, 20];
/** A machine dies within so many of its own events: some dozen make a height. */
const EVENTS_MAX = 200;
/** Clocks that jump stay this close, as those of honest machines do. */
const JUMP_MS = 500;
/** Between the restarts of machines that come up one by one. */
const STAGGER_MS = 1_500;
/** Share of runs. */
const STORMY = 0.25;
/** Links that are cut at one moment of a flicker. */
const FLICKERING = [0.15, 0.3, 0.5];
/** Draws in which the disk's own faults take part: they are many, and all else must happen too. */
const DISK_SHARE = 0.4;
const DISK_TARGETS: readonly (DiskTarget | undefined)[] = [undefined, 'log', 'signer', 'database'];
const CRASHES: readonly CrashKind[] = ['stop', 'kill', 'power'];

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

type Fault = () => void;

/** Breaks things at random until told to heal. */
export class Faults {
  private readonly parts: FaultParts;
  private life: Life = { alive: false };
  private left = 0;
  /** Faults that were told to last on their own reach to here. */
  private untilMs = 0;
  /** Shrinks or stretches all times: some runs are a hail of short faults, some have few long ones. */
  private readonly scale: number;
  /** Links flicker all the time, so that most heights take several rounds. */
  private readonly stormy: boolean;

  constructor(parts: FaultParts) {
    this.parts = parts;
    this.scale = parts.chance.pick(SCALES);
    this.stormy = parts.stormy ?? parts.chance.chance(STORMY);
  }

  /** Begins a spell of this many faults. */
  begin(): number {
    this.life = { alive: true };
    const { chance, machines } = this.parts;
    this.left = Math.ceil((chance.pick(SPELL_FAULTS) * machines.length) / MACHINES_OF_A_FAULT);
    const faults = this.left;
    if (this.stormy) this.flicker();
    if (this.parts.stormy !== true) this.next();
    return faults;
  }

  /** All faults of the spell have happened, and the last one had some time. A storm lasts until it is healed. */
  get isSpent(): boolean {
    return this.left < 0 && !this.stormy && this.parts.scheduler.nowMs >= this.untilMs;
  }

  /** Everything is up again, and nothing is lost any more. */
  heal(): void {
    this.life.alive = false;
    const { network, machines, say } = this.parts;
    network.weather = { ...FAIR_WEATHER };
    network.cuts.clear();
    network.losses.clear();
    network.latency = undefined;
    say('world', 'heal');
    // A machine that was told to stop and has not finished is killed: it must come up from that as well.
    for (const machine of machines) {
      machine.repairDisk();
      machine.spare();
      if (machine.isUp && machine.node === undefined) machine.crash('kill');
      machine.boot();
    }
  }

  private next(): void {
    const { scheduler, chance, coverage } = this.parts;
    scheduler.after(this.scale * chance.between(...NEXT_MS), this.life, () => {
      if (this.left-- <= 0) return;
      const [name, fault] = chance.pick(Object.entries(this.faults()) as [FaultName, Fault][]);
      coverage.hit(name);
      fault();
      this.next();
    });
  }

  private faults(): Partial<Record<FaultName, Fault>> {
    const { chance } = this.parts;
    return {
      'crash of one': () => this.crash([this.parts.chance.pick(this.parts.machines)]),
      'crash of some': () => this.crash(this.parts.machines.filter(() => this.parts.chance.chance(0.5))),
      'crash of all': () => this.crash(this.parts.machines),
      partition: () => this.partition(),
      'one-way cut': () => this.oneWay(),
      isolation: () => this.isolate(),
      'bad weather': () => this.weather(),
      flicker: () => this.flicker(),
      ...this.machineFaults(),
      ...this.subtleFaults(),
      ...(chance.chance(DISK_SHARE) ? this.diskFaults() : {}),
    };
  }

  private machineFaults(): Partial<Record<FaultName, Fault>> {
    const { chance, machines, say } = this.parts;
    const machine = chance.pick(machines);
    return {
      'crash between two events': () => this.crashBetweenEvents(machine),
      'staggered restart': () => this.staggeredRestart(),
      'clock jump': () => this.jump(machine),
      'slow machine': () => {
        const ms = chance.pick(SLOW_MS);
        say(machine.name, `slow by ${ms} ms`);
        machine.slowDown(ms);
        this.later(() => machine.slowDown(0));
      },
      'paused machine': () => {
        say(machine.name, 'paused');
        machine.pause();
        this.later(() => {
          say(machine.name, 'resumed');
          machine.resume();
        });
      },
    };
  }

  /** What brings consensus into its rare states. */
  private subtleFaults(): Partial<Record<FaultName, Fault>> {
    return {
      'latency matrix': () => this.spoil('latency matrix', latencyMatrix),
      'lost proposals': () => this.spoil('lost proposals', lostProposals),
      'lost prevotes': () => this.spoil('lost prevotes', (parts) => lostVotes(parts, PREVOTE)),
      'lost precommits': () => this.spoil('lost precommits', (parts) => lostVotes(parts, PRECOMMIT)),
      'hidden polka': () => this.spoil('hidden polka', hiddenPolka),
      'hidden decision': () => this.spoil('hidden decision', hiddenDecision),
    };
  }

  private spoil(name: string, begin: (parts: NetworkFaultParts) => Undo): void {
    const { chance, scheduler, say } = this.parts;
    const undo = begin(this.parts);
    const lastsMs = chance.between(...ROUNDS_MS);
    say('world', `${name} for ${lastsMs.toFixed(0)} ms`);
    this.untilMs = Math.max(this.untilMs, scheduler.nowMs + lastsMs);
    scheduler.after(lastsMs, this.life, undo);
  }

  private crashBetweenEvents(machine: Machine): void {
    const { chance, say } = this.parts;
    const events = chance.below(EVENTS_MAX);
    say(machine.name, `dies after ${events} events`);
    machine.crashAfter(events, chance.chance(0.5) ? 'kill' : 'power');
    this.later(() => machine.boot());
  }

  private staggeredRestart(): void {
    const { machines, chance, scheduler } = this.parts;
    const kind = chance.pick(CRASHES);
    for (const machine of machines) {
      machine.crash(kind);
      scheduler.after(chance.between(0, STAGGER_MS), this.life, () => machine.boot());
    }
  }

  private jump(machine: Machine): void {
    const { chance, say } = this.parts;
    if (machine.hasWrongClock) return;
    const ms = chance.between(-JUMP_MS, JUMP_MS);
    say(machine.name, `clock off by ${ms.toFixed(0)} ms`);
    machine.setClock(ms);
  }

  private diskFaults(): Partial<Record<FaultName, Fault>> {
    const { chance, machines, damagedMax } = this.parts;
    const machine = chance.pick(machines);
    const errors = DISK_ERRORS.map((name) => [name, () => this.breakDisk(machine, name)] as const);
    const damaged = machines.filter(({ isDamaged }) => isDamaged);
    const isSpared = !machine.isDamaged && damaged.length >= damagedMax;
    return {
      ...Object.fromEntries(errors),
      ...(isSpared ? {} : flipsOf(machine)),
    };
  }

  private breakDisk(machine: Machine, name: DiskErrorName): void {
    const { chance, say } = this.parts;
    const target = chance.pick(DISK_TARGETS);
    say(machine.name, `${name}${target === undefined ? '' : ` of the ${target}`}`);
    machine.breakDisk(name, target);
    this.later(() => machine.repairDisk());
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

function flipsOf(machine: Machine): Partial<Record<FaultName, Fault>> {
  return {
    'flip in the end of the log': () => machine.flipInLog('end'),
    'flip in the middle of the log': () => machine.flipInLog('middle'),
    'flip in the database': () => machine.flipInDatabase(),
  };
}

function cut(from: Machine, to: Machine): string {
  return `${from.name}>${to.name}`;
}
