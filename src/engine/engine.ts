import type { Consensus } from '#consensus/consensus.ts';
import type { Effect } from '#consensus/effect.ts';
import type { Input, SignedMessage } from '#consensus/input.ts';
import type { Clock } from '#ports/clock.ts';
import type { FileSigner } from '#signer/signer.ts';
import type { Wal } from '#storage/wal.ts';
import type { Logger } from '#telemetry/logger.ts';
import type { NodeMetrics } from '#telemetry/node-metrics.ts';
import type { Block } from '#types/block.ts';
import { type BlockId, blockIdKey } from '#types/block-id.ts';
import type { Commit } from '#types/commit.ts';
import { PRECOMMIT } from '#types/vote.ts';
import { assert, unreachable } from '#util/assert.ts';
import type { BrokenRule } from '#util/broken-rule.ts';
import { BizraError } from '#util/errors.ts';
import type { Body } from './body.ts';
import type { AppliedHeight, Chain } from './chain.ts';
import { type RecoveredHeight, recoverHeight } from './recovery.ts';
import { RoundTimers } from './round-timers.ts';
import { StepTimes } from './step-times.ts';
import { encodeMuteRecord, encodeWalRecord } from './wal-record.ts';

/** An input before the engine stamps it with the time at which it is consumed. */
export type Unstamped = Input extends infer I ? (I extends { now: bigint } ? Omit<I, 'now'> : never) : never;

/** The engine's view of peers; `relay` and `blocks` implement it. */
export interface EngineOutlet {
  /** Own signed message, to all peers. */
  publish(message: SignedMessage, body: Body | undefined): void;
  /** Fetch a body from whoever may have it, until `bodyArrived` or a new height. */
  requestBody(height: number, round: number, blockId: BlockId): void;
  /** Height, round, step or votes changed. */
  progress(): void;
  /** A new height began: what was held for the old one may go. */
  heightStarted(height: number): void;
}

/** Inputs of one turn of the loop: bounds the time between two looks at the clock and the sockets. */
const INPUTS_PER_TURN = 512;
/**
 * Inputs of peers that wait while a height is applied. More are dropped: what was lost shows in what this node reports,
 * and is sent again.
 */
const PEER_INPUTS_MAX = 20_000;

/** Effects that are carried out although the height is decided in the same turn. */
const KEPT_AT_COMMIT: ReadonlySet<Effect['kind']> = new Set(['commit', 'publish', 'evidence', 'progress']);

export interface EngineComponents {
  readonly consensus: Consensus;
  readonly chain: Chain;
  readonly wal: Wal;
  /** Absent on a node that has no validator key in use. */
  readonly signer: FileSigner | undefined;
  /** Nothing may be signed up to this height, asked before each signature. */
  readonly mutedHeight?: () => number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Called once with what makes going on impossible: the process must end without signing anything more. */
  readonly onFatal: (error: unknown) => void;
  readonly onApplied: (applied: AppliedHeight) => void;
  readonly onEvidence: (effect: Extract<Effect, { kind: 'evidence' }>) => void;
  /** For tests of the checkers only. */
  readonly brokenRule?: BrokenRule | undefined;
  readonly metrics?: NodeMetrics | undefined;
}

/**
 * Drives consensus: takes inputs one at a time, logs them, hands them to the pure core, and carries out its effects in
 * order. A signature leaves only after the log that led to it is on disk; the next height begins only after the batch
 * of the last one is.
 */
export class Engine {
  private readonly components: EngineComponents;
  private readonly timers: RoundTimers;
  private readonly stepTimes: StepTimes;
  private outlet: EngineOutlet | undefined;
  private inbox: Unstamped[] = [];
  /** Answers of the signer and new heights: consumed before the inbox, in order. */
  private urgent: Unstamped[] = [];
  /** Bodies of blocks that the core holds or is about to see: what peers may ask for. */
  private readonly bodies = new Map<string, Body>();
  /** Bytes of each block that went through here, for as long as somebody holds the block. */
  private readonly bodyOf = new WeakMap<Block, Body>();
  private roundOfBodies = -1;
  private wake: (() => void) | undefined;
  private walDirty = false;
  private stopping = false;
  private loop: Promise<void> | undefined;
  /** No signature up to this height: the signer's record is ahead of the log, or the log was damaged. */
  private mutedHeight = 0;
  private workAnnounced = false;
  /** When this height's first proposal came, on the monotonic clock. */
  private proposedMs: number | undefined;
  private readonly appliedWaiters: { readonly height: number; readonly resolve: () => void }[] = [];

