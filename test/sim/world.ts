import type { Ed25519KeyPair } from '#crypto/ed25519.ts';
import { accusedBy } from '#evidence/evidence.ts';
import type { Node } from '#node/node.ts';
import type { NodeOverrides } from '#node/overrides.ts';
import type { Block } from '#types/block.ts';
import type { BrokenRule } from '#util/broken-rule.ts';
import { MachineError } from '#util/errors.ts';
import type { BehaviourName } from '../byzantine/registry.ts';
import { Conspiracy, chooseBehaviours, choosePlot } from './byzantine.ts';
import { Chance } from './chance.ts';
import { type Applied, Checkers, Violation } from './checkers.ts';
import { Coverage } from './coverage.ts';
import { type DiskBreak, isDiskBreak } from './disk-port.ts';
import { Durability } from './durability.ts';
import { Faults } from './faults.ts';
import { CHAIN_ID, genesisValidators, simGenesis } from './genesis.ts';
import { withoutRealTime } from './guard.ts';
import { LightFollower } from './light-follower.ts';
import { LockAdversary } from './lock-adversary.ts';
import { LockChecker } from './lock-checker.ts';
import { Machine } from './machine.ts';
import { SimNetwork } from './network.ts';
import { Rounds } from './rounds.ts';
import { Scheduler } from './scheduler.ts';
import { SIM_SETTINGS } from './settings.ts';
import { signaturesOf } from './signatures.ts';
import { Trace } from './trace.ts';
import { changingValidators, noteChange } from './validator-changes.ts';
import { Validity } from './validity.ts';
import { Workload } from './workload.ts';

/** How long things are broken at a stretch, and in how long a healed network must decide a height. Milliseconds. */
const FAULTY_MS = [2_000, 15_000] as const;
/** Heights without faults after each spell, for every fault of it: so that most of a run's work is heights, not restarts. */
const CALM_HEIGHTS = [0.5, 3] as const;
const CALM_MAX_MS = 120_000;
const HEAL_WITHIN_MS = 30_000;
/** Heights before the trap, some rounds in it. Milliseconds. */
const TRAP_MS = 8_000;
/** Clocks of honest machines differ by this much at most. */
const SKEW_MS = 500;
/** Share of runs in which one machine's clock is off by minutes. */
const WRONG_CLOCK = 0.3;
const WRONG_CLOCKS_MS = [-600_000, 600_000];
/** Most blocks come at once or soon; a longer pause leaves time for what is late. */
const EMPTY_BLOCK_INTERVALS_MS = [20, 100, 400];
/** Lengths at which logs are started anew: at each height, every few, or practically never. */
const WAL_ROTATE_BYTES = [0, 10_000, 100_000, 16 * 1024 * 1024];
/** Events of one moment of virtual time: more are a loop. */
const EVENTS_AT_ONCE_MAX = 100_000;
/** Every height is counted on one machine: the sums walk all accounts. */
const MEMPOOL_MAX = SIM_SETTINGS.mempool.size;
const BODIES_MAX = 16;
/** Share of seeds whose validators change, and machines that stand by to join. */
const CHANGING = 0.25;
const STANDBY = 2;
/** Keeps this choice apart from all others of a seed. */
const SEED_OF_CHANGES = 0x2545f491;

export interface SimOptions {
  readonly seed: number;
  readonly heights: number;
  readonly nodes: number;
  /** Default true. */
  readonly faults?: boolean;
  /** What is broken on purpose, in the nodes or in their disks. */
  readonly brokenRule?: BrokenRule | DiskBreak;
  /** Takes the place of random faults: runs the network, then the run ends. */
  readonly script?: (controls: WorldControls) => Promise<void>;
  /** Length from which logs are started anew; chance decides if absent. */
  readonly walRotateBytes?: number;
  /** Machines that lose their log and signing record when they crash. */
  readonly forgetful?: boolean;
  /** Validators come and go; chance decides if absent. */
  readonly changing?: boolean;
  /** Links flicker all the time; chance decides if absent. */
  readonly stormy?: boolean;
  /** How much more each machine's clock is off, in their order; negative is slow. */
  readonly slowClocksMs?: readonly number[];
  /** At this height the network tries to show a missing lock rule. */
  readonly lockTrap?: number;
  /** What the last machines do instead of being honest; chance decides if absent, and nothing else is broken. */
  readonly byzantine?: readonly BehaviourName[];
  /** Checkers that alone may end the run, to see that they find what a broken rule does. */
  readonly onlyChecker?: string | readonly string[];
  /** Another network than the usual one. */
  readonly network?: (parts: ConstructorParameters<typeof SimNetwork>[0]) => SimNetwork;
  /** No clients. */
  readonly quiet?: boolean;
  readonly sink?: (line: string) => void;
  /** Of the nodes' own log. */
  readonly logLevel?: string;
}

