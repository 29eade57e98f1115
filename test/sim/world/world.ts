import { LockAdversary } from '../adversaries/lock-adversary.ts';
import { SIM_SETTINGS, settingsOf } from '../chain/settings.ts';
import { Workload } from '../chain/workload.ts';
import { Violation } from '../checkers/checkers.ts';
import { isDiskBreak } from '../disk/disk-port.ts';
import { Faults } from '../faults/faults.ts';
import { Machine } from '../machine/machine.ts';
import type { MachineOptions, MachineParts } from '../machine/machine-options.ts';
import { SimNetwork } from '../network/network.ts';
import { Chance } from '../time/chance.ts';
import { withoutRealTime } from '../time/guard.ts';
import { Scheduler } from '../time/scheduler.ts';
import { Coverage } from './coverage.ts';
import { Referee } from './referee.ts';
import { chooseSetting, chooseSkew, type Seat, type Setting } from './setting.ts';
import type { SimOptions, SimResult, WorldControls } from './sim-options.ts';
import { Trace } from './trace.ts';

/** How long things are broken at a stretch, and in how long a healed network must decide a height. Milliseconds. */
const FAULTY_MS = [2_000, 15_000] as const;
/** Heights without faults after each spell, for every fault of it: so that most of a run's work is heights, not restarts. */
const CALM_HEIGHTS = [0.5, 3] as const;
const CALM_MAX_MS = 120_000;
const HEAL_WITHIN_MS = 30_000;
/** Heights before the trap, some rounds in it. Milliseconds. */
const TRAP_MS = 8_000;
/** Events of one moment of virtual time: more are a loop. */
const EVENTS_AT_ONCE_MAX = 100_000;

/** One network, from genesis until every machine has reached the wanted height. */
export class World {
  private readonly options: SimOptions;
  private readonly chance: Chance;
  private readonly scheduler = new Scheduler();
  private readonly coverage = new Coverage();
  private readonly trace: Trace;
  private readonly network: SimNetwork;
  private readonly setting: Setting;
  private readonly referee: Referee;
  private readonly machines: readonly Machine[];
  /** Machines that are not byzantine. */
  private readonly honest: readonly Machine[];
  private readonly trap: LockAdversary | undefined;
  private readonly faults: Faults;
  private readonly workload: Workload;
  private slowestHealMs = 0;
  private progressMs = 0;
  private progressEvents = 0;

  /** All parts draw from one stream of chance: their order is part of what a seed means. */
  constructor(options: SimOptions) {
    this.options = options;
    this.chance = new Chance(options.seed);
    this.trace = new Trace(options.sink);
    const { scheduler, coverage, chance } = this;
    const say = (who: string, what: string): void => this.trace.line(scheduler.nowMs, who, what);
    this.network = this.makeNetwork();
    this.setting = chooseSetting(options, chance, coverage);
    const { setting } = this;
    this.referee = new Referee({ options, setting, scheduler, coverage, say });
    const members = [...setting.members].map((member) => member.join(' '));
    if (members.length > 0) say('world', `byzantine ${members.join(', ')}`);
    this.machines = setting.seats.map((seat, index) => this.makeMachine(seat, index, say));
    this.honest = this.machines.filter(({ name }) => !setting.conspiracy.has(name));
    if (options.lockTrap !== undefined) this.trap = new LockAdversary(this.network, options.lockTrap);
    this.referee.begin(this.machines, this.honest, this.trap);
    this.faults = this.makeFaults(say);
    this.workload = this.makeWorkload();
  }

  private makeNetwork(): SimNetwork {
    const { scheduler, coverage } = this;
    const make = this.options.network ?? ((parts) => new SimNetwork(parts));
    return make({
      scheduler,
      chance: this.chance.fork(),
      coverage,
      onPunished: (by, peer, reason) => this.referee.punished(by, peer, reason),
    });
  }

  private makeMachine({ name, key }: Seat, index: number, say: MachineParts['say']): Machine {
    const { scheduler, network, coverage, referee } = this;
    const { genesis, signatures } = this.setting;
    const { checkers, durability } = referee;
    const parts: MachineParts = {
      scheduler,
      network,
      checkers,
      coverage,
      chance: this.chance.fork(),
      genesis,
      key,
      signatures,
      say,
      fail: (error) => referee.fail(error),
      durability,
      onBooted: (machine, node) => referee.booted(machine, node),
      onApplied: (applied, node) => referee.applied(applied, node),
    };
    return new Machine(name, parts, this.machineOptions({ name, key }, index));
  }

  private machineOptions({ name, key }: Seat, index: number): MachineOptions {
    const { options, setting } = this;
    const skewMs = chooseSkew(index, setting.hasWrongClock, this.chance, this.coverage);
    return {
      // Scripts look at what all machines have decided.
      settings: options.script === undefined ? settingsOf(index, options.seed) : SIM_SETTINGS,
      logLevel: options.logLevel ?? 'warn',
      walRotateBytes: setting.walRotateBytes,
      skewMs: skewMs + (options.slowClocksMs?.[index] ?? 0),
      overrides: setting.overrides,
      forgetful: options.forgetful,
      brokenDisk: isDiskBreak(options.brokenRule) ? options.brokenRule : undefined,
      behaviour: setting.conspiracy.behaviour(name, key, setting.signatures.sign),
    };
  }

