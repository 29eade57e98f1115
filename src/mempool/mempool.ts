import type { CheckResult } from '#app/contract.ts';
import type { Clock } from '#ports/clock.ts';
import type { Random } from '#ports/random.ts';
import { toLatin1 } from '#util/bytes.ts';
import { framedSize } from '#util/framing.ts';
import { RecentHashes } from '#util/recent-hashes.ts';
import { Admission, type Candidate } from './admission.ts';
import type { AdmitResult, Decoded, MempoolApp, MempoolTx, TxSource } from './contract.ts';
import type { AccountQueue, Entry } from './entry.ts';
import { type MempoolMetrics, NO_MEMPOOL_METRICS, type RejectReason, type RemoveReason } from './metrics.ts';
import { DEFAULT_MEMPOOL_OPTIONS, type MempoolOptions } from './options.ts';
import { Pending } from './pending.ts';
import { reapEntries } from './reap.ts';
import { gasAboveBlock, gasNotPositive, refuseFull, refuseInCache, refuseSyncing, refuseTooLarge } from './refusals.ts';
import { TxIndex } from './tx-index.ts';

export interface MempoolComponents<Tx extends MempoolTx> {
  readonly app: MempoolApp<Tx>;
  readonly clock: Clock;
  readonly random: Pick<Random, 'bytes'>;
  /** sha256. */
  readonly hashTx: (bytes: Uint8Array) => Uint8Array;
  /** Told of each admitted transaction, after it is in the pool. The engine publishes those of source `rpc`. */
  readonly onAdmitted?: (tx: Tx, source: TxSource) => void;
  /** Told when a reap would return something, once between two updates. */
  readonly onWorkAvailable?: () => void;
  /** Told when the ledger threw outside of any caller's reach; the daemon stops. */
  readonly onFatal: (error: unknown) => void;
  /** The end of something more urgent, for which admissions wait; undefined when there is nothing of the kind. */
  readonly moreUrgent?: () => Promise<void> | undefined;
  readonly metrics?: MempoolMetrics;
}

/** What the mempool is told of a block that was applied. */
export interface MempoolUpdate {
  readonly height: number;
  /** Hashes of the block's transactions with their results, failed ones included. */
  readonly txs: readonly { readonly hash: Uint8Array; readonly code: number }[];
  /**
   * Latin1 addresses whose sequence or balances the block may have lowered or moved: at least the signers and fee payers
   * of its transactions, also of those that were never in this pool. Undefined: any account. Leaving one out keeps
   * transactions that cannot pass any more.
   */
  readonly changedAccounts: Iterable<string> | undefined;
}

/** The most that a block of this chain can hold; below 0: no limit. */
export interface BlockLimits {
  /** Framed bytes of transactions in a block with nothing else to carry. */
  readonly maxDataBytes: number;
  readonly maxGas: bigint;
}

/**
 * Transactions that wait for a block. Per account they keep their sequence order; across accounts the better gas price
 * goes first. All methods but `admit` and `admitMany` are synchronous, and the pool is consistent between any two calls.
 */
export class Mempool<Tx extends MempoolTx> {
  private readonly components: MempoolComponents<Tx>;
  private readonly options: MempoolOptions;
  private readonly metrics: MempoolMetrics;
  private readonly index = new TxIndex<Tx>();
  private readonly pending: Pending<Tx>;
  private readonly admission: Admission<Tx>;
  /** Hashes that a block took with success: not to be looked at again. What failed or was dropped may come back. */
  private readonly committed: RecentHashes;
  /** Entries that name a last height. */
  private readonly timed = new Set<Entry<Tx>>();
  private limits: BlockLimits = { maxDataBytes: -1, maxGas: -1n };
  private height = 0;
  private syncing = false;
  private workAnnounced = false;
  private rechecking = false;

