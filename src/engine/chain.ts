import type { BlockExecution } from '#app/contract.ts';
import type { DecodedTx } from '#app/tx.ts';
import type { HeightContext } from '#consensus/input.ts';
import type { Verdict } from '#consensus/known-blocks.ts';
import type { Verifier } from '#crypto/verifier.ts';
import type { Indexer } from '#indexer/indexer.ts';
import type { Clock } from '#ports/clock.ts';
import type { KeyValue } from '#ports/key-value.ts';
import type { State } from '#state/state.ts';
import type { BlockStore } from '#storage/block-store.ts';
import type { Logger } from '#telemetry/logger.ts';
import type { NodeMetrics } from '#telemetry/node-metrics.ts';
import type { Commit } from '#types/commit.ts';
import { type CommitVerification, verifyCommit, verifyCommitLight } from '#types/commit-verification.ts';
import type { Evidence } from '#types/evidence.ts';
import { hashResults } from '#types/results.ts';
import type { Time } from '#types/time.ts';
import { assert } from '#util/assert.ts';
import type { BrokenRule } from '#util/broken-rule.ts';
import { BizraError, MachineError } from '#util/errors.ts';
import type { Pause } from '#util/pause.ts';
import { BlockBuilder } from './block-building.ts';
import { type BlockApp, BlockExecutor, type Executed } from './block-execution.ts';
import { validateBlock } from './block-validation.ts';
import type { Body } from './body.ts';
import { advance, type ChainState } from './chain-state.ts';
import { writeChainState } from './chain-store.ts';
import { DecodedTxs } from './decoded-txs.ts';
import { chainHistory } from './evidence-history.ts';
import type { EvidencePool, StagedEvidence } from './evidence-pool.ts';
import { EVIDENCE_UNJUDGED, type EvidenceRules } from './evidence-validation.ts';
import type { TxSupply } from './tx-supply.ts';
import { workSlice } from './work-slice.ts';

/** A height that is on disk, as told to whoever listens. */
export interface AppliedHeight {
  readonly body: Body;
  readonly commit: Commit;
  readonly execution: BlockExecution;
  readonly state: ChainState;
  /** What this node can prove since this height, of validators of it or before. */
  readonly newEvidence: readonly Evidence[];
}

export interface ChainComponents {
  readonly kv: KeyValue;
  readonly state: State;
  readonly ledger: BlockApp;
  readonly blockStore: BlockStore;
  readonly indexer: Indexer;
  readonly supply: TxSupply;
  readonly evidence: EvidencePool;
  readonly verifier: Verifier;
  readonly clock: Clock;
  readonly logger: Logger;
  /** This node's validator address, for blocks that it builds. */
  readonly address: Uint8Array | undefined;
  /** For tests of the checkers only. */
  readonly brokenRule?: BrokenRule | undefined;
  readonly metrics?: NodeMetrics | undefined;
}

/** The decided chain: builds, checks, executes and stores blocks. The engine calls it from its one loop. */
export class Chain {
  private readonly components: ChainComponents;
  private current: ChainState;
  private lastCommit: Commit | undefined;
  private readonly decoded: DecodedTxs;
  private readonly builder: BlockBuilder;
  private readonly executor: BlockExecutor;
  private busy: Promise<void> | undefined;

  constructor(components: ChainComponents, current: ChainState, lastCommit: Commit | undefined) {
    this.components = components;
    this.current = current;
    this.lastCommit = lastCommit;
    this.decoded = new DecodedTxs(components);
    this.builder = new BlockBuilder(components);
    this.executor = new BlockExecutor({ ...components, decoded: this.decoded, head: () => this.current });
  }

  /** All signatures, always. */
  get verifyCommit(): CommitVerification {
    return this.components.brokenRule === 'commitSignatures' ? verifyCommitLight : verifyCommit;
  }

  /** What the next block must agree with. */
  get state(): ChainState {
    return this.current;
  }

  /** Whether a block that is built now would carry something. */
  hasWork(): boolean {
    return this.builder.hasWork(this.current);
  }

  /** A fresh block on top of the head. */
  build(round: number, lastCommit: Commit, time: Time): Body {
    return this.builder.build(this.current, round, lastCommit, time);
  }

  heightContext(): HeightContext {
    const { current } = this;
    return {
      chainId: current.chainId,
      height: current.height + 1,
      initialHeight: current.initialHeight,
      validators: current.validators,
      nextValidators: current.nextValidators,
      lastValidators: current.lastValidators,
      lastCommit: this.lastCommit,
      lastBlockTime: current.lastBlockTime,
      proofBlockDue: current.proofBlockDue,
      blockIntervalMinMs: current.blockIntervalMinMs,
      emptyBlockIntervalMs: current.emptyBlockIntervalMs,
      ...(current.params.block.maxBytes > 0 ? { maxBlockBytes: current.params.block.maxBytes } : {}),
    };
  }

