import type { BlockExecution } from '#app/contract.ts';
import type { Ledger } from '#app/ledger.ts';
import type { DecodedTx } from '#app/tx.ts';
import type { HeightContext } from '#consensus/input.ts';
import type { Verifier } from '#crypto/verifier.ts';
import { misbehaviorOf } from '#evidence/misbehavior.ts';
import type { Indexer } from '#indexer/indexer.ts';
import type { Clock } from '#ports/clock.ts';
import type { KeyValue, WriteBatch } from '#ports/key-value.ts';
import type { State } from '#state/state.ts';
import type { StagedVersion } from '#state/store.ts';
import type { BlockStore } from '#storage/block-store.ts';
import type { Logger } from '#telemetry/logger.ts';
import type { NodeMetrics } from '#telemetry/node-metrics.ts';
import { type Block, hashTxs } from '#types/block.ts';
import { blockIdKey } from '#types/block-id.ts';
import { type Commit, hashCommit, MAX_COMMIT_OVERHEAD_BYTES, MAX_COMMIT_SIG_BYTES } from '#types/commit.ts';
import { type CommitVerification, verifyCommit, verifyCommitLight } from '#types/commit-verification.ts';
import { type Evidence, encodeEvidenceList, hashEvidenceList } from '#types/evidence.ts';
import { BLOCK_PROTOCOL } from '#types/limits.ts';
import { blockBytesMax, hashConsensusParams } from '#types/params.ts';
import { hashResults } from '#types/results.ts';
import { assert } from '#util/assert.ts';
import type { BrokenRule } from '#util/broken-rule.ts';
import { BizraError, MachineError } from '#util/errors.ts';
import type { Pause } from '#util/pause.ts';
import { validateBlock } from './block-validation.ts';
import { type Body, makeBody } from './body.ts';
import { advance, type ChainState } from './chain-state.ts';
import { writeChainState } from './chain-store.ts';
import { chainHistory } from './evidence-history.ts';
import type { EvidencePool, StagedEvidence } from './evidence-pool.ts';
import type { EvidenceRules } from './evidence-validation.ts';
import { ProposalBudget } from './proposal-budget.ts';
import { workSlice } from './work-slice.ts';

/** Framing of a block and its header at most (wire-formats 2): 11 and 626 bytes. */
const MAX_OVERHEAD_BYTES = 637;

/** The mempool as block making needs it. */
export interface TxSupply {
  /** Pending transactions in order, of at most this many framed bytes and this much gas (below 0: no limit). */
  reap(maxBytes: number, maxGas: bigint): DecodedTx[];
  hasWork(): boolean;
  get(hash: Uint8Array): DecodedTx | undefined;
  /** The head moved: called in the same synchronous stretch. `signers` are the accounts that the block charged. */
  update(
    height: number,
    txs: readonly { readonly hash: Uint8Array; readonly code: number }[],
    signers: readonly string[],
  ): void;
}

/** The ledger as far as blocks need it. */
export type BlockApp = Pick<Ledger, 'decode' | 'execute'>;

/** A height that is on disk, as told to whoever listens. */
export interface AppliedHeight {
  readonly body: Body;
  readonly commit: Commit;
  readonly execution: BlockExecution;
  readonly state: ChainState;
  /** What this node can prove since this height, of validators of it or before. */
  readonly newEvidence: readonly Evidence[];
}

interface Executed {
  readonly execution: BlockExecution;
  readonly staged: StagedVersion;
  /** The height's batch, begun. */
  readonly batch: WriteBatch;
}

interface Speculation {
  readonly key: string;
  readonly executed: Promise<Executed>;
  /** Resolves when `executed` has settled, either way. */
  readonly settled: Promise<void>;
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
  private readonly decodedTxs = new WeakMap<Body, readonly (DecodedTx | undefined)[]>();
  private readonly budget = new ProposalBudget();
  private busy: Promise<void> | undefined;
  private speculation: Speculation | undefined;

