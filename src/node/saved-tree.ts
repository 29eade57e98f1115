import { workSlice } from '#engine/work-slice.ts';
import type { Clock } from '#ports/clock.ts';
import type { StreamedFile } from '#ports/files.ts';
import type { LoadingEvent } from '#state/open-tree.ts';
import type { State } from '#state/state.ts';
import { NO_COPY } from '#state/tree-copy/read.ts';
import type { Logger } from '#telemetry/logger.ts';
import { BizraError } from '#util/errors.ts';
import type { Pause } from '#util/pause.ts';

/** A copy ages by what blocks change: one of ten minutes ago still saves most of the work after a crash. */
const SAVE_INTERVAL_MS = 600_000;
/** A smaller tree is built from its leaves before anybody waits. */
const LEAVES_MIN = 50_000;
/** Stretch of work, and rest behind it: a quarter of a core. */
const SLICE_MS = 1;
const REST_MS = 3;

export interface SavedTreeComponents {
  readonly file: StreamedFile;
  readonly state: State;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onFatal: (error: unknown) => void;
}

export interface SavedTreeOptions {
  readonly leavesMin?: number;
  readonly saveIntervalMs?: number;
}

/**
 * Keeps a copy of the state's tree beside the database, so that the next start need not read all leaves, and verifies
 * the leaves after such a start.
 */
export class SavedTree {
  private readonly components: SavedTreeComponents;
  private readonly options: Required<SavedTreeOptions>;
  private running: Promise<void> | undefined;
  private stopping = false;
  private saveAtMs = 0;

  constructor(components: SavedTreeComponents, options: SavedTreeOptions = {}) {
    this.components = components;
    this.options = {
      leavesMin: options.leavesMin ?? LEAVES_MIN,
      saveIntervalMs: options.saveIntervalMs ?? SAVE_INTERVAL_MS,
    };
  }

  /** Begins to verify what the start did not read. */
  start(): void {
    const { state, clock } = this.components;
    if (state.savedHeight === undefined) return;
    this.saveAtMs = clock.monotonicMs() + this.options.saveIntervalMs;
    this.run(() => this.verify());
  }

  /** After a height was applied. */
  applied(): void {
    if (this.stopping || this.running !== undefined || !this.isWorthSaving()) return;
    const { clock } = this.components;
    if (clock.monotonicMs() < this.saveAtMs) return;
    this.saveAtMs = clock.monotonicMs() + this.options.saveIntervalMs;
    this.run(() => this.save(this.restingPause()));
  }

  /** Once nothing is being saved or verified. */
  async idle(): Promise<void> {
    await this.running;
  }

  /** Ends what is under way; `save` the tree as it is at the end, unless something is wrong with this machine. */
  async stop({ save }: { readonly save: boolean }): Promise<void> {
    this.stopping = true;
    await this.running;
    if (!save || !this.isWorthSaving()) return;
    this.run(() => this.save(workSlice(this.components.clock)));
    await this.running;
  }

  private isWorthSaving(): boolean {
    const { state } = this.components;
    return state.savedHeight !== state.height && state.leaves >= this.options.leavesMin;
  }

  private run(work: () => Promise<void>): void {
    const { logger } = this.components;
    this.running = work()
      .catch((error: unknown) => {
        if (error instanceof Stopped) return;
        // Without a copy the next start takes longer, and that is all.
        if (!(error instanceof BizraError)) throw error;
        logger.warn('the state tree was not saved', { reason: error.message });
      })
      .catch(this.components.onFatal)
      .finally(() => {
        this.running = undefined;
      });
  }

  private async save(pause: Pause): Promise<void> {
    const { state, file, clock, logger } = this.components;
    const startMs = clock.monotonicMs();
    const { leaves } = state;
    const height = await state.saveTree(file, pause);
    logger.info('saved the state tree', { height, leaves, ms: Math.round(clock.monotonicMs() - startMs) });
  }

  private async verify(): Promise<void> {
    const { state, clock, logger, onFatal } = this.components;
    const startMs = clock.monotonicMs();
    try {
      const leaves = await state.verifyLeaves(this.restingPause());
      logger.info('verified the stored state', { leaves, ms: Math.round(clock.monotonicMs() - startMs) });
    } catch (error) {
      if (error instanceof Stopped) throw error;
      onFatal(error);
    }
  }

  private restingPause(): Pause {
    const { clock } = this.components;
    let startMs = clock.monotonicMs();
    const rest = async (): Promise<void> => {
      await new Promise<void>((resolve) => clock.setTimer(REST_MS, resolve));
      if (this.stopping) throw new Stopped();
      startMs = clock.monotonicMs();
    };
    return () => (clock.monotonicMs() - startMs < SLICE_MS ? undefined : rest());
  }
}

/** The node ends while something was under way. */
class Stopped extends Error {}

/** Says in the log how the tree comes into memory, which takes long where there are many leaves. */
export function loadingLog(clock: Clock, logger: Logger): (event: LoadingEvent) => void {
  const startMs = clock.monotonicMs();
  return (event) => {
    const ms = Math.round(clock.monotonicMs() - startMs);
    if (event.kind === 'unusable') {
      // A small state never has one.
      const level = event.reason === NO_COPY ? 'debug' : 'info';
      logger[level]('the saved state tree is of no use', { reason: event.reason, ms });
    } else if (event.kind === 'progress') {
      logger.info('building the state tree', { leaves: event.leaves, ms });
    } else {
      const level = event.leaves < LEAVES_MIN ? 'debug' : 'info';
      logger[level]('state loaded', { from: event.source, leaves: event.leaves, heights: event.heights, ms });
    }
  };
}
