import type { Node } from '#node/node.ts';
import { toHex } from '#util/bytes.ts';
import { MachineError } from '#util/errors.ts';
import type { LockAdversary } from '../adversaries/lock-adversary.ts';
import { CHAIN_ID } from '../chain/genesis.ts';
import { noteChange } from '../chain/validator-changes.ts';
import { type Applied, Checkers, Violation } from '../checkers/checkers.ts';
import { Durability } from '../checkers/durability.ts';
import { LightFollower } from '../checkers/light-follower.ts';
import { LockChecker } from '../checkers/lock-checker.ts';
import { checkQueues, checkSupply, punishesSomebody } from '../checkers/node-state.ts';
import { Rounds } from '../checkers/rounds.ts';
import { Validity } from '../checkers/validity.ts';
import type { Machine } from '../machine/machine.ts';
import type { Scheduler } from '../time/scheduler.ts';
import type { Coverage } from './coverage.ts';
import type { Setting } from './setting.ts';
import { isUnbroken, type SimOptions } from './sim-options.ts';

export interface RefereeParts {
  readonly options: SimOptions;
  readonly setting: Setting;
  readonly scheduler: Scheduler;
  readonly coverage: Coverage;
  readonly say: (who: string, what: string) => void;
}

/** Takes what machines do to all checkers, and ends the run at the first promise that is broken. */
export class Referee {
  readonly checkers: Checkers;
  readonly rounds: Rounds;
  readonly validity = new Validity();
  readonly durability = new Durability();
  /** Undefined while all promises are kept. */
  failure: Error | undefined;
  private readonly parts: RefereeParts;
  private readonly follower: LightFollower;
  private machines: readonly Machine[] = [];
  private trap: LockAdversary | undefined;

  constructor(parts: RefereeParts) {
    this.parts = parts;
    const { setting, coverage } = parts;
    this.checkers = new Checkers(coverage);
    this.rounds = new Rounds(coverage);
    this.follower = new LightFollower(setting.signatures.verifier, CHAIN_ID, setting.validators);
  }

  /** Whom it watches. The trap is sprung once the height before it is applied. */
  begin(machines: readonly Machine[], honest: readonly Machine[], trap: LockAdversary | undefined): void {
    const { setting, coverage } = this.parts;
    this.machines = machines;
    this.trap = trap;
    this.checkers.locks = new LockChecker(new Map(honest.map(({ name, address }) => [name, address])), coverage);
    this.checkers.locks.begins(1, setting.validators);
  }

  /** What is on a disk was decided, even where nobody lived to tell. */
  booted(machine: string, node: Node): void {
    for (let height = this.checkers.highest + 1; height <= node.chain.state.height; height++) {
      const block = node.blockStore.block(height);
      const meta = node.blockStore.meta(height);
      if (block === undefined || meta === undefined) return;
      const found = { machine, height, block, blockId: meta.blockId, appHash: meta.appHash };
      this.check(() => this.checkers.found(found));
      this.follow(found, node);
    }
  }

  applied(applied: Applied, node: Node): void {
    const { options, setting, coverage } = this.parts;
    const { machine, height } = applied;
    const isFirst = height > this.checkers.highest;
    this.note(applied, node, isFirst);
    this.check(() => this.checkers.applied(applied));
    this.check(() => this.rounds.applied(height, node, isFirst));
    this.check(() => setting.conspiracy.checkDecided(applied));
    if (isUnbroken(options)) this.check(() => setting.conspiracy.checkAccused(applied));
    this.check(() => checkQueues(machine, node));
    noteChange(applied, node, coverage);
    if (!isFirst) return;
    if (this.trap?.height === height + 1) this.trap.begin(node, this.machines);
    this.follow(applied, node);
    // On one machine: the sums walk all accounts.
    this.checkSupply(machine, node).catch((error: unknown) => this.fail(error));
  }

  punished(by: string, peer: string, reason: string): void {
    const { conspiracy } = this.parts.setting;
    if (conspiracy.has(by)) return;
    if (conspiracy.has(peer)) conspiracy.punished(peer, reason);
    else this.check(() => this.checkers.punished(by, peer, reason));
  }

  /** A client may be told of a failing disk. */
  refused(error: unknown): void {
    if (!(error instanceof MachineError)) this.fail(error);
  }

  fail(error: unknown): void {
    if (this.failure !== undefined) return;
    const { onlyChecker } = this.parts.options;
    if (onlyChecker !== undefined && error instanceof Violation && ![onlyChecker].flat().includes(error.checker))
      return;
    this.end(error);
  }

  /** Whatever checkers the run has. */
  end(error: unknown): void {
    this.failure = error instanceof Error ? error : new Error(String(error));
    this.parts.say('world', `FAILED ${this.failure.message}`);
  }

  private note({ machine, height, block, blockId }: Applied, node: Node, isFirst: boolean): void {
    const { coverage, say } = this.parts;
    const round = node.consensus.decided?.commit.round ?? -1;
    if (block.txs.length === 0) coverage.hit('empty block');
    if (punishesSomebody(block, node)) coverage.hit('evidence punished');
    say(machine, `apply ${height}/${round} ${toHex(blockId.hash.subarray(0, 4))} txs=${block.txs.length}`);
    if (isFirst && this.machines.some(({ isUp }) => !isUp)) coverage.hit('height decided while a machine was down');
  }

  /** A height is decided: what the first machine that has it tells stands for all. */
  private follow(applied: Applied, node: Node): void {
    const { options, setting, scheduler } = this.parts;
    const strangers = options.script !== undefined || setting.conspiracy.includes('tx-spammer');
    this.check(() => this.validity.decided(applied, scheduler.nowMs, strangers));
    const { height, lastValidators, validators } = node.chain.state;
    // Of several heights that only a disk tells of, the sets of the last one are at hand.
    const signers = applied.height === height ? lastValidators : undefined;
    this.follower.follow(applied, signers).catch((error: unknown) => this.fail(error));
    if (applied.height === height) this.checkers.locks?.begins(height + 1, validators);
  }

  private async checkSupply(machine: string, node: Node): Promise<void> {
    try {
      await checkSupply(machine, node);
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
}
