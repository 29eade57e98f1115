import type { Clock } from '#ports/clock.ts';
import type { SnapshotArchive, SnapshotInfo } from '#state/snapshot/archive.ts';
import type { PinnedState } from '#state/snapshot/pinned-state.ts';
import type { State } from '#state/state.ts';
import type { Logger } from '#telemetry/logger.ts';
import { AssertionError } from '#util/assert.ts';
import { BizraError } from '#util/errors.ts';
import type { Pause } from '#util/pause.ts';
import type { SnapshotTotals } from './snapshot-record.ts';
import type { SnapshotStore } from './snapshot-store.ts';

/** Longest stretch of work on a snapshot; consensus frames come first. */
const SLICE_MS = 1;
/**
 * Longest wait for the chain between two stretches. A chain that is never idle would else keep a snapshot, and what it
 * pins, for ever; one part in twenty of its time does not slow it down.
 */
const WAIT_MS = 20;

export interface SnapshotsComponents {
  readonly store: SnapshotStore;
  readonly state: State;
  readonly clock: Clock;
  readonly logger: Logger;
  /** While the chain is at work: the end of that. A snapshot waits for it. */
  readonly moreUrgent: () => Promise<void> | undefined;
  readonly onFatal: (error: unknown) => void;
}

export interface SnapshotsOptions {
  /** Heights that are multiples of this get one, the same on all nodes; 0 for none. */
  readonly interval: number;
  /** So many of those stay; others stay until somebody deletes them. */
  readonly keepRecent: number;
}

export interface CreateOptions {
  /** Aborted: nobody waits for it any more. */
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((made: SnapshotTotals) => void) | undefined;
}

/** Makes snapshots beside the chain and deletes old ones. One at a time. */
export class Snapshots {
  private readonly components: SnapshotsComponents;
  private readonly options: SnapshotsOptions;
  private running: Promise<unknown> | undefined;
  private stopping = false;

  constructor(components: SnapshotsComponents, options: SnapshotsOptions) {
    this.components = components;
    this.options = options;
  }

  get archive(): SnapshotArchive {
    return this.components.store;
  }

  /** After a height was applied, before anything of the next is written. */
  applied(height: number): void {
    const { interval } = this.options;
    if (interval === 0 || height % interval !== 0 || this.stopping) return;
    const { state, logger, onFatal } = this.components;
    const pinned = state.pin();
    if (pinned === undefined) {
      logger.warn('no snapshot: the one before it is not finished', { height });
      return;
    }
    if (pinned.height !== height) {
      void pinned.release();
      logger.warn('no snapshot: the chain has gone on', { height, head: pinned.height });
      return;
    }
    const made = this.run(pinned).then(() => this.deleteOld());
    this.running = made.catch((error: unknown) => {
      if (error instanceof AssertionError) onFatal(error);
      else if (!this.stopping)
        logger.warn('a snapshot failed', { height, reason: error instanceof Error ? error.message : String(error) });
    });
  }

  /** Makes one of the head, now. Throws BizraError 'snapshot_busy', and what `SnapshotStore.make` throws. */
  async create(options: CreateOptions = {}): Promise<SnapshotInfo> {
    const pinned = this.stopping ? undefined : this.components.state.pin();
    if (pinned === undefined)
      throw new BizraError('snapshot_busy', 'another snapshot is being made: wait until it is listed');
    const made = this.run(pinned, options);
    this.running = made.catch(() => undefined);
    return made;
  }

  /** Throws BizraError 'snapshot_missing'. */
  async delete(height: number): Promise<void> {
    await deleteSnapshot(this.components.store, height);
  }

  /** Once nothing is being made or deleted. */
  async idle(): Promise<void> {
    await this.running;
  }

  /** Ends what is under way. */
  async stop(): Promise<void> {
    this.stopping = true;
    await this.running;
  }

  private async run(pinned: PinnedState, { signal, onProgress }: CreateOptions = {}): Promise<SnapshotInfo> {
    const { store, clock, logger } = this.components;
    const startMs = clock.monotonicMs();
    try {
      const info = await store.make(pinned, { pause: this.pause(signal), onProgress });
      const ms = Math.round(clock.monotonicMs() - startMs);
      const { height, chunks, leaves, storedBytes } = info;
      logger.info('snapshot', { height, chunks, leaves, bytes: storedBytes, ms });
      return info;
    } finally {
      await pinned.release();
    }
  }

  private async deleteOld(): Promise<void> {
    const { interval, keepRecent } = this.options;
    const { store } = this.components;
    const own = store.list().filter(({ height }) => height % interval === 0);
    for (const { height } of own.slice(keepRecent)) await store.delete(height);
  }

  private async yieldTo(work: Promise<void> | undefined): Promise<void> {
    if (work === undefined) return;
    const over = Promise.withResolvers<void>();
    const timer = this.components.clock.setTimer(WAIT_MS, over.resolve);
    void work.then(over.resolve, over.resolve);
    await over.promise;
    timer.cancel();
  }

  /** Whatever the chain does goes first. */
  private pause(signal: AbortSignal | undefined): Pause {
    const { clock, moreUrgent } = this.components;
    let startMs = clock.monotonicMs();
    const next = async (): Promise<void> => {
      await clock.yield();
      await this.yieldTo(moreUrgent());
      if (this.stopping) throw new BizraError('snapshot_stopped', 'the node stops');
      if (signal?.aborted === true)
        throw new BizraError('cancelled', 'the snapshot was cancelled: nothing was kept of it');
      startMs = clock.monotonicMs();
    };
    return () => (clock.monotonicMs() - startMs < SLICE_MS ? undefined : next());
  }
}

/** Throws BizraError 'snapshot_missing'. */
export async function deleteSnapshot(store: SnapshotStore, height: number): Promise<void> {
  if (await store.delete(height)) return;
  throw new BizraError('snapshot_missing', `there is no snapshot at height ${height}`);
}
