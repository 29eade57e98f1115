import { BinaryHeap } from '#util/binary-heap.ts';
import type { MempoolTx } from './contract.ts';
import { type AccountQueue, type Entry, reapsBefore } from './entry.ts';

/**
 * Picks transactions for a block: highest gas price first across accounts, sequence order within one. `confirm` is asked
 * about each pick and may remove it. What does not fit, in framed bytes or gas, leaves the rest of its accounts out, and
 * others go on: a later sequence without the earlier one would fail. `maxBytes` or `maxGas` below 0: no limit.
 */
export function reapEntries<Tx extends MempoolTx>(
  queues: Iterable<AccountQueue<Tx>>,
  confirm: (entry: Entry<Tx>) => boolean,
  maxBytes: number,
  maxGas: bigint,
): Tx[] {
  const candidates = new Candidates(queues);
  const picked: Tx[] = [];
  let bytesLeft = maxBytes < 0 ? Number.POSITIVE_INFINITY : maxBytes;
  let gasLeft = maxGas;
  for (let entry = candidates.pop(); entry !== undefined; entry = candidates.pop()) {
    if (entry.size > bytesLeft || (maxGas >= 0n && entry.terms.gas > gasLeft)) continue;
    if (confirm(entry)) {
      picked.push(entry.tx);
      bytesLeft -= entry.size;
      gasLeft -= entry.terms.gas;
      for (const queue of entry.queues) queue.cursor++;
    }
    for (const queue of entry.queues) candidates.offerNext(queue);
  }
  return picked;
}

/** Entries that are next in all of their accounts, best first. */
class Candidates<Tx extends MempoolTx> {
  private readonly heap: BinaryHeap<Entry<Tx>>;
  /** Entries of several accounts are reached once from each, and offered once. */
  private readonly offeredShared = new Set<Entry<Tx>>();

  constructor(queues: Iterable<AccountQueue<Tx>>) {
    const all = [...queues];
    for (const queue of all) queue.cursor = 0;
    this.heap = new BinaryHeap(
      reapsBefore,
      all.map((queue) => this.next(queue)).filter((entry) => entry !== undefined),
    );
  }

  pop(): Entry<Tx> | undefined {
    return this.heap.pop();
  }

  offerNext(queue: AccountQueue<Tx>): void {
    const entry = this.next(queue);
    if (entry !== undefined) this.heap.push(entry);
  }

  private next(queue: AccountQueue<Tx>): Entry<Tx> | undefined {
    const entry = queue.entries[queue.cursor];
    if (entry === undefined || entry.queues.length === 1) return entry;
    if (this.offeredShared.has(entry)) return undefined;
    if (!entry.queues.every((other) => other.entries[other.cursor] === entry)) return undefined;
    this.offeredShared.add(entry);
    return entry;
  }
}
