import type { BrokenRule } from '#consensus/height-state.ts';
import type { Node } from '#node/node.ts';
import { Chance } from './chance.ts';
import { type Applied, Checkers, Violation } from './checkers.ts';
import { Faults } from './faults.ts';
import { simGenesis } from './genesis.ts';
import { withoutRealTime } from './guard.ts';
import { LockAdversary } from './lock-adversary.ts';
import { Machine } from './machine.ts';
import { SimNetwork } from './network.ts';
import { Scheduler } from './scheduler.ts';
import { SIM_SETTINGS } from './settings.ts';
import { Trace } from './trace.ts';
import { Workload } from './workload.ts';

/** How long things are broken at a stretch, and in how long a healed network must decide a height. Milliseconds. */
const FAULTY_MS = [2_000, 15_000] as const;
const HEAL_WITHIN_MS = 30_000;
/** Heights before the trap, some rounds in it. Milliseconds. */
const TRAP_MS = 8_000;
/** Clocks of honest machines differ by this much at most. */
const SKEW_MS = 500;
/** Every height is counted on one machine: the sums walk all accounts. */
const MEMPOOL_MAX = SIM_SETTINGS.mempool.size;
const BODIES_MAX = 16;

export interface SimOptions {
  readonly seed: number;
  readonly heights: number;
  readonly nodes: number;
  /** Default true. */
  readonly faults?: boolean;
  readonly brokenRule?: BrokenRule;
  /** Machines that lose their log and signing record when they crash. */
  readonly forgetful?: boolean;
  /** Links flicker all the time; chance decides if absent. */
  readonly stormy?: boolean;
  /** At this height the network tries to show a missing lock rule. */
  readonly lockTrap?: number;
  /** A checker that alone may end the run, to see that it finds what a broken rule does. */
  readonly onlyChecker?: string;
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
  readonly faults: ReadonlyMap<string, number>;
  readonly tail: readonly string[];
}

/** One network, from genesis until every machine has reached the wanted height. */
export class World {
  private readonly options: SimOptions;
  private readonly chance: Chance;
  private readonly scheduler = new Scheduler();
  private readonly checkers = new Checkers();
  private readonly trace: Trace;
  private readonly network: SimNetwork;
  private readonly machines: Machine[];
  private readonly faults: Faults;
  private readonly workload: Workload;
  private readonly trap: LockAdversary | undefined;
  private failure: Error | undefined;
  private maxRound = 0;
  private slowestHealMs = 0;

  constructor(options: SimOptions) {
    this.options = options;
    this.chance = new Chance(options.seed);
    this.trace = new Trace(options.sink);
    const { scheduler, checkers } = this;
    const say = (who: string, what: string): void => this.trace.line(scheduler.nowMs, who, what);
    const fail = (error: unknown): void => this.fail(error);
    this.network = new SimNetwork({
      scheduler,
      chance: this.chance.fork(),
      onPunished: (by, peer, reason) => this.check(() => checkers.punished(by, peer, reason)),
    });
    const { genesis, keys, wallets } = simGenesis(options.nodes);
    this.machines = keys.map(
      (key, index) =>
        new Machine(
          `n${index}`,
          {
            scheduler,
            network: this.network,
            checkers,
            chance: this.chance.fork(),
            genesis,
            key,
            say,
            fail,
            onApplied: (applied, node) => this.applied(applied, node),
          },
          {
            settings: SIM_SETTINGS,
            logLevel: options.logLevel ?? 'warn',
            skewMs: this.chance.between(-SKEW_MS, SKEW_MS),
            brokenRule: options.brokenRule,
            forgetful: options.forgetful,
          },
        ),
    );
    if (options.lockTrap !== undefined) this.trap = new LockAdversary(this.network, options.lockTrap);
    const { machines } = this;
    this.faults = new Faults({
      scheduler,
      network: this.network,
      machines,
      chance: this.chance.fork(),
      say,
      stormy: options.stormy,
    });
    this.workload = new Workload({ scheduler, machines, chance: this.chance.fork(), wallets, fail });
  }

