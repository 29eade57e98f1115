import type { HeightContext } from '#consensus/input.ts';
import { hasBit } from '#consensus/vote-set.ts';
import type { Block } from '#types/block.ts';
import { type BlockId, blockIdKey } from '#types/block-id.ts';
import type { Commit } from '#types/commit.ts';
import type { ValidatorSet } from '#types/validator-set.ts';
import { PRECOMMIT, PREVOTE, type UnsignedVote, type VoteType } from '#types/vote.ts';
import type { BrokenRule } from '#util/broken-rule.ts';
import { idOf, makeValidators, START } from '../unit/consensus/bench.ts';
import { PARTITIONED_DELAYS, PARTITIONS, PROCESSES, type TwinsCase } from './cases.ts';
import { TwinsChecks, TwinsFailure, type Violation } from './checks.ts';
import { DELAY_MS, type Lock, TwinsProcess, type Witness } from './process.ts';

export interface TwinsOptions {
  readonly brokenRule?: BrokenRule | undefined;
  /** The one thing to be judged; all if absent. */
  readonly only?: Violation | undefined;
  readonly trace?: ((line: string) => void) | undefined;
}

export interface TwinsResult {
  readonly failure?: TwinsFailure;
  /** Highest round that an honest process reached. */
  readonly round: number;
  /** Honest processes that had decided before the partitions ended. */
  readonly decidedBefore: number;
  /** Message delays from the end of the partitions to the last decision. */
  readonly healDelays: number;
}

const VALIDATORS: ValidatorSet = makeValidators([1n, 1n, 1n, 1n]);
/** One faulty identity: after the partitions a height takes no more rounds than this beyond those that were reached. */
const ROUNDS_AFTER_HEAL = 1 + 3;
/** Far more delays than that many rounds take: no decision by then is none at all. */
const MAX_DELAYS = 400;

const CONTEXT: HeightContext = {
  chainId: 'twins',
  height: 1,
  initialHeight: 1,
  validators: VALIDATORS,
  nextValidators: VALIDATORS,
  lastValidators: undefined,
  lastCommit: undefined,
  lastBlockTime: START,
  proofBlockDue: true,
  blockIntervalMinMs: 0,
  emptyBlockIntervalMs: 0,
};

/** Index of the validator that proposes in a round. */
function proposerOf(round: number): number {
  const { proposer } = round === 0 ? VALIDATORS : VALIDATORS.incremented(round);
  return VALIDATORS.indexOf(proposer.address);
}

/** One case: five processes, message delay by message delay. */
export class TwinsRun implements Witness {
  readonly processes: readonly TwinsProcess[];
  private readonly twinsCase: TwinsCase;
  private readonly checks: TwinsChecks;
  private readonly bodies = new Map<string, Block>();
  private readonly trace: ((line: string) => void) | undefined;
  private delay = 0;
  private blocks = 0;

  constructor(twinsCase: TwinsCase, options: TwinsOptions = {}) {
    this.twinsCase = twinsCase;
    this.trace = options.trace;
    this.checks = new TwinsChecks(options.only);
    const twin = proposerOf(twinsCase.twinProposes);
    const honest = VALIDATORS.validators.map((_, index) => index).filter((index) => index !== twin);
    const world = { context: CONTEXT, witness: this, processes: PROCESSES, brokenRule: options.brokenRule };
    const places = [
      ...honest.map((index, i) => ({ name: 'abc'[i] as string, index, honest: true })),
      { name: 'twin', index: twin, honest: false },
      { name: "twin'", index: twin, honest: false },
    ];
    this.processes = places.map((place) => new TwinsProcess(place, world));
  }

  run(): TwinsResult {
    let decidedBefore = 0;
    let round = 0;
    try {
      for (const process of this.processes) process.start();
      while (this.delay < PARTITIONED_DELAYS) this.partitionedDelay();
      decidedBefore = this.honest.filter(({ hasDecided }) => hasDecided).length;
      round = Math.max(...this.honest.map(({ core }) => core.round));
      this.heal(round);
    } catch (error) {
      if (!(error instanceof TwinsFailure)) throw error;
      return { failure: error, round, decidedBefore, healDelays: 0 };
    }
    const reached = Math.max(...this.honest.map(({ core }) => core.round));
    return { round: reached, decidedBefore, healDelays: this.delay - PARTITIONED_DELAYS };
  }