  private makeFaults(say: MachineParts['say']): Faults {
    const { scheduler, network, machines, coverage, options, setting } = this;
    return new Faults({
      scheduler,
      network,
      machines,
      chance: this.chance.fork(),
      coverage,
      say,
      stormy: options.stormy,
      damagedMax: setting.damagedMax,
    });
  }

  private makeWorkload(): Workload {
    const { scheduler, machines, setting, referee } = this;
    return new Workload({
      scheduler,
      machines,
      chance: this.chance.fork(),
      wallets: setting.wallets,
      fail: (error) => referee.refused(error),
      onSent: (tx) => referee.validity.wasSent(tx),
    });
  }

  async run(): Promise<SimResult> {
    for (const machine of this.machines) await machine.install();
    const onRejection = (error: unknown): void => {
      if (!this.machines.some((machine) => machine.rejected(error))) this.referee.fail(error);
    };
    process.on('unhandledRejection', onRejection);
    try {
      await withoutRealTime(() => this.live());
    } finally {
      process.off('unhandledRejection', onRejection);
    }
    return this.result();
  }

  private result(): SimResult {
    const { network, scheduler, setting } = this;
    const { checkers, rounds, failure } = this.referee;
    return {
      seed: this.options.seed,
      failure,
      heights: checkers.highest,
      txs: checkers.txs,
      maxRound: rounds.highest,
      virtualSeconds: scheduler.nowMs / 1000,
      slowestHealMs: this.slowestHealMs,
      slowestHealRounds: rounds.slowestHeal,
      rounds: Array.from(rounds.histogram, (count) => count ?? 0),
      coverage: this.coverage.counts,
      tail: this.trace.tail,
      deeds: setting.conspiracy.deeds,
      punishments: setting.conspiracy.punishments,
      traceHash: this.trace.digest(`${network.delivered} ${network.digest} ${scheduler.events}`),
    };
  }

  private async live(): Promise<void> {
    const { script, heights } = this.options;
    if (script !== undefined) return this.play(script);
    for (const machine of this.machines) machine.boot();
    this.workload.begin();
    while (this.referee.failure === undefined && this.lowest < heights) {
      const faults = await this.breakThings();
      await this.recover(faults);
    }
  }

  private async play(script: (controls: WorldControls) => Promise<void>): Promise<void> {
    const { machines, network, scheduler, referee, chance } = this;
    if (this.options.quiet !== true) this.workload.begin();
    await script({
      machines,
      network,
      scheduler,
      checkers: referee.checkers,
      chance,
      runUntil: (withinMs, done) => this.runUntil(withinMs, done),
      fail: (error) => referee.fail(error),
    });
  }

  /** A spell of faults, healed at its end. Returns how many. */
  private async breakThings(): Promise<number> {
    let faults = 0;
    if (this.options.faults !== false) {
      faults = this.faults.begin();
      await this.runUntil(this.chance.between(...FAULTY_MS), () => this.faults.isSpent);
      this.faults.heal();
    }
    if (this.trap !== undefined) {
      await this.runUntil(TRAP_MS, () => false);
      this.network.filter = undefined;
    }
    return faults;
  }

  /** All honest machines must get to a new height in time; then there is calm for some more. */
  private async recover(faults: number): Promise<void> {
    const { referee } = this;
    const healedMs = this.scheduler.nowMs;
    referee.rounds.healed(this.honest, referee.checkers);
    const target = referee.checkers.highest + 1;
    const healed = await this.runUntil(HEAL_WITHIN_MS, () => this.lowest >= target);
    if (referee.failure !== undefined) return;
    if (!healed) {
      const heights = this.machines.map(({ name, height }) => `${name} ${height}`).join(', ');
      referee.end(new Violation('liveness', `no height ${target} on all within ${HEAL_WITHIN_MS} ms: ${heights}`));
    }
    this.slowestHealMs = Math.max(this.slowestHealMs, this.scheduler.nowMs - healedMs);
    const calm = Math.min(target + faults * this.chance.between(...CALM_HEIGHTS), this.options.heights);
    await this.runUntil(CALM_MAX_MS, () => this.lowest >= calm);
  }

  /** Height of the honest machine that is furthest behind. */
  private get lowest(): number {
    // A node has a height a moment before it tells of it: a height counts once it was told.
    let least = this.referee.checkers.highest;
    for (const { height } of this.honest) least = Math.min(least, height);
    return least;
  }

  /** True when `done` was met in time. */
  private async runUntil(withinMs: number, done: () => boolean): Promise<boolean> {
    const endMs = this.scheduler.nowMs + withinMs;
    await this.scheduler.run(() => {
      this.checkProgress();
      return this.referee.failure !== undefined || this.scheduler.nowMs >= endMs || done();
    });
    return done();
  }

  /** A run in which events follow each other without end and time stands still would never return. */
  private checkProgress(): void {
    const { events, nowMs } = this.scheduler;
    if (nowMs > this.progressMs) {
      this.progressMs = nowMs;
      this.progressEvents = events;
    } else if (events - this.progressEvents > EVENTS_AT_ONCE_MAX) {
      this.referee.end(new Violation('progress', `${EVENTS_AT_ONCE_MAX} events at ${nowMs} ms`));
    }
  }
}