  /** `valid(v)` for a block on top of the head. Throws faults of the machine alone. */
  async judge(body: Body): Promise<Verdict> {
    const { verifier, logger } = this.components;
    const { state } = this;
    try {
      await validateBlock(
        verifier,
        state,
        body,
        (index) => this.decoded.of(body)[index]?.gasWanted,
        this.evidenceRules(state),
        this.verifyCommit,
      );
      return 'valid';
    } catch (error) {
      if (!(error instanceof BizraError) || error instanceof MachineError) throw error;
      const verdict = error.code === EVIDENCE_UNJUDGED ? 'unjudged' : 'invalid';
      const { height } = body.block.header;
      logger.warn(`a proposed block is ${verdict}`, { height, code: error.code, reason: error.message });
      return verdict;
    }
  }

  /** The transactions of a block whose turn may come, decoded; undefined where the bytes are none. */
  decodeAhead(body: Body, pause: Pause): Promise<readonly (DecodedTx | undefined)[]> {
    return this.decoded.ahead(body, pause);
  }

  /** Begins to execute a block that will probably be decided. Nothing of it shows before `apply`. */
  speculate(body: Body): void {
    this.executor.speculate(body);
  }

  /** While a height is being applied, its batch included: the end of that. */
  get writing(): Promise<void> | undefined {
    return this.busy;
  }

  /** While a block is being executed or applied: the end of that. Work that can wait does, so that the chain goes on. */
  get applying(): Promise<void> | undefined {
    return this.busy ?? this.executor.underway;
  }

  /**
   * Executes the decided block and writes its height in one synced batch. After it the head is the new height.
   * `proposedMs` is when its proposal was seen, on the monotonic clock.
   */
  async apply(body: Body, commit: Commit, proposedMs: number): Promise<AppliedHeight> {
    const done = Promise.withResolvers<void>();
    this.busy = done.promise;
    try {
      const applied = await this.applyNow(body, commit);
      this.builder.heightApplied(body, commit.round, this.components.clock.monotonicMs() - proposedMs);
      return applied;
    } finally {
      this.busy = undefined;
      done.resolve();
    }
  }

  private async applyNow(body: Body, commit: Commit): Promise<AppliedHeight> {
    const { header } = body.block;
    assert(header.height === this.current.height + 1, 'heights are applied in order');
    const executed = await this.executor.take(body);
    const { execution, staged } = executed;
    const next = advance(
      this.current,
      {
        height: header.height,
        blockId: body.blockId,
        time: header.time,
        hadWork: body.block.txs.length > 0 || body.block.evidence.length > 0 || execution.validatorUpdates.length > 0,
        validatorUpdates: execution.validatorUpdates,
        consensusParams: execution.consensusParams,
        appHash: staged.appHash,
        resultsHash: hashResults(execution.txResults),
      },
      this.components.brokenRule,
    );
    const stagedEvidence = await this.write(body, commit, executed, next);
    this.components.state.publish(staged);
    this.current = next;
    this.lastCommit = commit;
    this.components.supply.update(
      header.height,
      body.txHashes.map((hash, index) => ({ hash, code: execution.txResults[index]?.code ?? 0 })),
      this.decoded.of(body).flatMap((tx) => tx?.signers.map(({ key }) => key) ?? []),
    );
    const newEvidence = this.components.evidence.publish(stagedEvidence);
    return { body, commit, execution, state: next, newEvidence };
  }

  private async write(
    body: Body,
    commit: Commit,
    { staged, batch }: Executed,
    next: ChainState,
  ): Promise<StagedEvidence> {
    const { blockStore, state, evidence, clock, metrics } = this.components;
    blockStore.putHeight(batch, {
      height: body.block.header.height,
      blockId: body.blockId,
      blockBytes: body.bytes,
      block: body.block,
      commit,
      appHash: staged.appHash,
      validators: next.validators,
      params: next.params,
    });
    state.write(batch, staged);
    writeChainState(batch, next);
    const stagedEvidence = await evidence.stage(batch, next, body.block.evidence);
    const startMs = clock.monotonicMs();
    await batch.write({ sync: true });
    metrics?.storage.batchWriteMilliseconds.observe(clock.monotonicMs() - startMs);
    return stagedEvidence;
  }

  private evidenceRules(state: ChainState): EvidenceRules {
    const { blockStore, evidence, clock } = this.components;
    return {
      history: chainHistory(state, blockStore),
      committedAt: (hash) => evidence.committedAt(hash),
      pause: workSlice(clock),
    };
  }
}
