import type { ChainState } from '#engine/chain-state.ts';
import { workSlice } from '#engine/work-slice.ts';
import type { Indexer, RowDeletes } from '#indexer/indexer.ts';
import type { Clock } from '#ports/clock.ts';
import type { KeyValue } from '#ports/key-value.ts';
import type { UndoPruner } from '#state/undo-pruner.ts';
import type { BlockPruner, PrunedHeight } from '#storage/block-pruner.ts';
import type { BlockStore } from '#storage/block-store.ts';
import { SlicedDeletes } from '#storage/sliced-deletes.ts';
import type { Logger } from '#telemetry/logger.ts';
import { txHash } from '#types/block.ts';
import { MachineError } from '#util/errors.ts';
import type { Pause } from '#util/pause.ts';
import { PruneCompaction } from './prune-compaction.ts';
import { blockBase, headerBase, undoBase, undoBaseWithin } from './prune-limits.ts';
import { type PaceLimits, PrunePace } from './prune-pace.ts';

/** What a pruner may take while the node runs: a tenth of the thread, and up to a third when it is far behind. */
const PACE: PaceLimits = { rowsPerSecond: 50_000, shareMin: 0.1, shareMax: 0.33 };
/** It is far behind when as many heights as this part of what is kept, or so many, are still there. */
const BEHIND_PART = 0.1;
const BEHIND_MIN = 10;
/** The bases are raised in steps of this part of what is kept, because each step is a synced write. */
const STEP_PART = 64;
const STEP_MAX = 100;

export interface PruningComponents {
  readonly kv: KeyValue;
  readonly undo: UndoPruner;
  readonly blockStore: BlockStore;
  readonly indexer: Indexer;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly chainState: () => ChainState;
  /** Lowest height whose block somebody needs who begins with a snapshot of this node; undefined for none. */
  readonly neededFrom: () => number | undefined;
  /** While the chain is at work: the end of that. */
  readonly moreUrgent: () => Promise<void> | undefined;
  /** While a height is being written: the end of that. */
  readonly writing: () => Promise<void> | undefined;
  readonly onFatal: (error: unknown) => void;
}

export interface PruningOptions {
  /** Nothing is ever forgotten. */
  readonly archive: boolean;
  /** Past heights whose state is kept. */
  readonly undoHeights: number;
  /** Bytes that their undo rows may take. */
  readonly undoBytesMax: number;
  /** Blocks that are kept; 0 for all. */
  readonly retainBlocks: number;
}

/** What `prune` has done so far. */
export interface Pruned {
  /** Heights of which something was deleted: state, block or header. */
  readonly steps: number;
  readonly rows: number;
}

/**
 * Forgets old heights beside the chain: raises the bases durably, then deletes what is below them, the lowest height
 * first, in small batches and within its share of each second. What is not as it should be is logged and passed over.
 */
export class Pruning {
  private readonly components: PruningComponents;
  /** What it keeps when nobody asks for something else. */
  readonly limits: PruningOptions;
  private readonly pace: PrunePace;
  private readonly blocks: BlockPruner;
  private readonly compaction: PruneCompaction;
  private running: Promise<void> | undefined;
  private stopping = false;

  constructor(components: PruningComponents, limits: PruningOptions) {
    this.components = components;
    this.limits = limits;
    this.pace = new PrunePace(components, PACE);
    this.blocks = components.blockStore.pruner();
    this.compaction = new PruneCompaction(components.kv);
  }

  /** After a height was applied, and at the start, for what an earlier run has left. */
  applied(): void {
    if (this.limits.archive || this.stopping || this.running !== undefined) return;
    this.running = this.run()
      .catch((error: unknown) => this.failed(error))
      .finally(() => {
        this.running = undefined;
      });
  }

  /** Resolves when nothing is deleted any more. */
  async stop(): Promise<void> {
    this.stopping = true;
    this.pace.stop();
    await this.running;
    await this.compaction.stop();
  }

  /** Forgets now what these limits do not keep, without a budget, and gives the space back. Throws what goes wrong. */
  async prune(options: PruningOptions, onProgress: (pruned: Pruned) => void, signal?: AbortSignal): Promise<Pruned> {
    while (this.running !== undefined) await this.running;
    let pruned: Pruned = { steps: 0, rows: 0 };
    const work = async (): Promise<void> => {
      const { clock, kv } = this.components;
      const deletes = new SlicedDeletes(kv, async (_rows, write) => {
        await write();
        await clock.yield();
      });
      const pause = workSlice(clock);
      const goesOn = (): boolean => signal?.aborted !== true && !this.stopping;
      // An earlier run may have left something below bases that are where they should be.
      await flushed(deletes, async () => {
        for (let raised = true; raised && goesOn(); ) {
          raised = await this.raise(options, 1);
          while (goesOn() && (await this.step(deletes, pause))) {
            pruned = { steps: pruned.steps + 1, rows: deletes.rows };
            onProgress(pruned);
          }
        }
      });
      if (goesOn()) await this.compaction.everything();
    };
    const done = work();
    this.running = done
      .catch(() => {})
      .finally(() => {
        this.running = undefined;
      });
    await done;
    return pruned;
  }

  private async run(): Promise<void> {
    const { kv } = this.components;
    const { pace } = this;
    const deletes = new SlicedDeletes(kv, (rows, write) => pace.write(rows, write));
    const pause: Pause = () => pace.pause();
    await this.raise(this.limits, STEP_MAX);
    pace.begin();
    await flushed(deletes, async () => {
      do {
        pace.setBehind(this.behind());
        this.giveBack();
        await pause();
      } while (!this.stopping && (await this.step(deletes, pause)));
    });
    this.giveBack();
  }

