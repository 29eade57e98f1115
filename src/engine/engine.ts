import type { Consensus } from '#consensus/consensus.ts';
import type { Effect } from '#consensus/effect.ts';
import type { Input, SignedMessage } from '#consensus/input.ts';
import type { Clock } from '#ports/clock.ts';
import type { FileSigner } from '#signer/signer.ts';
import type { Wal } from '#storage/wal.ts';
import type { Logger } from '#telemetry/logger.ts';
import type { NodeMetrics } from '#telemetry/node-metrics.ts';
import type { Block } from '#types/block.ts';
import type { BlockId } from '#types/block-id.ts';
import type { Commit } from '#types/commit.ts';
import type { BrokenRule } from '#util/broken-rule.ts';
import type { Body } from './body.ts';
import type { AppliedHeight, Chain } from './chain.ts';
import { EffectPerformer } from './effect-performer.ts';
import { EngineLog } from './engine-log.ts';
import { HeldBodies } from './held-bodies.ts';
import { Inbox, type Unstamped } from './inbox.ts';
import { type RecoveredHeight, recoverHeight } from './recovery.ts';
import { RoundTimers } from './round-timers.ts';
import { Signing } from './signing.ts';
import { StepTimes } from './step-times.ts';
import { dropSuperseded } from './superseded-effects.ts';
import { encodeWalRecord, parentOf, type RecordParts } from './wal-record.ts';

