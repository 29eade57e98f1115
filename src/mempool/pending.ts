import type { CheckResult } from '#app/contract.ts';
import { assert } from '#util/assert.ts';
import type { Decoded, MempoolApp, MempoolTx } from './contract.ts';
import type { AccountQueue, Entry } from './entry.ts';
import type { TxIndex } from './tx-index.ts';

/**
 * Keeps the app's pending state and the pool in step. Invariant: the pending state is the head plus exactly the first
 * `applied` entries of every queue, each applied after its predecessors. An entry of several accounts counts in all of
 * their queues or in none.
 *
 * After a block, what it changed is forgotten and its queues are suspect; entries are applied again one at a time, by
 * whoever needs them first: the background recheck, a reap, or a newcomer of the same account. So no moment shows a
 * newcomer half a recheck, and no result can arrive late and hit another transaction.
 */
export class Pending<Tx extends MempoolTx> {
  /** Queues that a block changed and that hold entries not checked since. */
  readonly suspects = new Set<AccountQueue<Tx>>();
  private readonly app: MempoolApp<Tx>;
  private readonly index: TxIndex<Tx>;
  private readonly failed: (entry: Entry<Tx>) => void;

  /** `failed` is told of every entry that a recheck removed. */
  constructor(components: { app: MempoolApp<Tx>; index: TxIndex<Tx>; failed: (entry: Entry<Tx>) => void }) {
    this.app = components.app;
    this.index = components.index;
    this.failed = components.failed;
  }

  /** Checks a newcomer on top of all that its accounts have pending. With code 0, `insert` it without an await. */
  checkNew(decoded: Decoded<Tx>): CheckResult {
    for (const account of decoded.terms.accounts) {
      const queue = this.index.queues.get(account);
      if (queue !== undefined) this.settle(queue);
    }
    return this.app.check(decoded.tx, 'new');
  }

  /** Notes that a checked newcomer stands in the index now. Evict for it only afterwards. */
  inserted(entry: Entry<Tx>): void {
    for (const queue of entry.queues) {
      queue.applied++;
      assert(queue.applied === queue.entries.length, 'a newcomer was checked on top of all that its account has');
    }
  }

  /** Drops entries that are still valid, and whose effects are to go: evicted, expired, flushed. */
  drop(entries: readonly Entry<Tx>[]): void {
    if (entries.length === 0) return;
    this.forget(entries.flatMap((entry) => entry.queues));
    this.remove(entries);
  }

  /**
   * The head moved, and the block changed these accounts: what is pending for them, and linked to them, must be checked
   * again. The app is told in any case, since its pending state stands on the head.
   */
  headMoved(queues: Iterable<AccountQueue<Tx>>): void {
    for (const queue of this.forget(queues)) this.markSuspect(queue);
  }

  /** Removes from every index; the effects must be gone from the pending state already, or never have been there. */
  remove(entries: readonly Entry<Tx>[]): void {
    this.index.removeAll(entries);
    for (const entry of entries) for (const queue of entry.queues) this.clearIfSettled(queue);
  }

  /**
   * Applies the next entry of a queue, and before it whatever of other accounts must come first: one check a call.
   * Returns the entry that was checked and whether it still holds; a failing one is gone from the pool.
   */
  step(queue: AccountQueue<Tx>): { readonly entry: Entry<Tx>; readonly valid: boolean } {
    const entry = this.firstApplicable(queue);
    const result = this.app.check(entry.tx, 'recheck');
    if (result.code === 0) {
      for (const own of entry.queues) {
        own.applied++;
        this.clearIfSettled(own);
      }
    } else {
      this.remove([entry]);
      this.failed(entry);
    }
    return { entry, valid: result.code === 0 };
  }

  /**
   * For a reap, which stands before `entry` in all of its queues: makes sure that it holds now. False: it did not, and
   * is gone. All that stands before it was confirmed, so one check is enough.
   */
  confirm(entry: Entry<Tx>): boolean {
    const queue = entry.queues.find((candidate) => candidate.suspect);
    if (queue === undefined || queue.cursor < queue.applied) return true;
    const { entry: checked, valid } = this.step(queue);
    assert(checked === entry, 'a reap confirms in order');
    return valid;
  }

  private settle(queue: AccountQueue<Tx>): void {
    while (queue.applied < queue.entries.length) this.step(queue);
  }

  /** Follows "stands behind" from queue to queue; ends because what stands before was admitted before. */
  private firstApplicable(start: AccountQueue<Tx>): Entry<Tx> {
    let entry = start.entries[start.applied];
    assert(entry !== undefined, 'a queue that is stepped has an entry to apply');
    for (;;) {
      const current: Entry<Tx> = entry;
      const blocking = current.queues.find((queue) => queue.entries[queue.applied] !== current);
      if (blocking === undefined) return current;
      entry = blocking.entries[blocking.applied];
      assert(entry !== undefined && entry.order < current.order, 'predecessors are admitted before');
    }
  }

  /**
   * Forgets the effects of these queues and of those linked to them; returns them all. Where one of a linked group is
   * suspect, all become it: they are applied again, and so checked again, together.
   */
  private forget(queues: Iterable<AccountQueue<Tx>>): ReadonlySet<AccountQueue<Tx>> {
    const group = linked(queues);
    const everything = this.app.forgetPending === undefined;
    if (everything) this.app.resetPending();
    else this.app.forgetPending?.(Array.from(group, (queue) => queue.account));
    const forgotten = everything ? [...this.index.queues.values()] : [...group];
    for (const queue of forgotten) queue.applied = 0;
    for (const queue of linked(forgotten.filter((candidate) => candidate.suspect))) this.markSuspect(queue);
    return group;
  }

  private markSuspect(queue: AccountQueue<Tx>): void {
    queue.suspect = true;
    this.suspects.add(queue);
  }

  private clearIfSettled(queue: AccountQueue<Tx>): void {
    if (!queue.suspect || queue.applied < queue.entries.length) return;
    queue.suspect = false;
    this.suspects.delete(queue);
  }
}

/** The queues, and those that share transactions with them, directly or through others. */
function linked<Tx extends MempoolTx>(queues: Iterable<AccountQueue<Tx>>): Set<AccountQueue<Tx>> {
  const group = new Set(queues);
  for (const queue of group) {
    if (queue.shared === 0) continue;
    for (const entry of queue.entries) for (const neighbour of entry.queues) group.add(neighbour);
  }
  return group;
}
