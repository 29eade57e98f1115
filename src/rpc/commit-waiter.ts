import type { TxResult } from '#types/results.ts';
import { toLatin1 } from '#util/bytes.ts';
import { refuse } from './errors.ts';
import type { NodeEvent } from './node-api.ts';

export interface CommittedTx {
  readonly result: TxResult;
  readonly height: number;
}

interface Waiting {
  readonly resolve: (committed: CommittedTx) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

/** Lets `broadcast_tx_commit` wait for its transaction. Costs nothing a block while nobody waits. */
export class CommitWaiter {
  private readonly timeoutMs: number;
  /** By transaction hash; several clients may wait for one. */
  private readonly waiting = new Map<string, Set<Waiting>>();

  constructor(timeoutMs: number) {
    this.timeoutMs = timeoutMs;
  }

  /** Must be called before the transaction is submitted. `cancel` is idempotent and must always be called. */
  expect(hash: Uint8Array): { readonly committed: Promise<CommittedTx>; readonly cancel: () => void } {
    const key = toLatin1(hash);
    const { promise, resolve, reject } = Promise.withResolvers<CommittedTx>();
    // Nobody may be listening any more when it fails.
    promise.catch(() => {});
    const expired = (): void => reject(refuse('timed out waiting for tx to be included in a block'));
    const entry: Waiting = { resolve, reject, timer: setTimeout(expired, this.timeoutMs) };
    const entries = this.waiting.get(key) ?? new Set();
    this.waiting.set(key, entries.add(entry));
    const cancel = (): void => {
      clearTimeout(entry.timer);
      entries.delete(entry);
      if (entries.size === 0 && this.waiting.get(key) === entries) this.waiting.delete(key);
    };
    return { committed: promise, cancel };
  }

  onEvent(event: NodeEvent): void {
    if (event.kind !== 'block' || this.waiting.size === 0) return;
    event.txHashes.forEach((hash, index) => {
      const result = event.results.txResults[index];
      if (result === undefined) return;
      for (const entry of this.waiting.get(toLatin1(hash)) ?? [])
        entry.resolve({ result, height: event.results.height });
    });
  }

  /** Ends every wait with an error. */
  stop(): void {
    for (const entries of this.waiting.values()) {
      for (const entry of entries) {
        clearTimeout(entry.timer);
        entry.reject(refuse('the node is stopping'));
      }
    }
    this.waiting.clear();
  }
}