  constructor(components: MempoolComponents<Tx>, options: Partial<MempoolOptions> = {}) {
    this.components = components;
    this.options = { ...DEFAULT_MEMPOOL_OPTIONS, ...options };
    this.metrics = components.metrics ?? NO_MEMPOOL_METRICS;
    this.committed = new RecentHashes(this.options.cacheSize, components.random.bytes(4));
    const { app, clock } = components;
    this.pending = new Pending({ app, index: this.index, failed: (entry) => this.forgetEntry(entry, 'recheck') });
    this.admission = new Admission(
      {
        app,
        clock,
        conclude: (candidate, verdict) => this.conclude(candidate, verdict),
        moreUrgent: components.moreUrgent ?? (() => undefined),
      },
      { ...this.options, maxWaitingBytes: this.options.maxTxsBytes },
    );
  }

  /** Transactions in the pool. */
  get count(): number {
    return this.index.count;
  }

  /** Their framed bytes. */
  get bytes(): number {
    return this.index.bytes;
  }

  /** While true, every transaction is refused: the state to check against is not the chain's. */
  setSyncing(syncing: boolean): void {
    this.syncing = syncing;
  }

  /** To be told at start and after a change of parameters. What cannot be in any block is not admitted. */
  setBlockLimits(limits: BlockLimits): void {
    this.limits = limits;
  }

  /**
   * Resolves once the transaction is in the pool (code 0) or refused. Takes over `bytes`: the caller must not change
   * them. Rejects only when the ledger threw.
   */
  async admit(bytes: Uint8Array, source: TxSource): Promise<AdmitResult> {
    return this.begin(bytes, source);
  }

  /** As `admit` for each, sharing signature batches; results in order. */
  admitMany(batch: readonly Uint8Array[], source: TxSource): Promise<AdmitResult[]> {
    return Promise.all(batch.map((bytes) => this.admit(bytes, source)));
  }

  /** By hash, for filling compact blocks and for execution; also while its signature is still being checked. */
  get(hash: Uint8Array): Tx | undefined {
    const key = toLatin1(hash);
    return this.index.byHash.get(key)?.tx ?? this.admission.get(key)?.decoded.tx;
  }

  /**
   * Transactions for a block, in order, of at most `maxBytes` framed bytes and `maxGas` gas (below 0: no limit). They
   * stay in the pool. Those that the last block may have made invalid are checked on the way, and dropped if it did.
   */
  reap(maxBytes: number, maxGas: bigint): Tx[] {
    const picked = reapEntries(this.index.queues.values(), (entry) => this.confirm(entry), maxBytes, maxGas);
    this.reportSize();
    return picked;
  }

  /** Whether a reap would return something. */
  hasWork(): boolean {
    if (this.index.queues.size > this.pending.suspects.size) return true;
    for (const queue of this.pending.suspects) {
      if (queue.applied > 0) return true;
      while (this.pending.suspects.has(queue)) if (this.pending.step(queue).valid) return true;
    }
    return this.index.count > 0;
  }

  /**
   * A block was applied. To be called in the same synchronous stretch in which the ledger's head moved, since the
   * pending state stands on the head. Drops what was committed or is too old; the rest is checked again in slices.
   */
  update(block: MempoolUpdate): void {
    this.height = block.height;
    const committed: Entry<Tx>[] = [];
    for (const { hash, code } of block.txs) {
      const key = toLatin1(hash);
      const entry = this.index.byHash.get(key);
      if (entry !== undefined) committed.push(entry);
      const waiting = this.admission.get(key);
      if (waiting !== undefined) waiting.committed = code === 0;
      if (code === 0) this.committed.add(hash);
    }
    this.pending.headMoved(this.changedQueues(committed, block.changedAccounts));
    this.pending.remove(committed);
    for (const entry of committed) this.timed.delete(entry);
    this.expire();
    this.reportSize();
    this.workAnnounced = false;
    if (this.index.queues.size > this.pending.suspects.size) this.announceWork();
    if (this.pending.suspects.size > 0 && !this.rechecking) void this.recheck();
  }

