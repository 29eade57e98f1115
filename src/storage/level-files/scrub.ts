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
 * Bytes of merged tables that may wait, since each takes its space and each read looks at those that could hold its key.
 * Behind a quarter of it there is no rest between the steps, which grow with what waits. Behind all of it they are as long
 * as they get, and compactions that are asked for wait; those that LevelDB begins cannot.
 */
export const HELD_BYTES_MAX = 64 * 1024 * 1024;
const NO_REST_BYTES = HELD_BYTES_MAX / 4;
/** Longest step: of 4 MiB, some 8 ms. */
const LONGEST_STEP = 8;

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

  /** Resolves when merged tables leave room for more of them, or it is stopped. Keeps the process: somebody waits. */
  async whenRoom(): Promise<void> {
    while (!this.stopping.signal.aborted && this.guard.heldBytes(this.damaged) > HELD_BYTES_MAX) {
      await wait(MERGED_REST_MS);
    }
  }

  private async run(): Promise<void> {
    try {
      for (;;) {
        await this.rest(LIVE_REST_MS);
        await this.verifyMerged();
        for (const table of this.guard.liveTables()) await this.verifyLive(table);
      }
    } catch (error) {
      if (!this.stopping.signal.aborted) this.report(error);
    }
  }

  /** Merged tables come before each step: one table takes seconds, in which many are merged. */
  private async verifyLive(table: TableFile): Promise<void> {
    for (let next: number | undefined = 0; next !== undefined; ) {
      await this.verifyMerged();
      next = this.verifyStep(table, next, STEP_BLOCKS);
      await this.rest(LIVE_REST_MS);
    }
  }

  private async verifyMerged(restMs = MERGED_REST_MS): Promise<void> {
    for (;;) {
      const table = this.guard.nextMerged(this.damaged);
      if (table === undefined) return;
      for (let next: number | undefined = 0; next !== undefined; ) {
        const behind = Math.floor(this.guard.heldBytes(this.damaged) / NO_REST_BYTES);
        next = this.verifyStep(table, next, STEP_BLOCKS * Math.min(1 + 2 * behind, LONGEST_STEP));
        await this.rest(behind > 0 ? 0 : restMs);
      }
      // A disk that refuses it keeps a name too many until the next start; the others must not wait for that.
      if (!this.damaged.has(table.number)) this.attempt(() => this.guard.release(table));
    }
  }

  /** Where to go on; undefined at the end, when it is damaged, and when it was merged meanwhile and released. */
  private verifyStep(table: TableFile, first: number, blocks: number): number | undefined {
    if (this.damaged.has(table.number) || !this.guard.has(table)) return undefined;
    let next: number | undefined;
    this.attempt(() => {
      next = this.guard.verifyPart(table, first, blocks);
    }, table);
    return next;
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
