import assert from 'node:assert/strict';
import { Consensus } from '#consensus/consensus.ts';
import type { Effect } from '#consensus/effect.ts';
import type { HeightContext, Input, SignedMessage } from '#consensus/input.ts';
import { hasBit } from '#consensus/vote-set.ts';
import type { Block } from '#types/block.ts';
import { type BlockId, blockIdKey } from '#types/block-id.ts';
import { type Commit, medianTime } from '#types/commit.ts';
import type { ValidatorSet } from '#types/validator-set.ts';
import { PRECOMMIT, PREVOTE } from '#types/vote.ts';
import type { BrokenRule } from '#util/broken-rule.ts';
import { idOf, MS, makeBlock, makeValidators, START, signatureOf } from './bench.ts';

/** Virtual milliseconds. */
type Ms = number;

export interface ClusterOptions {
  readonly seed: number;
  readonly powers: readonly bigint[];
  /** Validators that run twice under one key: they equivocate, forget locks, and are the faulty third. */
  readonly twins: readonly number[];
  /** Until then messages are lost and links are cut; the twins die then. */
  readonly healAt: Ms;
  readonly lossPercent: number;
  readonly brokenRule?: BrokenRule;
}

interface Member {
  readonly name: string;
  readonly index: number;
  readonly faulty: boolean;
  readonly skewMs: number;
  core: Consensus;
  alive: boolean;
  /** Inputs and effects of the present height: what its log would hold. */
  inputs: Input[];
  effects: (readonly Effect[])[];
  readonly timers: Map<string, number>;
  readonly wanted: Map<string, BlockId>;
  readonly chain: Map<number, { readonly block: Block; readonly commit: Commit }>;
  work: number;
}