  constructor(components: EngineComponents) {
    this.components = components;
    this.stepTimes = new StepTimes(components.clock, components.metrics);
    this.timers = new RoundTimers(components.clock, (timeout) => this.submit({ kind: 'timeout', ...timeout }));
  }

  /** Replays the log of the unfinished height, then runs until `stop`. */
  async start(outlet: EngineOutlet): Promise<void> {
    this.outlet = outlet;
    const { chain, consensus, signer, wal, logger } = this.components;
    const height = chain.state.height + 1;
    const recovered = recoverHeight(consensus, chain.heightContext(), wal.records, signer?.lastSigned);
    this.mutedHeight = Math.max(recovered.mutedHeight, wal.damage === undefined ? 0 : height);
    if (this.mutedHeight >= height) {
      const { mutedHeight } = this;
      logger.warn('the log does not lead to what was signed: not signing until this height is decided', {
        height: mutedHeight,
        walDamaged: wal.damage !== undefined,
      });
    }
    outlet.heightStarted(height);
    // Evidence that was pending when the node ended.
    if (chain.hasWork()) this.workAvailable();
    this.loop = this.resume(recovered)
      .then(() => this.run())
      .catch((error: unknown) => this.fail(error));
  }

  /** Finishes the turn under way and closes the log. */
  async stop(): Promise<void> {
    this.stopping = true;
    this.timers.cancelAll();
    this.wake?.();
    await this.loop;
    await this.components.wal.close();
  }

  /** Queues an input. Its order among the others is the order of this call. */
  submit(input: Unstamped): void {
    if (this.stopping) return;
    this.inbox.push(input);
    this.wake?.();
  }

  /** As `submit`, for what peers send at their own pace. False: dropped, because too much waits already. */
  submitFromPeer(input: Unstamped): boolean {
    if (this.stopping || this.inbox.length >= PEER_INPUTS_MAX) return false;
    this.submit(input);
    return true;
  }

  /** A complete body whose id was recomputed from its bytes. */
  submitBody(body: Body): void {
    if (this.bodies.has(blockIdKey(body.blockId))) return;
    this.keep(body);
    this.submit({ kind: 'block', blockId: body.blockId, block: body.block });
  }

  /** The body of a block of the current height, if this node has it. */
  body(blockId: BlockId): Body | undefined {
    return this.bodies.get(blockIdKey(blockId));
  }

  /** Ids of the bodies at hand, of this height and the next. */
  bodyIds(): BlockId[] {
    return [...this.bodies.values()].map(({ blockId }) => blockId);
  }

  /** A block with a verified commit. Resolves when the height is applied, by this or another way. */
  decide(body: Body, commit: Commit): Promise<void> {
    const { height } = body.block.header;
    if (this.components.chain.state.height >= height) return Promise.resolve();
    this.keep(body);
    this.submit({ kind: 'decided', block: body.block, commit });
    return new Promise((resolve) => this.appliedWaiters.push({ height, resolve }));
  }

  /** The mempool has something to propose. */
  workAvailable(): void {
    if (this.workAnnounced) return;
    this.workAnnounced = true;
    this.submit({ kind: 'workAvailable' });
  }

  private async run(): Promise<void> {
    while (!this.stopping) {
      if (this.inbox.length === 0 && this.urgent.length === 0) {
        await new Promise<void>((resolve) => {
          this.wake = resolve;
        });
        this.wake = undefined;
        continue;
      }
      await this.perform(await this.consume());
    }
  }

  /** Logs and hands over queued inputs, up to and including the one that decides the height. */
  private async consume(): Promise<Effect[]> {
    const { consensus, clock, wal } = this.components;
    const effects: Effect[] = [];
    const records: Uint8Array[] = [];
    const queue = this.urgent.length > 0 ? this.urgent : this.inbox;
    let taken = 0;
    while (taken < queue.length && taken < INPUTS_PER_TURN) {
      const input = { ...(queue[taken++] as Unstamped), now: clock.now() } as Input;
      const record = this.leavesOut(input)
        ? undefined
        : encodeWalRecord(input, (block) => this.mustHaveBody(block).bytes);
      if (record !== undefined) records.push(record);
      const produced = consensus.handle(input);
      this.pruneBodies(input);
      this.trace(input, produced);
      this.stepTimes.look(consensus);
      if (input.kind === 'proposal' || input.kind === 'blockBuilt') this.proposedMs ??= clock.monotonicMs();
      effects.push(...produced);
      if (produced.some(({ kind }) => kind === 'commit')) break;
    }
    queue.splice(0, taken);
    if (records.length > 0) {
      this.walDirty = true;
      await Promise.all(records.map((record) => wal.append(record)));
    }
    return dropSuperseded(effects);
  }

