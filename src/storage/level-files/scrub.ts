import { setImmediate as immediate, setTimeout as wait } from 'node:timers/promises';
import { MachineError } from '#util/errors.ts';
import { STEP_BLOCKS, type TableGuard } from './table-guard.ts';
import type { TableFile } from './version-edit.ts';

/** How often LevelDB's changes are followed when nothing is read: a table must be held before it is merged away. */
const FOLLOW_MS = 200;
/** Between two steps while merged tables wait, and else: some percent of a core, and half a percent of one. */
const MERGED_REST_MS = 20;
const LIVE_REST_MS = 400;
/**
 * Merged tables that may wait. Each takes its space, and each read looks at those that could hold its key: behind so
 * many there is no rest, and behind more the steps are longer.
 */
const BACKLOG_MAX = 4;
const LONGER_STEPS_MAX = 4;

/** Verifies all tables in the background: first those that were merged, then the others, over and over. */
export class Scrub {
  private readonly guard: TableGuard;
  private readonly onDamage: (error: MachineError) => void;
  private readonly stopping = new AbortController();
  private readonly running: Promise<void>;
  /** Reported once. */
  private readonly damaged = new Set<number>();
  private timer: NodeJS.Timeout;

  constructor(guard: TableGuard, onDamage: (error: MachineError) => void) {
    this.guard = guard;
    this.onDamage = onDamage;
    this.timer = setInterval(() => this.attempt(() => guard.refresh()), FOLLOW_MS);
    this.timer.unref();
    this.running = this.run();
  }

  /** What was merged is verified to the end first, at some 2 s a gigabyte: else its space is taken until the next start. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    this.stopping.abort();
    await this.running;
    this.attempt(() => this.guard.refresh());
    await this.verifyMerged(0);
  }

  private async run(): Promise<void> {
    try {
      for (;;) {
        await this.rest(LIVE_REST_MS);
        await this.verifyMerged();
        for (const table of this.guard.liveTables()) {
          await this.verify(table, LIVE_REST_MS);
          await this.verifyMerged();
        }
      }
    } catch (error) {
      if (!this.stopping.signal.aborted) this.report(error);
    }
  }

  private async verifyMerged(restMs = MERGED_REST_MS): Promise<void> {
    for (;;) {
      const table = this.guard.nextMerged(this.damaged);
      if (table === undefined) return;
      const behind = Math.floor(this.guard.backlog / BACKLOG_MAX);
      const steps = STEP_BLOCKS * Math.min(1 + behind, LONGER_STEPS_MAX);
      if (await this.verify(table, behind > 0 ? 0 : restMs, steps)) this.guard.release(table);
    }
  }

  /** False when it is damaged. */
  private async verify(table: TableFile, restMs: number, blocks = STEP_BLOCKS): Promise<boolean> {
    if (this.damaged.has(table.number)) return false;
    let next: number | undefined = 0;
    while (next !== undefined) {
      const first: number = next;
      next = undefined;
      // A live table that was merged meanwhile and released is gone.
      if (!this.guard.has(table)) return true;
      this.attempt(() => {
        next = this.guard.verifyPart(table, first, blocks);
      }, table);
      await this.rest(restMs);
    }
    return !this.damaged.has(table.number);
  }

  private attempt(work: () => void, table?: TableFile): void {
    try {
      work();
    } catch (error) {
      if (table !== undefined) this.damaged.add(table.number);
      this.report(error);
    }
  }

  private report(error: unknown): void {
    this.onDamage(
      error instanceof MachineError ? error : new MachineError('io_failed', String(error), { cause: error }),
    );
  }

  private async rest(ms: number): Promise<void> {
    if (ms === 0) await immediate();
    else await wait(ms, undefined, { ref: false, signal: this.stopping.signal });
  }
}