  private get honest(): readonly TwinsProcess[] {
    return this.processes.filter(({ honest }) => honest);
  }

  // What processes do.

  built(process: TwinsProcess, block: Block): BlockId {
    const blockId = idOf(`${process.name}-${this.blocks++}`);
    const key = blockIdKey(blockId);
    this.bodies.set(key, block);
    this.checks.built.add(key);
    return blockId;
  }

  signs(process: TwinsProcess, vote: UnsignedVote, locked: Lock | undefined): void {
    this.trace?.(
      `${process.name} ${vote.type === PREVOTE ? 'prevotes' : 'precommits'} ${name(vote.blockId)} r${vote.round}`,
    );
    this.checks.signs(process, vote, locked);
  }

  decided(process: TwinsProcess, blockId: BlockId, commit: Commit): void {
    this.trace?.(`${process.name} decides ${name(blockId)} r${commit.round}`);
    this.checks.decided(process, blockId, commit);
  }

  // What the network does.

  /** Each process gets what its side published; one that got nothing has waited for so long that a timer fires. */
  private partitionedDelay(): void {
    const { delaysPerPartition, partitions } = this.twinsCase;
    const place = Math.min(PARTITIONS - 1, Math.floor(this.delay / delaysPerPartition));
    const partition = partitions[place] as number;
    if (this.delay % delaysPerPartition === 0)
      this.trace?.(`-- delay ${this.delay}, partition ${partition.toString(2)}`);
    const busy = this.exchange((from, to) => ((partition >> from) & 1) === ((partition >> to) & 1));
    for (const [at, process] of this.processes.entries()) if (!busy.has(at)) this.fireNext(process);
  }

  /** All reach one another again, and repeat to others what those lack: all honest ones must decide. */
  private heal(round: number): void {
    this.trace?.('-- healed');
    while (this.honest.some(({ hasDecided }) => !hasDecided)) {
      if (this.delay > MAX_DELAYS) throw new TwinsFailure('termination', `no decision after ${MAX_DELAYS} delays`);
      if (this.exchange(() => true).size > 0 || this.repair()) continue;
      // Nothing is on its way any more: time passes until the first timer is due.
      const waiting = this.processes.filter(({ nextTimer }) => nextTimer !== undefined);
      const next = waiting.reduce<TwinsProcess | undefined>(
        (first, process) => (dueMs(process) < dueMs(first) ? process : first),
        undefined,
      );
      if (next === undefined) throw new TwinsFailure('termination', 'no message and no timer is left');
      this.fireNext(next);
    }
    for (const { name: by, core } of this.honest) {
      const decision = core.decided?.commit.round ?? 0;
      if (decision > round + ROUNDS_AFTER_HEAL)
        throw new TwinsFailure('termination', `${by} decides in round ${decision}; ${round} was reached before`);
    }
  }

  private fireNext(process: TwinsProcess): void {
    const timer = process.nextTimer;
    if (timer === undefined || process.hasDecided) return;
    process.tick(Math.max(this.delay * DELAY_MS, timer.dueMs));
    this.trace?.(`${process.name}: timer ${timer.step} r${timer.round}`);
    process.fire(timer.step);
  }

  /** One message delay. Returns who got something. */
  private exchange(isLinked: (from: number, to: number) => boolean): ReadonlySet<number> {
    this.delay++;
    const nowMs = this.delay * DELAY_MS;
    const busy = new Set<number>();
    const lengths = this.processes.map(({ outbox }) => outbox.length);
    for (const [to, receiver] of this.processes.entries()) {
      receiver.tick(nowMs);
      for (const [from, sender] of this.processes.entries()) {
        if (from === to || !isLinked(from, to)) continue;
        for (let i = sender.given[to] as number; i < (lengths[from] as number); i++) {
          this.deliver(sender, receiver, i);
          busy.add(to);
        }
        sender.given[to] = lengths[from] as number;
        if (this.bringBodies(sender, receiver)) busy.add(to);
      }
    }
    return busy;
  }