export interface SimResult {
  readonly seed: number;
  /** Undefined when all promises were kept. */
  readonly failure: Error | undefined;
  readonly traceHash: string;
  readonly heights: number;
  readonly txs: number;
  readonly maxRound: number;
  readonly virtualSeconds: number;
  readonly slowestHealMs: number;
  /** Rounds from the one that a heal found to the decision of its height. */
  readonly slowestHealRounds: number;
  /** Decided heights by the round of their decision. */
  readonly rounds: readonly number[];
  /** Faults injected and situations reached, by their names in `coverage.ts`. */
  readonly coverage: ReadonlyMap<string, number>;
  readonly tail: readonly string[];
  /** `behaviour: deed` and `behaviour: offence`: what byzantine machines did, and what they were punished for. */
  readonly deeds: ReadonlyMap<string, number>;
  readonly punishments: ReadonlyMap<string, number>;
}

/** What a script has in hand. */
export interface WorldControls {
  readonly machines: readonly Machine[];
  readonly network: SimNetwork;
  readonly scheduler: Scheduler;
  readonly checkers: Checkers;
  readonly chance: Chance;
  /** Lets virtual time pass; true when `done` was met in time. */
  readonly runUntil: (withinMs: number, done: () => boolean) => Promise<boolean>;
  readonly fail: (error: unknown) => void;
}

/** One network, from genesis until every machine has reached the wanted height. */
export class World {
  private readonly options: SimOptions;
  private readonly chance: Chance;
  private readonly scheduler = new Scheduler();
  private readonly coverage = new Coverage();
  private readonly checkers = new Checkers(this.coverage);
  private readonly rounds = new Rounds(this.coverage);
  private readonly validity = new Validity();
  private readonly durability = new Durability();
  private readonly trace: Trace;
  private readonly network: SimNetwork;
  private readonly machines: Machine[];
  private readonly faults: Faults;
  private readonly workload: Workload;
  private readonly conspiracy: Conspiracy;
  private readonly trap: LockAdversary | undefined;
  private readonly changing: boolean;
  private readonly follower: LightFollower;
  private failure: Error | undefined;
  private slowestHealMs = 0;
  private progressMs = 0;
  private progressEvents = 0;