/** mulberry32: small, seeded, good enough to shuffle messages. */
function randomOf(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

const REPAIR_EVERY_MS = 150;
const CUT_EVERY_MS = 700;
const RESTART_EVERY_MS = 900;
const MAX_DELAY_MS = 60;

/** Cores that exchange messages in a random order, on virtual time, with everything else of a node played simply. */
export class Cluster {
  readonly members: Member[] = [];
  readonly validators: ValidatorSet;
  readonly bodies = new Map<string, Block>();
  /** Height and round of every correct decision, in order. */
  readonly decisions: { readonly member: string; readonly height: number; readonly round: number; readonly at: Ms }[] =
    [];
  readonly chosen = new Map<number, string>();
  time: Ms = 0;
  evidence = 0;
  highestRound = 0;
  private readonly options: ClusterOptions;
  private readonly random: (below: number) => number;
  private readonly queue: { readonly at: Ms; readonly order: number; readonly act: () => void }[] = [];
  private order = 0;
  private blocks = 0;
  /** Which side of a cut each member is on. */
  private side: number[] = [];

  constructor(options: ClusterOptions) {
    this.options = options;
    this.random = randomOf(options.seed);
    this.validators = makeValidators(options.powers);
    for (const index of options.powers.keys()) {
      const faulty = options.twins.includes(index);
      this.join(index, faulty, `v${index}`);
      if (faulty) this.join(index, faulty, `v${index}-twin`);
    }
    for (const member of this.members) this.startHeight(member, 1, undefined);
    this.every(REPAIR_EVERY_MS, () => this.repair());
    this.every(CUT_EVERY_MS, () => this.cut());
    this.every(RESTART_EVERY_MS, () => this.restartOne());
  }

  get healed(): boolean {
    return this.time >= this.options.healAt;
  }

  get correct(): readonly Member[] {
    return this.members.filter((member) => !member.faulty);
  }

  /** Runs until `isDone` or the time is over; returns whether it is done. */
  run(until: Ms, isDone: () => boolean): boolean {
    while (!isDone()) {
      const [next] = this.queue;
      if (next === undefined || next.at > until) return false;
      this.queue.shift();
      this.time = next.at;
      if (this.healed) for (const member of this.members) if (member.faulty) member.alive = false;
      next.act();
    }
    return true;
  }

  private join(index: number, faulty: boolean, name: string): void {
    const skewMs = this.random(2001) - 1000;
    const member = { name, index, faulty, skewMs, alive: true, inputs: [], effects: [], work: 0 };
    const maps = { timers: new Map(), wanted: new Map(), chain: new Map() };
    this.members.push({ ...member, ...maps, core: this.makeCore(index) });
  }

  private makeCore(index: number): Consensus {
    return new Consensus({ address: this.validators.get(index)?.address, brokenRule: this.options.brokenRule });
  }

  private at(delay: Ms, act: () => void): void {
    const entry = { at: this.time + delay, order: this.order++, act };
    let place = this.queue.length;
    while (place > 0 && (this.queue[place - 1] as typeof entry).at > entry.at) place--;
    this.queue.splice(place, 0, entry);
  }

  private every(period: Ms, act: () => void): void {
    const again = (): void => {
      act();
      this.at(period, again);
    };
    this.at(period, again);
  }

  private nowOf(member: Member): bigint {
    return START + BigInt(this.time + member.skewMs + 2000) * MS;
  }

  private give(member: Member, input: Input): void {
    if (!member.alive) return;
    const effects = member.core.handle(input);
    member.inputs.push(input);
    member.effects.push(effects);
    this.highestRound = Math.max(this.highestRound, member.core.round);
    for (const effect of effects) this.perform(member, effect);
  }

  private later(member: Member, make: () => Input): void {
    const { height } = member.core;
    this.at(this.random(5), () => {
      if (member.core.height === height) this.give(member, make());
    });
  }

  private perform(member: Member, effect: Effect): void {
    switch (effect.kind) {
      case 'sign': {
        const signature = signatureOf(member.index);
        const message: SignedMessage =
          effect.message.kind === 'vote'
            ? { kind: 'vote', vote: { ...effect.message.vote, signature } }
            : { kind: 'proposal', proposal: { ...effect.message.proposal, signature } };
        this.later(member, () => ({ kind: 'signed', now: this.nowOf(member), message }));
        break;
      }
      case 'publish':
        for (const other of this.members) if (other !== member) this.send(member, other, effect.message);
        break;
      case 'schedule':
        this.schedule(member, effect);
        break;
      case 'buildBlock': {
        const blockId = idOf(`${effect.height}.${effect.round}.${member.name}.${this.blocks++}`);
        const block = makeBlock(effect.height, effect.time, effect.lastCommit);
        this.bodies.set(blockIdKey(blockId), block);
        const { height, round } = effect;
        this.later(member, () => ({ kind: 'blockBuilt', now: this.nowOf(member), height, round, blockId, block }));
        break;
      }
      case 'requestBlock':
        member.wanted.set(blockIdKey(effect.blockId), effect.blockId);
        break;
      case 'validate':
        this.later(member, () => ({
          kind: 'blockValidity',
          now: this.nowOf(member),
          blockId: effect.blockId,
          verdict: 'valid',
        }));
        break;
      case 'commit':
        this.committed(member, effect.blockId, effect.block, effect.commit);
        break;
      case 'redeliver':
        for (const input of effect.inputs) this.give(member, input);
        break;
      case 'evidence':
        this.evidence++;
        break;
      case 'execute':
      case 'progress':
        break;
    }
  }

  private schedule(member: Member, timer: Extract<Effect, { kind: 'schedule' }>): void {
    const id = this.order++;
    member.timers.set(timer.step, id);
    this.at(timer.delayMs, () => {
      if (member.timers.get(timer.step) !== id) return;
      const { height, round, step } = timer;
      this.give(member, { kind: 'timeout', now: this.nowOf(member), height, round, step });
    });
  }

  private committed(member: Member, blockId: BlockId, block: Block, commit: Commit): void {
    const { height } = member.core;
    assert.equal(commit.height, height);
    member.chain.set(height, { block, commit });
    if (!member.faulty) {
      const key = blockIdKey(blockId);
      assert.equal(this.chosen.get(height) ?? key, key, `agreement at height ${height}`);
      this.chosen.set(height, key);
      this.decisions.push({ member: member.name, height, round: commit.round, at: this.time });
    }
    this.at(this.random(20), () => this.startHeight(member, height + 1, { block, commit }));
  }

  private startHeight(member: Member, height: number, last: { block: Block; commit: Commit } | undefined): void {
    if (!member.alive || member.core.height >= height) return;
    const { validators } = this;
    const context: HeightContext = {
      chainId: 'test',
      height,
      initialHeight: 1,
      validators,
      nextValidators: validators,
      lastValidators: last === undefined ? undefined : validators,
      lastCommit: last?.commit,
      lastBlockTime: last?.block.header.time ?? START,
      proofBlockDue: true,
      blockIntervalMinMs: 0,
      emptyBlockIntervalMs: 0,
    };
    if (last !== undefined) assert.ok(medianTime(last.commit, validators) > last.block.header.time, 'time advances');
    member.timers.clear();
    member.wanted.clear();
    const effects = member.core.handle({ kind: 'newHeight', now: this.nowOf(member), context });
    // A new log starts here; what was held comes through it again.
    member.inputs = [{ kind: 'newHeight', now: this.nowOf(member), context }];
    member.effects = [effects.filter(({ kind }) => kind !== 'redeliver')];
    for (const effect of effects) this.perform(member, effect);
  }

  private send(from: Member, to: Member, message: SignedMessage): void {
    if (!from.alive || !this.isLinked(from, to)) return;
    if (!this.healed && this.random(100) < this.options.lossPercent) return;
    this.at(1 + this.random(MAX_DELAY_MS), () => {
      const now = this.nowOf(to);
      if (message.kind === 'vote') {
        this.give(to, { kind: 'vote', now, vote: message.vote });
        return;
      }
      const { height, round, blockId } = message.proposal;
      // A signature by anybody but the proposer fails in the engine.
      if (to.core.proposerAt(height, round) === undefined) return;
      this.give(to, { kind: 'proposal', now, proposal: message.proposal });
      const block = this.bodies.get(blockIdKey(blockId));
      if (block !== undefined && this.random(4) > 0) this.give(to, { kind: 'block', now, blockId, block });
    });
  }

  private isLinked(a: Member, b: Member): boolean {
    return this.healed || this.side[this.members.indexOf(a)] === this.side[this.members.indexOf(b)];
  }

  /** Splits the members anew; one time in three all are together. */
  private cut(): void {
    const whole = this.random(3) === 0;
    this.side = this.members.map(() => (whole ? 0 : this.random(2)));
  }

  /** A correct member starts again from its log: same effects, same place. */
  private restartOne(): void {
    const member = this.correct[this.random(this.correct.length)];
    if (member === undefined || this.healed) return;
    const core = this.makeCore(member.index);
    const effects = member.inputs.map((input) => core.handle(input));
    // Pauses are measured from the decision, which the log does not hold; all else must be the same.
    assert.deepEqual(withoutPauses(effects), withoutPauses(member.effects));
    member.core = core;
  }

  /** What have/want messages do in a node: each member gets from another what that one can see it lacks. */
  private repair(): void {
    for (const to of this.members) {
      const from = this.members[this.random(this.members.length)] as Member;
      if (from === to || !from.alive || !this.isLinked(from, to)) continue;
      if (from.core.height > to.core.height) this.bringBlock(from, to);
      else if (from.core.height === to.core.height) this.bringVotes(from, to);
      for (const blockId of to.wanted.values()) this.bringBody(to, blockId);
    }
  }

  private bringBlock(from: Member, to: Member): void {
    const entry = from.chain.get(to.core.height);
    if (entry !== undefined) this.give(to, { kind: 'decided', now: this.nowOf(to), ...entry });
  }

  private bringVotes(from: Member, to: Member): void {
    const { height } = to.core;
    const proposal = from.core.proposal(to.core.round);
    if (proposal !== undefined) this.send(from, to, { kind: 'proposal', proposal });
    for (const round of from.core.voteRounds())
      for (const type of [PREVOTE, PRECOMMIT] as const) {
        const majority = from.core.majority(round, type);
        if (majority !== undefined)
          this.give(to, {
            kind: 'peerClaim',
            now: this.nowOf(to),
            peer: from.name,
            height,
            round,
            type,
            blockId: majority,
          });
        const has = to.core.voteBitmap(height, round, type) as Uint8Array;
        for (const vote of from.core.votes(height, round, type))
          if (!hasBit(has, vote.validatorIndex) || majority !== undefined) this.send(from, to, { kind: 'vote', vote });
      }
  }

  private bringBody(to: Member, blockId: BlockId): void {
    const block = this.bodies.get(blockIdKey(blockId));
    if (block === undefined || (!this.healed && this.random(100) < this.options.lossPercent)) return;
    to.wanted.delete(blockIdKey(blockId));
    this.give(to, { kind: 'block', now: this.nowOf(to), blockId, block });
  }
}

function withoutPauses(effects: readonly (readonly Effect[])[]): Effect[][] {
  return effects.map((list) => list.filter((effect) => effect.kind !== 'schedule' || effect.step !== 'newHeight'));
}