/** The engine's view of peers. */
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
  private readonly inbox = new Inbox();
  private readonly bodies = new HeldBodies();
  private readonly recordParts: RecordParts = {
    encodedBlock: (block) => this.bodies.of(block).bytes,
    parent: () => parentOf(this.components.chain.state),
  };
  private readonly log: EngineLog;
  private readonly signing: Signing;
  private readonly timers: RoundTimers;
  private readonly stepTimes: StepTimes;
  private readonly effects: EffectPerformer;
  private outlet: EngineOutlet | undefined;
  private stopping = false;
  private loop: Promise<void> | undefined;
  private workAnnounced = false;
  /** When this height's first proposal came, on the monotonic clock. */
  private proposedMs: number | undefined;
  private readonly appliedWaiters: { readonly height: number; readonly resolve: () => void }[] = [];

  constructor(components: EngineComponents) {
    this.components = components;
    this.log = new EngineLog(components);
    this.signing = new Signing({
      ...components,
      log: this.log,
      isStopping: () => this.stopping,
      onSigned: (message) => this.inbox.pushUrgent({ kind: 'signed', message }),
      onRefused: (request) => this.submit({ kind: 'signRefused', ...request }),
    });
    this.stepTimes = new StepTimes(components.clock, components.metrics);
    this.timers = new RoundTimers(components.clock, (timeout) => this.submit({ kind: 'timeout', ...timeout }));
    this.effects = this.makeEffects();
  }

  private makeEffects(): EffectPerformer {
    const { components, bodies, inbox, signing, timers } = this;
    return new EffectPerformer({
      ...components,
      bodies,
      inbox,
      signing,
      timers,
      outlet: () => this.outlet,
      submit: (input) => this.submit(input),
      commit: (block, commit) => this.commit(block, commit),
      isStopping: () => this.stopping,
      fail: (error) => this.fail(error),
    });
  }

  /** No signature up to this height: the signer's record is ahead of the log. */
  get mutedHeight(): number {
    return this.log.mutedHeight;
  }

  /** Replays the log of the unfinished height, then runs until `stop`. */
  async start(outlet: EngineOutlet): Promise<void> {
    this.outlet = outlet;
    const { chain, consensus, signer, wal, logger } = this.components;
    const height = chain.state.height + 1;
    const underWay = { context: chain.heightContext(), parent: chain.state };
    const recovered = recoverHeight(consensus, underWay, wal, signer?.lastSigned);
    this.log.mutedHeight = recovered.mutedHeight;
    if (this.mutedHeight >= height) {
      logger.warn('the log does not lead to what was signed: not signing until this height is decided', {
        height: this.mutedHeight,
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
    this.inbox.wakeUp();
    await this.loop;
    await this.components.wal.close();
  }

  /** Queues an input. Its order among the others is the order of this call. */
  submit(input: Unstamped): void {
    if (this.stopping) return;
    this.inbox.push(input);
  }

  /** As `submit`, for what peers send at their own pace. False: dropped, because too much waits already. */
  submitFromPeer(input: Unstamped): boolean {
    if (this.stopping || this.inbox.isFull) return false;
    this.submit(input);
    return true;
  }

  /** A complete body whose id was recomputed from its bytes. */
  submitBody(body: Body): void {
    if (this.body(body.blockId) !== undefined) return;
    this.bodies.keep(body);
    this.submit({ kind: 'block', blockId: body.blockId, block: body.block });
  }

  /** The body of a block of the current height, if this node has it. */
  body(blockId: BlockId): Body | undefined {
    return this.bodies.get(blockId);
  }

  /** Ids of the bodies at hand, of this height and the next. */
  bodyIds(): BlockId[] {
    return this.bodies.ids();
  }

  /** A block with a verified commit. Resolves when the height is applied, by this or another way. */
  decide(body: Body, commit: Commit): Promise<void> {
    const { height } = body.block.header;
    if (this.components.chain.state.height >= height) return Promise.resolve();
    this.bodies.keep(body);
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
      if (this.inbox.isEmpty) {
        await this.inbox.arrival();
        continue;
      }
      await this.effects.perform(await this.consume());
    }
  }

  /** Logs and hands over queued inputs, up to and including the one that decides the height. */
  private async consume(): Promise<Effect[]> {
    const effects: Effect[] = [];
    const records: Uint8Array[] = [];
    this.inbox.take(INPUTS_PER_TURN, (unstamped) => {
      const input = { ...unstamped, now: this.components.clock.now() } as Input;
      const record = this.leavesOut(input) ? undefined : encodeWalRecord(input, this.recordParts);
      if (record !== undefined) records.push(record);
      const produced = this.handle(input);
      effects.push(...produced);
      return produced.some(({ kind }) => kind === 'commit') ? 'enough' : 'more';
    });
    if (records.length > 0) await this.log.append(records);
    return dropSuperseded(effects);
  }

  private handle(input: Input): readonly Effect[] {
    const { consensus, clock } = this.components;
    const effects = consensus.handle(input);
    this.bodies.prune(input, consensus);
    this.trace(input, effects);
    this.stepTimes.look(consensus);
    if (input.kind === 'proposal' || input.kind === 'blockBuilt') this.proposedMs ??= clock.monotonicMs();
    return effects;
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

  private async commit(block: Block, commit: Commit): Promise<void> {
    const { chain, clock, onApplied } = this.components;
    const applied = await chain.apply(this.bodies.of(block), commit, this.proposedMs ?? clock.monotonicMs());
    this.proposedMs = undefined;
    this.timers.cancelAll();
    this.bodies.heightApplied(chain.state.height);
    this.inbox.dropBlocksUpTo(chain.state.height);
    this.workAnnounced = false;
    await this.log.heightApplied(chain.state.height);
    this.inbox.pushUrgent({ kind: 'newHeight', context: chain.heightContext() });
    await this.signing.beginHeight(clock.now());
    onApplied(applied);
    this.outlet?.heightStarted(chain.state.height + 1);
    this.resolveWaiters(chain.state.height);
    if (chain.hasWork()) this.workAvailable();
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
    await this.log.started(this.components.chain.state.height);
    if (recovered.started) await this.goOn(recovered);
    else this.inbox.pushUrgent({ kind: 'newHeight', context: this.components.chain.heightContext() });
    await this.signing.beginHeight(this.components.clock.now());
  }

  private async goOn({ bodies, lostSignatures, effects }: RecoveredHeight): Promise<void> {
    for (const body of bodies) this.bodies.keep(body);
    this.log.isDirty = true;
    for (const request of lostSignatures) this.submit({ kind: 'signRefused', ...request });
    await this.effects.perform(effects);
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
