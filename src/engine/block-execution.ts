import type { BlockExecution } from '#app/contract.ts';
import type { Ledger } from '#app/ledger.ts';
import { misbehaviorOf } from '#evidence/misbehavior.ts';
import type { Indexer } from '#indexer/indexer.ts';
import type { Clock } from '#ports/clock.ts';
import type { KeyValue, WriteBatch } from '#ports/key-value.ts';
import type { State } from '#state/state.ts';
import type { ChangeSet, StagedVersion } from '#state/store.ts';
import type { BlockStore } from '#storage/block-store.ts';
import type { NodeMetrics } from '#telemetry/node-metrics.ts';
import { blockIdKey } from '#types/block-id.ts';
import type { Pause } from '#util/pause.ts';
import type { Body } from './body.ts';
import type { ChainState } from './chain-state.ts';
import type { DecodedTxs } from './decoded-txs.ts';
import { withEvidenceMarks } from './evidence-marks.ts';
import { isRecordDue, withPriorities } from './priorities-record.ts';
import { workSlice } from './work-slice.ts';

/** The ledger as far as blocks need it. */
export type BlockApp = Pick<Ledger, 'decode' | 'execute'>;

export interface Executed {
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

export interface BlockExecutorComponents {
  readonly kv: KeyValue;
  readonly state: State;
  readonly ledger: BlockApp;
  readonly blockStore: BlockStore;
  readonly indexer: Indexer;
  readonly clock: Clock;
  readonly decoded: DecodedTxs;
  /** What the next block stands on. */
  readonly head: () => ChainState;
  readonly metrics?: NodeMetrics | undefined;
}

/**
 * Executes blocks on the head, most often ahead of their decision: while precommits travel. Nothing of it shows before
 * the height's batch is written.
 */
export class BlockExecutor {
  private readonly components: BlockExecutorComponents;
  private speculation: Speculation | undefined;

  constructor(components: BlockExecutorComponents) {
    this.components = components;
  }

  /** While a block is being executed ahead: the end of that. */
  get underway(): Promise<void> | undefined {
    return this.speculation?.settled;
  }

  /** Begins to execute a block that will probably be decided. */
  speculate(body: Body): void {
    const key = blockIdKey(body.blockId);
    const { height } = this.components.head();
    if (this.speculation?.key === key || body.block.header.height !== height + 1) return;
    const executed = this.dropSpeculation().then(() => this.execute(body));
    const settled = executed.then(
      () => {},
      // A failure is met by `take`, which returns `executed`.
      () => {},
    );
    this.speculation = { key, executed, settled };
  }

  /** The decided block executed: as it was ahead, or now. */
  async take(body: Body): Promise<Executed> {
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
    const { ledger, state, clock, decoded, head, metrics } = this.components;
    const { header, txs, evidence, lastCommit } = body.block;
    const startMs = clock.monotonicMs();
    const pause = workSlice(clock);
    const request = {
      height: header.height,
      time: header.time,
      proposerAddress: header.proposerAddress,
      txs,
      lastCommit,
      lastValidators: head().lastValidators,
      nextValidators: head().nextValidators,
      misbehavior: misbehaviorOf(evidence),
    };
    const execution = await ledger.execute(request, {
      decoded: (index) => decoded.of(body)[index],
      prefetch: (pairs) => state.prefetch(pairs),
      pause,
    });
    const staged = await state.stage(header.height, this.recorded(body, execution));
    const batch = await this.beginBatch(body, execution, pause);
    metrics?.state.blockProcessingTime.observe(clock.monotonicMs() - startMs);
    return { execution, staged, batch };
  }

  /** What the ledger changed, and what the chain's own rules will need to know of this block. */
  private recorded({ block }: Body, { changes, validatorUpdates }: BlockExecution): ChangeSet {
    const { height } = block.header;
    const marked = withEvidenceMarks(changes, height, block.evidence);
    const updates = validatorUpdates.length;
    if (!isRecordDue(height, updates)) return marked;
    const { validators, nextValidators } = this.components.head();
    const updated = nextValidators.withUpdates(validatorUpdates).incremented(1);
    const sets = { height, lastValidators: validators, validators: nextValidators, nextValidators: updated };
    return withPriorities(marked, sets, updates > 0);
  }

  /** The part of the height's batch that depends on its execution alone. */
  private async beginBatch(body: Body, execution: BlockExecution, pause: Pause): Promise<WriteBatch> {
    const { txResults, blockEvents, validatorUpdates } = execution;
    const { kv, blockStore, indexer } = this.components;
    const { height } = body.block.header;
    const batch = kv.batch();
    await blockStore.putResults(batch, height, { txResults, blockEvents, validatorUpdates }, body.block.txs, pause);
    await indexer.index(batch, { height, txHashes: body.txHashes, txResults, blockEvents }, pause);
    return batch;
  }
}
