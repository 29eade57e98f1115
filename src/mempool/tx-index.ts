import { assert } from '#util/assert.ts';
import { BinaryHeap } from '#util/binary-heap.ts';
import type { Decoded, MempoolTx, TxTerms } from './contract.ts';
import { AccountQueue, comparePrice, Entry, evictsBefore } from './entry.ts';

/** Evicting for one newcomer stops here: a huge transaction does not sweep the pool. */
const VICTIMS_MAX = 64;
/** The eviction heap is cleaned once it is this much larger than twice the pool. */
const TAILS_SLACK = 64;

/**
 * The pool's indexes: by hash, by account in sequence order, and the ends of the accounts' queues by price. They change
 * together, in `insert` and `removeAll` alone.
 */
export class TxIndex<Tx extends MempoolTx> {
  /** By latin1 hash, in order of admission. */
  readonly byHash = new Map<string, Entry<Tx>>();
  readonly queues = new Map<string, AccountQueue<Tx>>();
  /** Own entries in the order in which they were last offered. */
  readonly own = new Set<Entry<Tx>>();
  private readonly tails = new BinaryHeap<Entry<Tx>>(evictsBefore);
  private totalBytes = 0;
  private nextOrder = 0;

  get count(): number {
    return this.byHash.size;
  }

  /** Framed bytes of all entries. */
  get bytes(): number {
    return this.totalBytes;
  }

  insert(decoded: Decoded<Tx>, key: string, own: boolean, height: number): Entry<Tx> {
    assert(!this.byHash.has(key), 'a transaction is in the pool once');
    const queues = decoded.terms.accounts.map((account) => this.queueOf(account));
    const entry = new Entry({ decoded, key, own, order: this.nextOrder++, height, queues });
    for (const queue of queues) {
      queue.entries.push(entry);
      if (queues.length > 1) queue.shared++;
    }
    this.byHash.set(key, entry);
    this.totalBytes += entry.size;
    if (own) this.own.add(entry);
    this.pushTail(entry);
    return entry;
  }

  /** Removes entries in time linear in the queues they stand in. Repetitions and earlier removals are harmless. */
  removeAll(entries: Iterable<Entry<Tx>>): void {
    const touched = new Set<AccountQueue<Tx>>();
    for (const entry of entries) {
      if (entry.removed) continue;
      entry.removed = true;
      this.byHash.delete(entry.key);
      this.own.delete(entry);
      this.totalBytes -= entry.size;
      for (const queue of entry.queues) {
        touched.add(queue);
        if (entry.queues.length > 1) queue.shared--;
      }
    }
    for (const queue of touched) this.sweep(queue);
    // Only when all queues are swept: an entry of several accounts is a tail only if it ends each of them.
    for (const queue of touched) {
      const last = queue.entries.at(-1);
      if (last !== undefined) this.pushTail(last);
    }
    this.compactTails();
  }

  /**
   * The cheapest queue ends that must go so that `size` more bytes and one more transaction fit, each paying less than
   * the newcomer, none of the newcomer's own accounts. Undefined when that cannot be.
   */
  victims(newcomer: TxTerms, size: number, limits: { maxTxs: number; maxTxsBytes: number }): Entry<Tx>[] | undefined {
    const fits = (victims: readonly Entry<Tx>[], freed: number): boolean =>
      this.count - victims.length < limits.maxTxs && this.totalBytes - freed + size <= limits.maxTxsBytes;
    const victims: Entry<Tx>[] = [];
    if (fits(victims, 0)) return victims;
    const popped: Entry<Tx>[] = [];
    let freed = 0;
    while (!fits(victims, freed) && victims.length < VICTIMS_MAX) {
      const tail = this.popTail();
      if (tail === undefined) break;
      popped.push(tail);
      if (comparePrice(tail.terms, newcomer) >= 0) break;
      if (tail.terms.accounts.some((account) => newcomer.accounts.includes(account))) continue;
      victims.push(tail);
      freed += tail.size;
    }
    for (const entry of popped) this.pushTail(entry);
    return fits(victims, freed) ? victims : undefined;
  }

  private queueOf(account: string): AccountQueue<Tx> {
    let queue = this.queues.get(account);
    if (queue === undefined) {
      queue = new AccountQueue(account);
      this.queues.set(account, queue);
    }
    return queue;
  }

  private sweep(queue: AccountQueue<Tx>): void {
    let kept = 0;
    let applied = 0;
    queue.entries.forEach((entry, index) => {
      if (entry.removed) return;
      queue.entries[kept++] = entry;
      if (index < queue.applied) applied++;
    });
    queue.entries.length = kept;
    queue.applied = applied;
    if (kept === 0) this.queues.delete(queue.account);
  }

  private isTail(entry: Entry<Tx>): boolean {
    return !entry.removed && entry.queues.every((queue) => queue.entries.at(-1) === entry);
  }

  private pushTail(entry: Entry<Tx>): void {
    if (entry.inTails || !this.isTail(entry)) return;
    entry.inTails = true;
    this.tails.push(entry);
    this.compactTails();
  }

  /** Entries that left the pool must not be kept alive by the heap. */
  private compactTails(): void {
    if (this.tails.size <= 2 * this.count + TAILS_SLACK) return;
    this.tails.retain((candidate) => {
      candidate.inTails = this.isTail(candidate);
      return candidate.inTails;
    });
  }

  /** Takes the first entry that really ends its queues; others were overtaken and come back when they are ends again. */
  private popTail(): Entry<Tx> | undefined {
    for (;;) {
      const entry = this.tails.pop();
      if (entry === undefined) return undefined;
      entry.inTails = false;
      if (this.isTail(entry)) return entry;
    }
  }
}
