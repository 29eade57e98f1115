import type { CheckResult } from '#app/contract.ts';
import type { Clock } from '#ports/clock.ts';
import { BoundedQueue } from '#util/bounded-queue.ts';
import type { AdmitResult, Decoded, MempoolApp, MempoolTx, TxSource } from './contract.ts';

/** A decoded transaction on its way into the pool. */
export interface Candidate<Tx extends MempoolTx> {
  readonly decoded: Decoded<Tx>;
  readonly key: string;
  readonly source: TxSource;
  /** A block took it while its signature was being checked. */
  committed: boolean;
}

interface Job<Tx extends MempoolTx> extends Candidate<Tx> {
  readonly resolve: (result: AdmitResult) => void;
  readonly reject: (error: unknown) => void;
}

export interface AdmissionOptions {
  readonly maxWaiting: number;
  readonly maxWaitingBytes: number;
  readonly verifyBatch: number;
  readonly sliceMs: number;
}

/**
 * Signature checks on the way into the pool: whatever arrives during one poll phase, or while a batch is at the
 * verifier, makes the next batch. Results are concluded in order of arrival, so a client's sequences keep theirs.
 */
export class Admission<Tx extends MempoolTx> {
  private readonly app: MempoolApp<Tx>;
  private readonly clock: Clock;
  private readonly conclude: (candidate: Candidate<Tx>, verdict: CheckResult) => AdmitResult;
  private readonly moreUrgent: () => Promise<void> | undefined;
  private readonly options: AdmissionOptions;
  private readonly waiting: BoundedQueue<Job<Tx>>;
  private readonly byKey = new Map<string, Job<Tx>>();
  private running = false;

  /** `conclude` is synchronous: the state check and the insertion, or the refusal. */
  constructor(
    components: {
      app: MempoolApp<Tx>;
      clock: Clock;
      conclude: (candidate: Candidate<Tx>, verdict: CheckResult) => AdmitResult;
      moreUrgent: () => Promise<void> | undefined;
    },
    options: AdmissionOptions,
  ) {
    this.app = components.app;
    this.clock = components.clock;
    this.conclude = components.conclude;
    this.moreUrgent = components.moreUrgent;
    this.options = options;
    this.waiting = new BoundedQueue({
      maxItems: options.maxWaiting,
      maxSize: options.maxWaitingBytes,
      sizeOf: (job) => job.decoded.tx.bytes.length,
    });
  }

  /** Transactions whose admission has not ended. */
  get size(): number {
    return this.byKey.size;
  }

  get(key: string): Candidate<Tx> | undefined {
    return this.byKey.get(key);
  }

  /** Undefined: too many are waiting already. */
  submit(decoded: Decoded<Tx>, key: string, source: TxSource): Promise<AdmitResult> | undefined {
    const { promise, resolve, reject } = Promise.withResolvers<AdmitResult>();
    const job: Job<Tx> = { decoded, key, source, committed: false, resolve, reject };
    if (!this.waiting.push(job)) return undefined;
    this.byKey.set(key, job);
    if (!this.running) void this.run();
    return promise;
  }

  /** Never rejects: what goes wrong belongs to the submitters. */
  private async run(): Promise<void> {
    this.running = true;
    // Lets the rest of this poll phase arrive, so that concurrent clients share a batch.
    await this.clock.yield();
    while (this.waiting.length > 0) {
      await this.moreUrgent();
      const batch: Job<Tx>[] = [];
      while (batch.length < this.options.verifyBatch && this.waiting.length > 0) {
        batch.push(this.waiting.shift() as Job<Tx>);
      }
      await this.runBatch(batch);
      await this.clock.yield();
    }
    this.running = false;
  }

  private async runBatch(batch: readonly Job<Tx>[]): Promise<void> {
    let verdicts: readonly CheckResult[];
    try {
      verdicts = await this.app.verify(batch.map((job) => job.decoded.tx));
    } catch (error) {
      for (const job of batch) this.end(job, () => job.reject(error));
      return;
    }
    let startMs = this.clock.monotonicMs();
    for (let i = 0; i < batch.length; i++) {
      if (this.clock.monotonicMs() - startMs >= this.options.sliceMs) {
        await this.clock.yield();
        startMs = this.clock.monotonicMs();
      }
      this.concludeOne(batch[i] as Job<Tx>, verdicts[i] as CheckResult);
    }
  }

  /** A throw in the ledger's check fails this one admission, and holds up nobody else. */
  private concludeOne(job: Job<Tx>, verdict: CheckResult): void {
    try {
      const result = this.conclude(job, verdict);
      this.end(job, () => job.resolve(result));
    } catch (error) {
      this.end(job, () => job.reject(error));
    }
  }

  private end(job: Job<Tx>, settle: () => void): void {
    this.byKey.delete(job.key);
    settle();
  }
}
