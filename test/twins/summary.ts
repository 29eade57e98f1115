import type { Violation } from './checks.ts';
import type { TwinsResult } from './run-case.ts';

export interface FailedCase {
  readonly number: number;
  readonly violation: Violation;
  readonly message: string;
}

/** Failures that are told one by one; further ones are counted. */
const MAX_TOLD = 5;

/** What a run of many cases came to. Parts of it, made by several workers, add up. */
export class Summary {
  cases = 0;
  failed = 0;
  slowestHealDelays = 0;
  /** Cases by the highest round that an honest process reached. */
  readonly rounds = new Map<number, number>();
  /** Cases by the number of honest processes that had decided when the partitions ended. */
  readonly decidedBefore = new Map<number, number>();
  told: readonly FailedCase[] = [];

  add(number: number, { failure, round, decidedBefore, healDelays }: TwinsResult): void {
    this.cases++;
    this.slowestHealDelays = Math.max(this.slowestHealDelays, healDelays);
    count(this.rounds, round, 1);
    count(this.decidedBefore, decidedBefore, 1);
    if (failure === undefined) return;
    this.failed++;
    this.tell([{ number, violation: failure.violation, message: failure.message }]);
  }

  merge(other: Pick<Summary, 'cases' | 'failed' | 'slowestHealDelays' | 'rounds' | 'decidedBefore' | 'told'>): void {
    this.cases += other.cases;
    this.failed += other.failed;
    this.slowestHealDelays = Math.max(this.slowestHealDelays, other.slowestHealDelays);
    for (const [round, cases] of other.rounds) count(this.rounds, round, cases);
    for (const [decided, cases] of other.decidedBefore) count(this.decidedBefore, decided, cases);
    this.tell(other.told);
  }

  lines(): readonly string[] {
    const list = (counts: ReadonlyMap<number, number>): string =>
      [...counts]
        .sort(([a], [b]) => a - b)
        .map(([key, cases]) => `${key}: ${cases}`)
        .join(', ');
    return [
      `highest round: ${list(this.rounds)}`,
      `honest decisions before the partitions ended: ${list(this.decidedBefore)}`,
      `slowest end: ${this.slowestHealDelays} message delays after them`,
      `${this.cases} cases, ${this.failed} failed`,
    ];
  }

  /** The lowest numbers, so that it does not matter which worker was first. */
  private tell(failed: readonly FailedCase[]): void {
    this.told = [...this.told, ...failed].sort((a, b) => a.number - b.number).slice(0, MAX_TOLD);
  }
}

function count(counts: Map<number, number>, key: number, cases: number): void {
  counts.set(key, (counts.get(key) ?? 0) + cases);
}