  async run(): Promise<SimResult> {
    for (const machine of this.machines) await machine.install();
    await withoutRealTime(() => this.live());
    const { network, scheduler, checkers } = this;
    return {
      seed: this.options.seed,
      failure: this.failure,
      heights: checkers.highest,
      txs: checkers.txs,
      maxRound: this.maxRound,
      virtualSeconds: scheduler.nowMs / 1000,
      slowestHealMs: this.slowestHealMs,
      faults: this.faults.counts,
      tail: this.trace.tail,
      traceHash: this.trace.digest(`${network.delivered} ${network.digest} ${scheduler.events}`),
    };
  }

  private async live(): Promise<void> {
    for (const machine of this.machines) machine.boot();
    this.workload.begin();
    const lowest = (): number => Math.min(...this.machines.map(({ height }) => height));
    while (this.failure === undefined && lowest() < this.options.heights) {
      if (this.options.faults !== false) {
        this.faults.begin();
        await this.runUntil(this.chance.between(...FAULTY_MS), () => false);
        this.faults.heal();
      }
      if (this.trap !== undefined) {
        await this.runUntil(TRAP_MS, () => false);
        this.network.filter = undefined;
      }
      const healedMs = this.scheduler.nowMs;
      const target = this.checkers.highest + 1;
      const healed = await this.runUntil(HEAL_WITHIN_MS, () => lowest() >= target);
      if (this.failure !== undefined) return;
      if (!healed) {
        const heights = this.machines.map(({ name, height }) => `${name} ${height}`).join(', ');
        this.end(new Violation('liveness', `no height ${target} on all within ${HEAL_WITHIN_MS} ms: ${heights}`));
      }
      this.slowestHealMs = Math.max(this.slowestHealMs, this.scheduler.nowMs - healedMs);
    }
  }

  /** True when `done` was met in time. */
  private async runUntil(withinMs: number, done: () => boolean): Promise<boolean> {
    const endMs = this.scheduler.nowMs + withinMs;
    while (this.failure === undefined && this.scheduler.nowMs < endMs) {
      if (done()) return true;
      await this.scheduler.step();
    }
    return done();
  }

  private applied(applied: Applied, node: Node): void {
    const { machine, height, block, blockId } = applied;
    const { round } = node.consensus;
    this.maxRound = Math.max(this.maxRound, round);
    const hash = [...blockId.hash.subarray(0, 4)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
    this.trace.line(this.scheduler.nowMs, machine, `apply ${height}/${round} ${hash} txs=${block.txs.length}`);
    const isFirst = height > this.checkers.highest;
    this.check(() => this.checkers.applied(applied));
    this.check(() => checkQueues(machine, node));
    if (isFirst && this.trap?.height === height + 1) this.trap.begin(node, this.machines);
    if (isFirst) this.checkSupply(machine, node).catch((error: unknown) => this.fail(error));
  }

  private async checkSupply(machine: string, node: Node): Promise<void> {
    const view = node.state.view();
    try {
      const faults = await node.ledger.invariants(view);
      if (faults.length > 0) throw new Violation('supply', `${machine} at height ${view.height}: ${faults.join('; ')}`);
    } finally {
      await view.release();
    }
  }

  private check(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.fail(error);
    }
  }

  private fail(error: unknown): void {
    if (this.failure !== undefined) return;
    const { onlyChecker } = this.options;
    if (onlyChecker !== undefined && error instanceof Violation && error.checker !== onlyChecker) return;
    this.end(error);
  }

  private end(error: unknown): void {
    this.failure = error instanceof Error ? error : new Error(String(error));
    this.trace.line(this.scheduler.nowMs, 'world', `FAILED ${this.failure.message}`);
  }
}

function checkQueues(machine: string, node: Node): void {
  const bodies = node.engine.bodyIds().length;
  if (bodies > BODIES_MAX) throw new Violation('queues', `${machine} holds ${bodies} bodies`);
  if (node.mempool.count > MEMPOOL_MAX)
    throw new Violation('queues', `${machine} holds ${node.mempool.count} transactions`);
}
