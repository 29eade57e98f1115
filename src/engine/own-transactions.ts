import type { Clock } from '#ports/clock.ts';
import { toLatin1 } from '#util/bytes.ts';

/**
 * A transaction of an own client may not have reached the other nodes before it is this old: a gossip batch waits 10 ms
 * for company, then travels and is verified. Younger ones go with a compact block in full.
 */
const UNDERWAY_MS = 40;

/** Own clients' transactions that other nodes may not have yet. */
export class OwnTransactions {
  private readonly clock: Clock;
  /** In order of admission. */
  private readonly admittedMs = new Map<string, number>();

  constructor(clock: Clock) {
    this.clock = clock;
  }

  admitted(hash: Uint8Array): void {
    this.dropOld();
    this.admittedMs.set(toLatin1(hash), this.clock.monotonicMs());
  }

  mayBeUnknown(hash: Uint8Array): boolean {
    const admitted = this.admittedMs.get(toLatin1(hash));
    return admitted !== undefined && admitted + UNDERWAY_MS > this.clock.monotonicMs();
  }

  private dropOld(): void {
    const oldest = this.clock.monotonicMs() - UNDERWAY_MS;
    for (const [key, admitted] of this.admittedMs) {
      if (admitted > oldest) return;
      this.admittedMs.delete(key);
    }
  }
}
