import { framedSize } from '#util/framing.ts';
import type { Decoded, MempoolTx, TxTerms } from './contract.ts';

/** The pending transactions of one account, in sequence order. */
export class AccountQueue<Tx extends MempoolTx> {
  readonly account: string;
  entries: Entry<Tx>[] = [];
  /** How many of `entries`, from the first on, have taken effect in the app's pending state. */
  applied = 0;
  /** A block changed the account, so entries that are not applied again may have become invalid. */
  suspect = false;
  /** Entries that other accounts sign too. */
  shared = 0;
  /** Position of a reap; meaningless between reaps. */
  cursor = 0;

  constructor(account: string) {
    this.account = account;
  }
}

/** A transaction in the pool. */
export class Entry<Tx extends MempoolTx> {
  readonly tx: Tx;
  readonly terms: TxTerms;
  /** Latin1 of the hash. */
  readonly key: string;
  /** Given by a client of this node. */
  readonly own: boolean;
  /** Counts admissions: of two equal prices, the earlier one goes first. */
  readonly order: number;
  /** Head height at admission. */
  readonly height: number;
  /** Framed bytes. */
  readonly size: number;
  readonly queues: readonly AccountQueue<Tx>[];
  /** Head height when it was last offered to the network (own ones). */
  offeredHeight: number;
  /** Whether the eviction heap holds it. */
  inTails = false;
  removed = false;

  constructor(init: {
    decoded: Decoded<Tx>;
    key: string;
    own: boolean;
    order: number;
    height: number;
    queues: readonly AccountQueue<Tx>[];
  }) {
    this.tx = init.decoded.tx;
    this.terms = init.decoded.terms;
    this.key = init.key;
    this.own = init.own;
    this.order = init.order;
    this.height = init.height;
    this.offeredHeight = init.height;
    this.size = framedSize(this.tx.bytes.length);
    this.queues = init.queues;
  }
}

/** Compares gas prices exactly, as fractions: negative when `a` pays less per gas than `b`. Gas is positive. */
export function comparePrice(a: Pick<TxTerms, 'gas' | 'fee'>, b: Pick<TxTerms, 'gas' | 'fee'>): number {
  if (a.gas === b.gas) return a.fee < b.fee ? -1 : a.fee > b.fee ? 1 : 0;
  const left = a.fee * b.gas;
  const right = b.fee * a.gas;
  return left < right ? -1 : left > right ? 1 : 0;
}

/** Order of reaping: higher price first, then the earlier admission. */
export function reapsBefore<Tx extends MempoolTx>(a: Entry<Tx>, b: Entry<Tx>): boolean {
  const price = comparePrice(a.terms, b.terms);
  return price !== 0 ? price > 0 : a.order < b.order;
}

/** Order of eviction: lower price first, then the later admission. */
export function evictsBefore<Tx extends MempoolTx>(a: Entry<Tx>, b: Entry<Tx>): boolean {
  const price = comparePrice(a.terms, b.terms);
  return price !== 0 ? price < 0 : a.order > b.order;
}