  constructor(options: SimOptions) {
    this.options = options;
    this.changing = isChanging(options);
    this.chance = new Chance(options.seed);
    this.trace = new Trace(options.sink);
    const { scheduler, checkers } = this;
    const say = (who: string, what: string): void => this.trace.line(scheduler.nowMs, who, what);
    const fail = (error: unknown): void => this.fail(error);
    const makeNetwork = options.network ?? ((parts) => new SimNetwork(parts));
    this.network = makeNetwork({
      scheduler,
      chance: this.chance.fork(),
      coverage: this.coverage,
      onPunished: (by, peer, reason) => {
        if (this.conspiracy.has(by)) return;
        if (this.conspiracy.has(peer)) this.conspiracy.punished(peer, reason);
        else this.check(() => checkers.punished(by, peer, reason));
      },
    });
    const { genesis, keys, wallets } = simGenesis(
      options.nodes,
      this.changing ? STANDBY : 0,
      this.chance.pick(EMPTY_BLOCK_INTERVALS_MS),
    );
    const signatures = signaturesOf(options.seed, keys);
    const walRotateBytes = options.walRotateBytes ?? this.chance.pick(WAL_ROTATE_BYTES);
    const behaviours = behavioursOf(options);
    const members = behaviours.map((name, index) => [`n${options.nodes - 1 - index}`, name] as const);
    this.conspiracy = new Conspiracy(new Map(members), this.coverage, plotOf(options));
    const overrides = this.overrides(keys);
    const validators = genesisValidators(keys.slice(0, options.nodes));
    this.follower = new LightFollower(signatures.verifier, CHAIN_ID, validators);
    if (members.length > 0) say('world', `byzantine ${members.map((member) => member.join(' ')).join(', ')}`);
    // Machines that may be as good as absent: a decision needs the others.
    const spare = this.changing ? 0 : Math.floor((options.nodes - 1) / 3) - members.length;
    const wrongClock = spare > 0 && isOrdinary(options) && this.chance.chance(WRONG_CLOCK);
    const seats = keys.map((key, index) => ({ name: `n${index}`, key }));
    this.machines = [...seats, ...this.conspiracy.twinsOf(seats)].map(
      ({ name, key }, index) =>
        new Machine(
          name,
          {
            scheduler,
            network: this.network,
            checkers,
            coverage: this.coverage,
            chance: this.chance.fork(),
            genesis,
            key,
            signatures,
            say,
            fail,
            durability: this.durability,
            onBooted: (machine, node) => this.booted(machine, node),
            onApplied: (applied, node) => this.applied(applied, node),
          },
          {
            settings: SIM_SETTINGS,
            logLevel: options.logLevel ?? 'warn',
            walRotateBytes,
            skewMs: this.skewOf(index, wrongClock) + (options.slowClocksMs?.[index] ?? 0),
            overrides,
            forgetful: options.forgetful,
            brokenDisk: isDiskBreak(options.brokenRule) ? options.brokenRule : undefined,
            behaviour: this.conspiracy.behaviour(name, key, signatures.sign),
          },
        ),
    );
    const honest = this.machines.filter(({ name }) => !this.conspiracy.has(name));
    checkers.locks = new LockChecker(new Map(honest.map(({ name, address }) => [name, address])), this.coverage);
    checkers.locks.begins(1, validators);
    if (options.lockTrap !== undefined) this.trap = new LockAdversary(this.network, options.lockTrap);
    const { machines } = this;
    this.faults = new Faults({
      scheduler,
      network: this.network,
      machines,
      chance: this.chance.fork(),
      coverage: this.coverage,
      say,
      stormy: options.stormy,
      damagedMax: spare - (wrongClock ? 1 : 0),
    });
    this.workload = new Workload({
      scheduler,
      machines,
      chance: this.chance.fork(),
      wallets,
      fail: (error) => this.refused(error),
      onSent: (tx) => this.validity.wasSent(tx),
    });
  }

  /** The first machine's clock may be far off, the others' are not. */
  private skewOf(index: number, isFirstWrong: boolean): number {
    const skewMs = this.chance.between(-SKEW_MS, SKEW_MS);
    if (index > 0 || !isFirstWrong) return skewMs;
    this.coverage.hit('clock skew');
    return this.chance.pick(WRONG_CLOCKS_MS);
  }

  private overrides(keys: readonly Ed25519KeyPair[]): NodeOverrides {
    const { seed, nodes, brokenRule } = this.options;
    const pool = keys.map(({ publicKey }) => ({ type: 'ed25519' as const, bytes: publicKey }));
    const fixed = pool.filter((_, index) => index < nodes && this.conspiracy.has(`n${index}`));
    return {
      ...(brokenRule === undefined || isDiskBreak(brokenRule) ? {} : { brokenRule }),
      ...(this.changing ? { wrapApp: changingValidators({ seed, pool, fixed }) } : {}),
    };
  }