  private giveBack(): void {
    if (this.stopping) return;
    const { blockStore, undo } = this.components;
    const { retainBlocks: blocks, undoHeights: states } = this.limits;
    const kept = { blockBase: blockStore.base, stateBase: undo.base, blocks, states };
    this.compaction.begin(kept, (error) => this.failed(error));
  }

  /** Raises the bases to where the limits say. False when they are there already, or nearly. */
  private async raise(options: PruningOptions, stepMax: number): Promise<boolean> {
    const states = await this.raiseUndo(options, stepMax);
    const blocks = await this.raiseBlocks(options, stepMax);
    return states || blocks;
  }

  private async raiseUndo({ archive, undoHeights, undoBytesMax }: PruningOptions, stepMax: number): Promise<boolean> {
    if (archive) return false;
    const { undo, clock } = this.components;
    const head = this.components.chainState().height;
    const range = { base: undo.base, head };
    let base = undoBase(range, undoHeights);
    const bytesUpTo = (height: number): number => undo.bytesUpTo(height);
    if (bytesUpTo(head) - bytesUpTo(base) > undoBytesMax) {
      base = await undoBaseWithin({ base, head }, undoBytesMax, bytesUpTo, () => clock.yield());
    }
    if (base - undo.base < stepOf(head - base, stepMax)) return false;
    await undo.raise(base);
    return true;
  }

  private async raiseBlocks({ archive, retainBlocks }: PruningOptions, stepMax: number): Promise<boolean> {
    const { blockStore, neededFrom } = this.components;
    const { base, head } = blockStore;
    if (archive || head === 0 || base > head) return false;
    const { height, lastBlockTime: time, params } = this.components.chainState();
    const needed = neededFrom();
    const nextBase = blockBase({ base, head: height }, retainBlocks, needed);
    const from = { headerBase: blockStore.headerBase, base: nextBase };
    const timeOf = (of: number) => blockStore.meta(of)?.header.time;
    const expired = headerBase(from, { height, time }, params.evidence, timeOf);
    // Whoever begins with a snapshot asks for the headers of its height, too.
    const nextHeaders = Math.max(from.headerBase, Math.min(expired, (needed ?? Number.POSITIVE_INFINITY) - 1));
    const risen = Math.max(nextBase - base, nextHeaders - from.headerBase);
    if (risen < stepOf(height - nextBase, stepMax)) return false;
    await blockStore.raise(nextBase, nextHeaders);
    return true;
  }

  /** 1 for far behind the limits. */
  private behind(): number {
    const { undo, blockStore, chainState, neededFrom } = this.components;
    const { retainBlocks, undoHeights } = this.limits;
    const { height: head } = chainState();
    const { nextBlock = blockStore.base } = this.blocks;
    const blocks = blockBase({ base: blockStore.base, head }, retainBlocks, neededFrom()) - nextBlock;
    const states = undoBase({ base: undo.base, head }, undoHeights) - undo.base + undo.left;
    const far = (kept: number): number => Math.max(BEHIND_MIN, kept * BEHIND_PART);
    return Math.max(blocks / far(retainBlocks), states / far(undoHeights));
  }

  /** Deletes what one height left behind. False when there is nothing to do. */
  private async step(deletes: SlicedDeletes, pause: Pause): Promise<boolean> {
    const { undo } = this.components;
    const { rows } = deletes;
    if (await undo.sweep(deletes, (height, error) => this.odd(height, error), pause)) {
      this.compaction.stateDeleted(deletes.rows - rows);
      return true;
    }
    const height = this.blocks.nextBlock;
    if (height === undefined) return this.blocks.deleteHeader(deletes);
    const found = await this.read(height, pause);
    if (found !== undefined) await this.forgetIndex(height, found, deletes, pause);
    await this.blocks.deleteBlock(height, found?.block, deletes);
    const txBytes = found?.block.txs.reduce((bytes, tx) => bytes + tx.length, 0) ?? 0;
    this.compaction.blockDeleted(deletes.rows - rows, txBytes);
    return true;
  }

  private async read(height: number, pause: Pause): Promise<PrunedHeight | undefined> {
    try {
      return await this.blocks.read(height, pause);
    } catch (error) {
      if (!(error instanceof MachineError) || error.code !== 'damaged') throw error;
      // Its index rows stay: nothing tells which they are, and nothing follows them any more.
      this.odd(height, error);
      return undefined;
    }
  }

  private async forgetIndex(
    height: number,
    { block, results }: PrunedHeight,
    deletes: SlicedDeletes,
    pause: Pause,
  ): Promise<void> {
    const txHashes: Uint8Array[] = [];
    for (const tx of block.txs) {
      txHashes.push(txHash(tx));
      await pause();
    }
    const { indexer, writing } = this.components;
    const rows: RowDeletes = {
      delete: (key) => deletes.delete(key),
      flush: () => deletes.flush(),
      whenQuiet: async () => {
        for (let busy = writing(); busy !== undefined; busy = writing()) await busy;
      },
    };
    await indexer.forget({ height, txHashes, ...results }, rows, pause);
  }

  private odd(height: number, error: MachineError): void {
    this.components.logger.warn('a height could not be pruned whole: some of its rows stay', {
      height,
      reason: error.message,
    });
  }

  /** The chain goes on without pruning, unless the disk is at fault. */
  private failed(error: unknown): void {
    const { logger, onFatal } = this.components;
    if (error instanceof MachineError && error.code === 'damaged') logger.error('pruning failed', { reason: error });
    else onFatal(error);
  }
}

/** What counts as deleted is written, also when a later step fails: nobody comes back to it. */
async function flushed(deletes: SlicedDeletes, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } finally {
    await deletes.flush();
  }
}

function stepOf(kept: number, max: number): number {
  return Math.min(max, Math.max(1, Math.floor(kept / STEP_PART)));
}