  constructor(components: ChainComponents, current: ChainState, lastCommit: Commit | undefined) {
    this.components = components;
    this.current = current;
    this.lastCommit = lastCommit;
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
    const { supply, evidence } = this.components;
    return supply.hasWork() || evidence.hasWork(this.maxEvidenceBytes());
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

  /** A fresh block on top of the head with what the mempool has, smaller in late rounds. */
  build(round: number, lastCommit: Commit, time: bigint): Body {
    const { address } = this.components;
    assert(address !== undefined, 'only a validator builds blocks');
    const { params } = this.current;
    const evidence = this.components.evidence.reap(this.maxEvidenceBytes());
    const txs = this.reap(round, encodeEvidenceList(evidence).length);
    const txHashes = txs.map(({ hash }) => hash);
    const block: Block = {
      header: {
        version: { block: BLOCK_PROTOCOL, app: params.version.app },
        chainId: this.current.chainId,
        height: this.current.height + 1,
        time,
        lastBlockId: this.current.lastBlockId,
        lastCommitHash: hashCommit(lastCommit),
        dataHash: hashTxs(txHashes),
        validatorsHash: this.current.validators.hash(),
        nextValidatorsHash: this.current.nextValidators.hash(),
        consensusHash: hashConsensusParams(params),
        appHash: this.current.appHash,
        lastResultsHash: this.current.lastResultsHash,
        evidenceHash: hashEvidenceList(evidence),
        proposerAddress: address,
      },
      txs: txs.map(({ bytes }) => bytes),
      evidence,
      lastCommit,
    };
    return makeBody(block, txHashes);
  }

  /** What the budget allows; a transaction that is larger than that goes alone. */
  private reap(round: number, evidenceBytes: number): DecodedTx[] {
    const { supply } = this.components;
    const limit = this.maxDataBytes() - evidenceBytes;
    const maxGas = BigInt(this.current.params.block.maxGas);
    const txs = supply.reap(this.budget.bytes(round, limit), maxGas);
    return txs.length > 0 || !supply.hasWork() ? txs : supply.reap(limit, maxGas).slice(0, 1);
  }

  /** `valid(v)` for a block on top of the head. */
  async isValid(body: Body): Promise<boolean> {
    const { verifier, logger } = this.components;
    const { state } = this;
    try {
      await validateBlock(
        verifier,
        state,
        body,
        (index) => this.decoded(body)[index]?.gasWanted,
        this.evidenceRules(state),
        this.verifyCommit,
      );
      return true;
    } catch (error) {
      if (!(error instanceof BizraError) || error instanceof MachineError) throw error;
      logger.warn('a proposed block is invalid', {
        height: body.block.header.height,
        code: error.code,
        reason: error.message,
      });
      return false;
    }
  }

  /** Begins to execute a block that will probably be decided. Nothing of it shows before `apply`. */
  speculate(body: Body): void {
    const key = blockIdKey(body.blockId);
    if (this.speculation?.key === key || body.block.header.height !== this.current.height + 1) return;
    const executed = this.dropSpeculation().then(() => this.execute(body));
    const settled = executed.then(
      () => {},
      // A failure is met by `apply`, which awaits `executed`.
      () => {},
    );
    this.speculation = { key, executed, settled };
  }

  /** While a block is being executed or applied: the end of that. Work that can wait does, so that the chain goes on. */
  get applying(): Promise<void> | undefined {
    return this.busy ?? this.speculation?.settled;
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
      const txBytes = body.block.txs.reduce((sum, tx) => sum + tx.length, 0);
      this.budget.heightApplied(txBytes, commit.round, this.components.clock.monotonicMs() - proposedMs);
      return applied;
    } finally {
      this.busy = undefined;
      done.resolve();
    }
  }

  private async applyNow(body: Body, commit: Commit): Promise<AppliedHeight> {
    const { header } = body.block;
    assert(header.height === this.current.height + 1, 'heights are applied in order');
    const executed = await this.executed(body);
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
      this.decoded(body).flatMap((tx) => tx?.signers.map(({ key }) => key) ?? []),
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

  /** Evidence goes first: transactions get what it leaves. */
  private maxEvidenceBytes(): number {
    return Math.min(this.current.params.evidence.maxBytes, this.maxDataBytes());
  }

  private async executed(body: Body): Promise<Executed> {
    const { speculation } = this;
    if (speculation?.key === blockIdKey(body.blockId)) {
      this.speculation = undefined;
      return speculation.executed;
    }
    await this.dropSpeculation();
    return this.execute(body);
  }

  /** Resolves when nothing is being executed on the head any more: the head may then move. */
  private async dropSpeculation(): Promise<void> {
    const { speculation } = this;
    this.speculation = undefined;
    if (speculation === undefined) return;
    const { staged, batch } = await speculation.executed;
    this.components.state.discard(staged);
    await batch.discard();
  }

  private async execute(body: Body): Promise<Executed> {
    const { ledger, state, clock, metrics } = this.components;
    const { header, txs, evidence, lastCommit } = body.block;
    const startMs = clock.monotonicMs();
    const pause = workSlice(clock);
    const request = {
      height: header.height,
      time: header.time,
      proposerAddress: header.proposerAddress,
      txs,
      lastCommit,
      lastValidators: this.current.lastValidators,
      nextValidators: this.current.nextValidators,
      misbehavior: misbehaviorOf(evidence),
    };
    const execution = await ledger.execute(request, {
      decoded: (index) => this.decoded(body)[index],
      prefetch: (pairs) => state.prefetch(pairs),
      pause,
    });
    const staged = await state.stage(header.height, execution.changes);
    const batch = await this.beginBatch(body, execution, pause);
    metrics?.state.blockProcessingTime.observe(clock.monotonicMs() - startMs);
    return { execution, staged, batch };
  }

  /** The part of the height's batch that depends on its execution alone: written while precommits travel. */
  private async beginBatch(body: Body, execution: BlockExecution, pause: Pause): Promise<WriteBatch> {
    const { txResults, blockEvents, validatorUpdates } = execution;
    const { kv, blockStore, indexer } = this.components;
    const { height } = body.block.header;
    const batch = kv.batch();
    await blockStore.putResults(batch, height, { txResults, blockEvents, validatorUpdates }, body.block.txs, pause);
    await indexer.index(batch, { height, txHashes: body.txHashes, txResults, blockEvents }, pause);
    return batch;
  }

  /** Each transaction as the mempool decoded it, or decoded now; undefined where the bytes are none. */
  private decoded(body: Body): readonly (DecodedTx | undefined)[] {
    const known = this.decodedTxs.get(body);
    if (known !== undefined) return known;
    const { ledger, supply } = this.components;
    const txs = body.block.txs.map((tx, index) => {
      const hash = body.txHashes[index] as Uint8Array;
      return supply.get(hash) ?? ledger.decode(tx, hash);
    });
    this.decodedTxs.set(body, txs);
    return txs;
  }

  /** Framed bytes of transactions and evidence that fit into a block whose last commit every validator signed. */
  maxDataBytes(): number {
    const { params, validators, lastValidators } = this.current;
    const signers = Math.max(validators.size, lastValidators?.size ?? 0);
    return blockBytesMax(params) - MAX_OVERHEAD_BYTES - MAX_COMMIT_OVERHEAD_BYTES - MAX_COMMIT_SIG_BYTES * signers;
  }
}