  async run(): Promise<SimResult> {
    for (const machine of this.machines) await machine.install();
    const onRejection = (error: unknown): void => {
      if (!this.machines.some((machine) => machine.rejected(error))) this.fail(error);
    };
    process.on('unhandledRejection', onRejection);
    try {
      await withoutRealTime(() => this.live());
    } finally {
      process.off('unhandledRejection', onRejection);
    }
    const { network, scheduler, checkers } = this;
    return {
      seed: this.options.seed,
      failure: this.failure,
      heights: checkers.highest,
      txs: checkers.txs,
      maxRound: this.rounds.highest,
      virtualSeconds: scheduler.nowMs / 1000,
      slowestHealMs: this.slowestHealMs,
      slowestHealRounds: this.rounds.slowestHeal,
      rounds: Array.from(this.rounds.histogram, (count) => count ?? 0),
      coverage: this.coverage.counts,
      tail: this.trace.tail,
      deeds: this.conspiracy.deeds,
      punishments: this.conspiracy.punishments,
      traceHash: this.trace.digest(`${network.delivered} ${network.digest} ${scheduler.events}`),
    };
  }

  private async live(): Promise<void> {
    if (this.options.script !== undefined) return this.play(this.options.script);
    for (const machine of this.machines) machine.boot();
    this.workload.begin();
    const honest = this.machines.filter(({ name }) => !this.conspiracy.has(name));
    const lowest = (): number => {
      // A node has a height a moment before it tells of it: a height counts once it was told.
      let least = this.checkers.highest;
      for (const { height } of honest) least = Math.min(least, height);
      return least;
    };
    while (this.failure === undefined && lowest() < this.options.heights) {
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
      const healedMs = this.scheduler.nowMs;
      this.rounds.healed(honest, this.checkers);
      const target = this.checkers.highest + 1;
      const healed = await this.runUntil(HEAL_WITHIN_MS, () => lowest() >= target);
      if (this.failure !== undefined) return;
      if (!healed) {
        const heights = this.machines.map(({ name, height }) => `${name} ${height}`).join(', ');
        this.end(new Violation('liveness', `no height ${target} on all within ${HEAL_WITHIN_MS} ms: ${heights}`));
      }
      this.slowestHealMs = Math.max(this.slowestHealMs, this.scheduler.nowMs - healedMs);
      const calm = Math.min(target + faults * this.chance.between(...CALM_HEIGHTS), this.options.heights);
      await this.runUntil(CALM_MAX_MS, () => lowest() >= calm);
    }
  }

  private async play(script: (controls: WorldControls) => Promise<void>): Promise<void> {
    const { machines, network, scheduler, checkers, chance } = this;
    if (this.options.quiet !== true) this.workload.begin();
    await script({
      machines,
      network,
      scheduler,
      checkers,
      chance,
      runUntil: (withinMs, done) => this.runUntil(withinMs, done),
      fail: (error) => this.fail(error),
    });
  }

