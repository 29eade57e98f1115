import { Consensus } from '#consensus/consensus.ts';
import type { Effect } from '#consensus/effect.ts';
import type { HeightContext, Input, SignedMessage, TimeoutStep } from '#consensus/input.ts';
import type { Block } from '#types/block.ts';
import { type BlockId, blockIdKey } from '#types/block-id.ts';
import type { Commit } from '#types/commit.ts';
import type { UnsignedVote } from '#types/vote.ts';
import type { BrokenRule } from '#util/broken-rule.ts';
import { MS, makeBlock, signatureOf } from '../unit/consensus/bench.ts';

/** What a process does that the rest of the case must know of. */
export interface Witness {
  /** A block was built; gives it its id. */
  built(process: TwinsProcess, block: Block): BlockId;
  /** A vote is about to be signed; `locked` is the lock before the input that led to it. */
  signs(process: TwinsProcess, vote: UnsignedVote, locked: Lock | undefined): void;
  decided(process: TwinsProcess, blockId: BlockId, commit: Commit): void;
}

export interface Lock {
  readonly round: number;
  readonly blockId: BlockId;
}

interface Timer {
  readonly dueMs: number;
  readonly round: number;
  readonly step: TimeoutStep;
}

/** How long a message takes. The timers of a round are longer, and grow. */
export const DELAY_MS = 50;

/** One core and the simplest node around it: its signer, builder and validation answer at once. */
export class TwinsProcess {
  readonly name: string;
  /** Its validator. */
  readonly index: number;
  readonly honest: boolean;
  readonly core: Consensus;
  /** All that it published, in order. */
  readonly outbox: SignedMessage[] = [];
  /** How much of its outbox each process has got. */
  readonly given: number[];
  readonly wanted = new Map<string, BlockId>();
  private readonly witness: Witness;
  private readonly context: HeightContext;
  private readonly timers = new Map<TimeoutStep, Timer>();
  private readonly answers: Input[] = [];
  private nowMs = 0;

  constructor(
    place: { readonly name: string; readonly index: number; readonly honest: boolean },
    world: {
      readonly context: HeightContext;
      readonly witness: Witness;
      readonly processes: number;
      readonly brokenRule: BrokenRule | undefined;
    },
  ) {
    this.name = place.name;
    this.index = place.index;
    this.honest = place.honest;
    this.context = world.context;
    this.witness = world.witness;
    this.given = new Array<number>(world.processes).fill(0);
    const { address } = this.context.validators.validators[place.index] as { address: Uint8Array };
    this.core = new Consensus({ address, brokenRule: world.brokenRule });
  }

  get hasDecided(): boolean {
    return this.core.decided !== undefined;
  }

  /** Into round 0. */
  start(): void {
    this.give({ kind: 'newHeight', now: this.now, context: this.context });
    this.fire('newHeight');
  }

  tick(nowMs: number): void {
    this.nowMs = nowMs;
  }

  get now(): bigint {
    return this.context.lastBlockTime + BigInt(this.nowMs) * MS;
  }

  /** One input and all that its answers lead to. */
  give(input: Input): void {
    this.handle(input);
    for (let answer = this.answers.shift(); answer !== undefined; answer = this.answers.shift()) this.handle(answer);
  }

  /** The timer that is due first, of those that the core still waits for. */
  get nextTimer(): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of this.timers.values())
      if (this.isAwaited(timer) && (next === undefined || timer.dueMs < next.dueMs)) next = timer;
    return next;
  }

  private isAwaited({ round, step }: Timer): boolean {
    const { core } = this;
    if (round !== core.round) return false;
    return step === 'precommitWait' || core.step === (step === 'prevoteWait' ? 'prevote' : step);
  }

  fire(step: TimeoutStep): void {
    const timer = this.timers.get(step);
    if (timer === undefined) return;
    this.timers.delete(step);
    this.give({ kind: 'timeout', now: this.now, height: this.context.height, round: timer.round, step });
  }

  private handle(input: Input): void {
    const { core } = this;
    const locked = core.lockedBlockId && { round: core.lockedRound, blockId: core.lockedBlockId };
    for (const effect of core.handle(input)) this.perform(effect, locked);
  }

  private perform(effect: Effect, locked: Lock | undefined): void {
    const { now } = this;
    switch (effect.kind) {
      case 'sign':
        if (effect.message.kind === 'vote') this.witness.signs(this, effect.message.vote, locked);
        this.answers.push({ kind: 'signed', now, message: signed(effect.message, this.index) });
        break;
      case 'publish':
        this.outbox.push(effect.message);
        break;
      case 'schedule': {
        const { step, round, delayMs } = effect;
        this.timers.set(step, { step, round, dueMs: this.nowMs + delayMs });
        break;
      }
      case 'buildBlock': {
        const { height, round, time, lastCommit } = effect;
        const block = makeBlock(height, time, lastCommit);
        this.answers.push({ kind: 'blockBuilt', now, height, round, blockId: this.witness.built(this, block), block });
        break;
      }
      case 'requestBlock':
        this.wanted.set(blockIdKey(effect.blockId), effect.blockId);
        break;
      case 'validate':
        this.answers.push({ kind: 'blockValidity', now, blockId: effect.blockId, verdict: 'valid' });
        break;
      case 'commit':
        this.timers.clear();
        this.witness.decided(this, effect.blockId, effect.commit);
        break;
      default:
        break;
    }
  }
}

function signed(message: Extract<Effect, { kind: 'sign' }>['message'], index: number): SignedMessage {
  const signature = signatureOf(index);
  return message.kind === 'vote'
    ? { kind: 'vote', vote: { ...message.vote, signature } }
    : { kind: 'proposal', proposal: { ...message.proposal, signature } };
}