  private leavesOut({ kind }: Input): boolean {
    return this.components.brokenRule === 'bodyNotKept' && (kind === 'block' || kind === 'blockBuilt');
  }

  /** One line an input, for operators who look for the cause of a slow height. */
  private trace(input: Input, effects: readonly Effect[]): void {
    const { logger, consensus } = this.components;
    if (!logger.enabled('debug')) return;
    const { height, round, step } = consensus;
    logger.debug(input.kind, { height, round, step, effects: effects.map(({ kind }) => kind).join(' ') });
  }

  private async perform(effects: readonly Effect[]): Promise<void> {
    for (const effect of effects) {
      if (this.stopping) return;
      await this.performOne(effect);
    }
  }

  private async performOne(effect: Effect): Promise<void> {
    const { chain } = this.components;
    switch (effect.kind) {
      case 'sign':
        return this.sign(effect.message);
      case 'publish':
        return this.publish(effect.message);
      case 'schedule':
        return this.timers.schedule(effect, effect.delayMs);
      case 'buildBlock':
        return this.build(effect);
      case 'requestBlock':
        return this.requestBody(effect);
      case 'validate':
        return this.validate(effect.blockId, effect.block);
      case 'execute':
        return chain.speculate(this.mustHaveBody(effect.block));
      case 'commit':
        return this.commit(effect.block, effect.commit);
      case 'evidence':
        return this.components.onEvidence(effect);
      case 'progress':
        return this.outlet?.progress();
      case 'redeliver':
        this.urgent.push(...effect.inputs);
        return;
      default:
        return unreachable(effect);
    }
  }

  private async sign(message: Extract<Effect, { kind: 'sign' }>['message']): Promise<void> {
    const { signer, chain, logger } = this.components;
    const mutedHeight = Math.max(this.mutedHeight, this.components.mutedHeight?.() ?? 0);
    const { height, round } = message.kind === 'vote' ? message.vote : message.proposal;
    const type = message.kind === 'vote' ? message.vote.type : 'proposal';
    if (signer === undefined || height <= mutedHeight) return this.submit({ kind: 'signRefused', height, round, type });
    if (this.walDirty) await this.syncWal();
    if (this.stopping) return;
    try {
      const { chainId } = chain.state;
      const signed: SignedMessage =
        message.kind === 'vote'
          ? { kind: 'vote', vote: await signer.signVote(chainId, message.vote) }
          : { kind: 'proposal', proposal: await signer.signProposal(chainId, message.proposal) };
      this.urgent.push({ kind: 'signed', message: signed });
    } catch (error) {
      if (!(error instanceof BizraError) || error.code !== 'double_sign') throw error;
      logger.error('the signer refused', { height, round, type, reason: error.message });
      this.submit({ kind: 'signRefused', height, round, type });
    }
  }

  /** A body that came before a rule wanted it is at hand; one that came in the same turn was not missing at all. */
  private requestBody({ height, round, blockId }: Extract<Effect, { kind: 'requestBlock' }>): void {
    if (this.components.consensus.block(blockId) !== undefined) return;
    const body = this.body(blockId);
    if (body === undefined) this.outlet?.requestBody(height, round, blockId);
    else this.submit({ kind: 'block', blockId, block: body.block });
  }

  private publish(message: SignedMessage): void {
    const body = message.kind === 'proposal' ? this.body(message.proposal.blockId) : undefined;
    this.outlet?.publish(message, body);
  }

  private build({ height, round, lastCommit, time }: Extract<Effect, { kind: 'buildBlock' }>): void {
    const body = this.components.chain.build(round, lastCommit, time);
    this.keep(body);
    this.submit({ kind: 'blockBuilt', height, round, blockId: body.blockId, block: body.block });
  }

  /** Runs beside the loop: verification may wait for worker threads. */
  private validate(blockId: BlockId, block: Block): void {
    this.components.chain
      .isValid(this.mustHaveBody(block))
      .then((valid) => this.submit({ kind: 'blockValidity', blockId, valid }))
      .catch((error: unknown) => this.fail(error));
  }

