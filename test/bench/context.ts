import type { Section } from './report.ts';

/** What every part of the bench is given. */
export interface BenchContext {
  /** Shorter loads and fewer repetitions: shows that it works, and roughly where the figures are. */
  readonly quick: boolean;
  /** Also what takes very long or much memory. */
  readonly large: boolean;
  /**
   * Transactions on their way when sending as fast as they are taken. Some blocks' worth saturates: every proposer finds
   * a full mempool. More only wait longer.
   */
  readonly window: number;
  /** Says on standard error what is going on. */
  readonly progress: (text: string) => void;
  /** Comes with Ctrl-C. */
  readonly signal: AbortSignal;
}

export type Part = (context: BenchContext) => Promise<Section>;