  /** Own transactions that have waited for some blocks since they were last offered to the network; offers them anew. */
  stalePending(height: number): Tx[] {
    const stale: Entry<Tx>[] = [];
    for (const entry of this.index.own) {
      if (entry.offeredHeight + this.options.republishBlocks > height) break;
      stale.push(entry);
    }
    for (const entry of stale) {
      entry.offeredHeight = height;
      this.index.own.delete(entry);
      this.index.own.add(entry);
    }
    return stale.map((entry) => entry.tx);
  }

  /** The first `limit` transactions in order of admission. */
  list(limit: number): Tx[] {
    const txs: Tx[] = [];
    for (const entry of this.index.byHash.values()) {
      if (txs.length >= limit) break;
      txs.push(entry.tx);
    }
    return txs;
  }

  /** Empties the pool and the duplicate cache. */
  flush(): void {
    this.pending.drop([...this.index.byHash.values()]);
    this.timed.clear();
    this.committed.clear();
    this.reportSize();
  }

  private begin(bytes: Uint8Array, source: TxSource): AdmitResult | Promise<AdmitResult> {
    if (this.syncing) return this.refused(refuseSyncing(), 'syncing');
    const maxTxBytes = this.maxTxBytes();
    if (bytes.length > maxTxBytes) return this.refused(refuseTooLarge(maxTxBytes, bytes.length), 'too_large');
    const hash = this.components.hashTx(bytes);
    const key = toLatin1(hash);
    if (this.committed.has(hash) || this.index.byHash.has(key) || this.admission.get(key) !== undefined) {
      return this.refused(refuseInCache(hash), 'in_cache');
    }
    const decoded = this.components.app.decode(bytes, hash);
    if ('refused' in decoded) return this.refused({ ...decoded.refused, hash }, 'undecodable');
    const { terms } = decoded;
    if (terms.gas <= 0n) return this.refused(gasNotPositive(hash), 'gas');
    if (this.limits.maxGas >= 0n && terms.gas > this.limits.maxGas) {
      return this.refused(gasAboveBlock(hash, terms.gas, this.limits.maxGas), 'gas');
    }
    // Before the signature is paid for: under overload most newcomers end here.
    if (this.index.victims(terms, framedSize(bytes.length), this.options) === undefined) return this.full(hash);
    return this.admission.submit(decoded, key, source) ?? this.full(hash);
  }

  /** The second half of an admission, when the signatures are known. No await from here to the insertion. */
  private conclude(candidate: Candidate<Tx>, verdict: CheckResult): AdmitResult {
    const { decoded, key, source } = candidate;
    const { tx } = decoded;
    if (candidate.committed) return this.refused(refuseInCache(tx.hash), 'in_cache');
    const result = verdict.code === 0 ? this.insert(decoded, key, source) : this.rejected(tx, verdict, 'signature');
    if (result.code !== 0) return result;
    this.components.onAdmitted?.(tx, source);
    this.announceWork();
    return result;
  }

  private insert(decoded: Decoded<Tx>, key: string, source: TxSource): AdmitResult {
    const { tx, terms } = decoded;
    if (this.syncing) return this.refused(refuseSyncing(), 'syncing');
    const victims = this.index.victims(terms, framedSize(tx.bytes.length), this.options);
    if (victims === undefined) return this.full(tx.hash);
    const result = this.pending.checkNew(decoded);
    if (result.code !== 0) return this.rejected(tx, result, 'check');
    const entry = this.index.insert(decoded, key, source === 'rpc', this.height);
    this.pending.inserted(entry);
    if (terms.timeoutHeight > 0n) this.timed.add(entry);
    // The check may have dropped one of them already: a recheck failed.
    this.drop(
      victims.filter((victim) => !victim.removed),
      'evicted',
    );
    this.metrics.admitted(tx.bytes.length);
    this.reportSize();
    return { ...result, hash: tx.hash };
  }

  private maxTxBytes(): number {
    const { maxDataBytes } = this.limits;
    if (maxDataBytes < 0 || framedSize(this.options.maxTxBytes) <= maxDataBytes) return this.options.maxTxBytes;
    return maxDataBytes - (framedSize(maxDataBytes) - maxDataBytes);
  }