  /** True when `done` was met in time. */
  private async runUntil(withinMs: number, done: () => boolean): Promise<boolean> {
    const endMs = this.scheduler.nowMs + withinMs;
    await this.scheduler.run(() => {
      this.checkProgress();
      return this.failure !== undefined || this.scheduler.nowMs >= endMs || done();
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
      this.end(new Violation('progress', `${EVENTS_AT_ONCE_MAX} events at ${nowMs} ms`));
    }
  }

  /** What is on a disk was decided, even where nobody lived to tell. */
  private booted(machine: string, node: Node): void {
    for (let height = this.checkers.highest + 1; height <= node.chain.state.height; height++) {
      const block = node.blockStore.block(height);
      const meta = node.blockStore.meta(height);
      if (block === undefined || meta === undefined) return;
      const found = { machine, height, block, blockId: meta.blockId, appHash: meta.appHash };
      this.check(() => this.checkers.found(found));
      this.follow(found, node);
    }
  }

  private applied(applied: Applied, node: Node): void {
    const { machine, height, block, blockId } = applied;
    const round = node.consensus.decided?.commit.round ?? -1;
    if (block.txs.length === 0) this.coverage.hit('empty block');
    if (punishesSomebody(block, node)) this.coverage.hit('evidence punished');
    const hash = [...blockId.hash.subarray(0, 4)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
    this.trace.line(this.scheduler.nowMs, machine, `apply ${height}/${round} ${hash} txs=${block.txs.length}`);
    const isFirst = height > this.checkers.highest;
    if (isFirst && this.machines.some(({ isUp }) => !isUp))
      this.coverage.hit('height decided while a machine was down');
    this.check(() => this.checkers.applied(applied));
    this.check(() => this.rounds.applied(height, node, isFirst));
    this.check(() => this.conspiracy.checkDecided(applied));
    if (this.isUnbroken) this.check(() => this.conspiracy.checkAccused(applied));
    this.check(() => checkQueues(machine, node));
    noteChange(applied, node, this.coverage);
    if (isFirst && this.trap?.height === height + 1) this.trap.begin(node, this.machines);
    if (isFirst) this.follow(applied, node);
    if (isFirst) this.checkSupply(machine, node).catch((error: unknown) => this.fail(error));
  }

  /** No machine breaks a rule but those that are byzantine. */
  private get isUnbroken(): boolean {
    return this.options.brokenRule === undefined && this.options.forgetful !== true;
  }

  private follow(applied: Applied, node: Node): void {
    const strangers = this.options.script !== undefined || this.conspiracy.includes('tx-spammer');
    this.check(() => this.validity.decided(applied, this.scheduler.nowMs, strangers));
    const { height, lastValidators, validators } = node.chain.state;
    // Of several heights that only a disk tells of, the sets of the last one are at hand.
    const signers = applied.height === height ? lastValidators : undefined;
    this.follower.follow(applied, signers).catch((error: unknown) => this.fail(error));
    if (applied.height === height) this.checkers.locks?.begins(height + 1, validators);
  }

  private async checkSupply(machine: string, node: Node): Promise<void> {
    try {
      const view = node.state.view();
      try {
        const faults = await node.ledger.invariants(view);
        if (faults.length > 0)
          throw new Violation('supply', `${machine} at height ${view.height}: ${faults.join('; ')}`);
      } finally {
        await view.release();
      }
    } catch (error) {
      // Nobody can look into a node that died meanwhile, or through a damaged disk.
      const owner = this.machines.find((other) => other.node === node);
      if (error instanceof Violation) throw error;
      if (owner !== undefined && !(owner.isDamaged && error instanceof MachineError)) throw error;
    }
  }

  private check(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.fail(error);
    }
  }

  /** A client may be told of a failing disk. */
  private refused(error: unknown): void {
    if (!(error instanceof MachineError)) this.fail(error);
  }

  private fail(error: unknown): void {
    if (this.failure !== undefined) return;
    const { onlyChecker } = this.options;
    if (onlyChecker !== undefined && error instanceof Violation && ![onlyChecker].flat().includes(error.checker))
      return;
    this.end(error);
  }

  private end(error: unknown): void {
    this.failure = error instanceof Error ? error : new Error(String(error));
    this.trace.line(this.scheduler.nowMs, 'world', `FAILED ${this.failure.message}`);
  }
}

/** Where a test breaks something else, the machines are honest unless it says so. */
function behavioursOf(options: SimOptions): readonly BehaviourName[] {
  if (options.byzantine !== undefined) return options.byzantine;
  return isOrdinary(options) ? chooseBehaviours(options.seed, options.nodes) : [];
}

function plotOf({ byzantine, seed }: SimOptions) {
  return byzantine === undefined ? choosePlot(seed) : {};
}

function isChanging(options: SimOptions): boolean {
  if (options.changing !== undefined) return options.changing;
  return isOrdinary(options) && new Chance(options.seed ^ SEED_OF_CHANGES).chance(CHANGING);
}

function isOrdinary({ script, faults, brokenRule, forgetful, lockTrap }: SimOptions): boolean {
  return (
    script === undefined && faults !== false && brokenRule === undefined && forgetful !== true && lockTrap === undefined
  );
}

/** The block is applied: whoever its evidence accuses is out for good. */
function punishesSomebody({ evidence }: Block, node: Node): boolean {
  return evidence.some((item) => accusedBy(item).some(({ address }) => node.ledger.isTombstoned(address)));
}

function checkQueues(machine: string, node: Node): void {
  const bodies = node.engine.bodyIds().length;
  if (bodies > BODIES_MAX) throw new Violation('queues', `${machine} holds ${bodies} bodies`);
  if (node.mempool.count > MEMPOOL_MAX)
    throw new Violation('queues', `${machine} holds ${node.mempool.count} transactions`);
}