  private deliver(sender: TwinsProcess, receiver: TwinsProcess, at: number): void {
    const message = sender.outbox[at];
    const { core, now } = receiver;
    if (message === undefined || receiver.hasDecided) return;
    if (message.kind === 'vote') {
      receiver.give({ kind: 'vote', now, vote: message.vote });
      return;
    }
    const { proposal } = message;
    // What the engine does not verify it does not hand over.
    if (core.proposerAt(proposal.height, proposal.round) === undefined) return;
    receiver.give({ kind: 'proposal', now, proposal });
    this.bring(receiver, proposal.blockId);
  }

  private bringBodies(sender: TwinsProcess, receiver: TwinsProcess): boolean {
    let brought = false;
    for (const [key, blockId] of receiver.wanted) {
      if (receiver.core.block(blockId) !== undefined) receiver.wanted.delete(key);
      else if (sender.core.block(blockId) !== undefined) brought = this.bring(receiver, blockId) || brought;
    }
    return brought;
  }

  private bring(receiver: TwinsProcess, blockId: BlockId): boolean {
    const block = this.bodies.get(blockIdKey(blockId));
    if (block === undefined || receiver.core.block(blockId) !== undefined) return false;
    receiver.wanted.delete(blockIdKey(blockId));
    receiver.give({ kind: 'block', now: receiver.now, blockId, block });
    return true;
  }

  /** What have/want reports lead to: votes that the other lacks, majorities with all their votes, decided blocks. */
  private repair(): boolean {
    let repaired = false;
    for (const sender of this.processes)
      for (const receiver of this.processes) {
        if (sender === receiver || receiver.hasDecided) continue;
        if (sender.hasDecided) repaired = this.repairDecision(sender, receiver) || repaired;
        else repaired = this.repairVotes(sender, receiver) || repaired;
      }
    return repaired;
  }

  private repairDecision(sender: TwinsProcess, receiver: TwinsProcess): boolean {
    const { decided } = sender.core;
    if (decided === undefined) return false;
    receiver.give({ kind: 'decided', now: receiver.now, block: decided.block, commit: decided.commit });
    return true;
  }

  private repairVotes(sender: TwinsProcess, receiver: TwinsProcess): boolean {
    const { core } = sender;
    let repaired = false;
    const proposal = core.proposal(receiver.core.round);
    if (proposal !== undefined && receiver.core.wantsProposal(proposal)) {
      receiver.give({ kind: 'proposal', now: receiver.now, proposal });
      this.bring(receiver, proposal.blockId);
      repaired = true;
    }
    for (const round of core.voteRounds())
      for (const type of [PREVOTE, PRECOMMIT] as const)
        repaired = this.repairPlace(sender, receiver, round, type) || repaired;
    return repaired;
  }

  private repairPlace(sender: TwinsProcess, receiver: TwinsProcess, round: number, type: VoteType): boolean {
    const { now } = receiver;
    const held = receiver.core.voteBitmap(1, round, type) as Uint8Array;
    const majority = sender.core.majority(round, type);
    const isHidden = majority !== undefined && receiver.core.majority(round, type) === undefined;
    const votes = isHidden ? sender.core.votesFor(round, type, majority) : sender.core.votes(1, round, type);
    if (isHidden)
      receiver.give({ kind: 'peerClaim', now, peer: sender.name, height: 1, round, type, blockId: majority });
    let repaired = false;
    for (const vote of votes) {
      if (!isHidden && hasBit(held, vote.validatorIndex)) continue;
      if (!receiver.core.wantsVote(vote)) continue;
      receiver.give({ kind: 'vote', now, vote });
      repaired = true;
    }
    return repaired;
  }
}

function dueMs(process: TwinsProcess | undefined): number {
  return process?.nextTimer?.dueMs ?? Number.POSITIVE_INFINITY;
}

/** Blocks are named by their builder and a number. */
function name({ hash }: BlockId): string {
  if (hash.length === 0) return 'nil';
  return String.fromCharCode(...hash).replace(/@+$/, '');
}