  private changedQueues(
    committed: readonly Entry<Tx>[],
    changedAccounts: Iterable<string> | undefined,
  ): Iterable<AccountQueue<Tx>> {
    if (changedAccounts === undefined) return this.index.queues.values();
    const changed = new Set<AccountQueue<Tx>>();
    for (const entry of committed) for (const queue of entry.queues) changed.add(queue);
    for (const account of changedAccounts) {
      const queue = this.index.queues.get(account);
      if (queue !== undefined) changed.add(queue);
    }
    return changed;
  }

  /** Drops what is too old, or can be in no block after this height, with all that stands behind it. */
  private expire(): void {
    const expired: Entry<Tx>[] = [];
    const { ttlBlocks } = this.options;
    if (ttlBlocks > 0) {
      for (const entry of this.index.byHash.values()) {
        if (entry.height + ttlBlocks > this.height) break;
        expired.push(entry);
      }
    }
    for (const entry of this.timed) if (entry.terms.timeoutHeight <= BigInt(this.height)) expired.push(entry);
    if (expired.length > 0) this.drop([...withFollowers(expired)], 'expired');
  }

  private drop(entries: readonly Entry<Tx>[], reason: RemoveReason): void {
    if (entries.length === 0) return;
    this.pending.drop(entries);
    for (const entry of entries) this.forgetEntry(entry, reason);
  }

  /** An entry left without having been committed. */
  private forgetEntry(entry: Entry<Tx>, reason: RemoveReason): void {
    this.timed.delete(entry);
    this.metrics.removed(reason);
  }

  private confirm(entry: Entry<Tx>): boolean {
    const valid = this.pending.confirm(entry);
    if (valid) this.workAnnounced = true;
    return valid;
  }

  /** Checks suspect entries in slices. Whoever comes in between sees a consistent state: see `Pending`. */
  private async recheck(): Promise<void> {
    const { clock, onFatal } = this.components;
    this.rechecking = true;
    try {
      let startMs = clock.monotonicMs();
      for (;;) {
        const [queue] = this.pending.suspects;
        if (queue === undefined) break;
        this.metrics.rechecked();
        if (this.pending.step(queue).valid) this.announceWork();
        if (clock.monotonicMs() - startMs < this.options.sliceMs) continue;
        await clock.yield();
        startMs = clock.monotonicMs();
      }
      this.reportSize();
    } catch (error) {
      onFatal(error);
    } finally {
      this.rechecking = false;
    }
  }

  private announceWork(): void {
    if (this.workAnnounced) return;
    this.workAnnounced = true;
    this.components.onWorkAvailable?.();
  }

  private reportSize(): void {
    this.metrics.size(this.index.count, this.index.bytes);
  }

  private full(hash: Uint8Array): AdmitResult {
    const { maxTxs, maxTxsBytes } = this.options;
    return this.refused(refuseFull(hash, { count: this.count, maxTxs, bytes: this.bytes, maxTxsBytes }), 'full');
  }

  private rejected(tx: Tx, result: CheckResult, reason: RejectReason): AdmitResult {
    return this.refused({ ...result, hash: tx.hash }, reason);
  }

  private refused(result: AdmitResult, reason: RejectReason): AdmitResult {
    this.metrics.rejected(reason);
    return result;
  }
}

/** The entries and everything that stands behind them in any of their accounts. */
function withFollowers<Tx extends MempoolTx>(entries: Iterable<Entry<Tx>>): Set<Entry<Tx>> {
  const all = new Set(entries);
  const firstOrder = new Map<AccountQueue<Tx>, number>();
  for (const entry of all) {
    for (const queue of entry.queues) {
      if ((firstOrder.get(queue) ?? Number.POSITIVE_INFINITY) <= entry.order) continue;
      firstOrder.set(queue, entry.order);
      for (const follower of queue.entries) if (follower.order > entry.order) all.add(follower);
    }
  }
  return all;
}