  private async commit(block: Block, commit: Commit): Promise<void> {
    const { chain, clock, onApplied } = this.components;
    const applied = await chain.apply(this.mustHaveBody(block), commit, this.proposedMs ?? clock.monotonicMs());
    this.proposedMs = undefined;
    this.timers.cancelAll();
    this.forgetBodies(chain.state.height);
    this.workAnnounced = false;
    await this.rotateLog();
    this.urgent.push({ kind: 'newHeight', context: chain.heightContext() });
    onApplied(applied);
    this.outlet?.heightStarted(chain.state.height + 1);
    this.resolveWaiters(chain.state.height);
    if (chain.hasWork()) this.workAvailable();
  }

  private forgetBodies(height: number): void {
    for (const [key, body] of this.bodies) if (body.block.header.height <= height) this.bodies.delete(key);
    this.inbox = this.inbox.filter(
      (input) => (input.kind !== 'block' && input.kind !== 'blockBuilt') || input.block.header.height > height,
    );
  }

  private resolveWaiters(height: number): void {
    const waiting = this.appliedWaiters.splice(0);
    for (const waiter of waiting) {
      if (waiter.height <= height) waiter.resolve();
      else this.appliedWaiters.push(waiter);
    }
  }

  /** Carries out what the log left open: questions without an answer, and the newest timer of each step. */
  private async resume(recovered: RecoveredHeight): Promise<void> {
    await this.logMute();
    if (!recovered.started) {
      this.urgent.push({ kind: 'newHeight', context: this.components.chain.heightContext() });
      return;
    }
    for (const body of recovered.bodies) this.keep(body);
    this.walDirty = true;
    for (const request of recovered.lostSignatures) this.submit({ kind: 'signRefused', ...request });
    await this.perform(recovered.effects);
  }

  private async rotateLog(): Promise<void> {
    const { wal } = this.components;
    if (wal.damage === undefined && !wal.isLong) return;
    await wal.rotate();
    await this.logMute();
  }

  private async syncWal(): Promise<void> {
    const { wal, clock, metrics } = this.components;
    const startMs = clock.monotonicMs();
    await wal.sync();
    this.walDirty = false;
    metrics?.storage.walSyncMilliseconds.observe(clock.monotonicMs() - startMs);
  }

  /**
   * Being muted must outlive a restart: from here on the log is complete in itself and looks as if it led to whatever
   * was signed.
   */
  private async logMute(): Promise<void> {
    const { wal, chain } = this.components;
    if (this.mutedHeight <= chain.state.height) return;
    await wal.append(encodeMuteRecord(this.mutedHeight));
    await wal.sync();
  }

  private keep(body: Body): void {
    this.bodies.set(blockIdKey(body.blockId), body);
    this.bodyOf.set(body.block, body);
  }

  /** A block that the core did not take, or let go of with an old round, is not kept for it: it may have megabytes. */
  private pruneBodies(input: Input): void {
    const { consensus } = this.components;
    if (input.kind === 'block' || input.kind === 'blockBuilt') {
      if (consensus.holds(input.blockId)) this.keep(this.mustHaveBody(input.block));
      else this.bodies.delete(blockIdKey(input.blockId));
    }
    if (consensus.round === this.roundOfBodies) return;
    this.roundOfBodies = consensus.round;
    for (const [key, { blockId }] of this.bodies) if (!consensus.holds(blockId)) this.bodies.delete(key);
  }

  private mustHaveBody(block: Block): Body {
    const body = this.bodyOf.get(block);
    assert(body !== undefined, 'consensus named a block that it was never given');
    return body;
  }

  /** At once: what is under way ends, and nothing more is signed. `stop` is still to be called. */
  halt(): void {
    this.stopping = true;
    this.timers.cancelAll();
  }

  private fail(error: unknown): void {
    if (this.stopping) return;
    this.halt();
    this.components.onFatal(error);
  }
}

/**
 * Once a height is decided, what its rounds still wanted is moot. What others need from me is not, and that includes my
 * precommit: the next block's last commit says who took part.
 */
function dropSuperseded(effects: Effect[]): Effect[] {
  if (!effects.some(({ kind }) => kind === 'commit')) return effects;
  return effects.filter((effect) => {
    if (effect.kind === 'sign') return effect.message.kind === 'vote' && effect.message.vote.type === PRECOMMIT;
    return KEPT_AT_COMMIT.has(effect.kind);
  });
}
