import { Worker } from 'node:worker_threads';
import { BizraError } from '#util/errors.ts';
import type { CryptoErrorCode } from './errors.ts';
import { InlineVerifier, type Verifier, type VerifyItem } from './verifier.ts';
import { packItems } from './verify-codec.ts';

/** What goes to a thread. The buffer is transferred. */
export interface VerifyJob {
  readonly id: number;
  readonly items: ArrayBuffer;
}

/** What comes back: one byte an item, 1 for valid. */
export interface VerifyAnswer {
  readonly id: number;
  readonly verdicts: ArrayBuffer;
}

/** Below this many items, handing a batch over costs more than it saves (some 60 us against 30 us an item). */
export const WORKER_BATCH_MIN_ITEMS = 16;

/** Items that may wait, some 20 MB; at 30 us each, two threads work off that many in a second. */
export const WORKER_QUEUE_MAX_ITEMS = 65_536;

export interface WorkerVerifierOptions {
  /** Number of threads, at least 1. */
  readonly threads: number;
  readonly batchMinItems?: number;
  readonly queueMaxItems?: number;
  /** The threads' program; tests give a broken one. */
  readonly entry?: URL;
}

interface Pending {
  readonly count: number;
  readonly resolve: (verdicts: Uint8Array) => void;
  readonly reject: (error: Error) => void;
}

interface Thread {
  readonly worker: Worker;
  readonly pending: Map<number, Pending>;
}

/**
 * Verifies large batches in threads, small ones in place. Threads start with the first large batch, and one that died
 * is replaced by the next batch; what it had is rejected (`verifier_failed`). More than `queueMaxItems` waiting items
 * are refused (`verifier_full`): the caller decides what to drop.
 */
export class WorkerVerifier implements Verifier {
  private readonly inline = new InlineVerifier();
  private readonly threads: (Thread | undefined)[];
  private readonly batchMinItems: number;
  private readonly queueMaxItems: number;
  private readonly entry: URL;
  private waiting = 0;
  private nextId = 0;
  private closed = false;

  constructor(options: WorkerVerifierOptions) {
    this.threads = new Array<Thread | undefined>(Math.max(1, options.threads)).fill(undefined);
    this.batchMinItems = options.batchMinItems ?? WORKER_BATCH_MIN_ITEMS;
    this.queueMaxItems = options.queueMaxItems ?? WORKER_QUEUE_MAX_ITEMS;
    this.entry = options.entry ?? new URL(import.meta.resolve('#crypto/verify-worker.ts'));
  }

  async verify(items: readonly VerifyItem[]): Promise<boolean[]> {
    if (this.closed) throw failure('verifier_closed', 'the verifier is closed');
    if (items.length < this.batchMinItems) return this.inline.verify(items);
    if (this.waiting + items.length > this.queueMaxItems) {
      throw failure('verifier_full', `${this.waiting} signatures are waiting; ${items.length} more refused`);
    }
    const share = Math.ceil(items.length / this.threads.length);
    const parts: Promise<Uint8Array>[] = [];
    for (let start = 0; start < items.length; start += share) {
      parts.push(this.submit(parts.length, items.slice(start, start + share)));
    }
    const verdicts = await Promise.all(parts);
    return verdicts.flatMap((part) => Array.from(part, (verdict) => verdict === 1));
  }

  /** Stops the threads. Batches in flight reject with `verifier_closed`. */
  async close(): Promise<void> {
    this.closed = true;
    const running = this.threads.filter((thread) => thread !== undefined);
    this.threads.fill(undefined);
    for (const thread of running) this.abandon(thread, failure('verifier_closed', 'the verifier was closed'));
    await Promise.all(running.map(({ worker }) => worker.terminate()));
  }

  private submit(index: number, items: readonly VerifyItem[]): Promise<Uint8Array> {
    const thread = this.threads[index] ?? this.startThread(index);
    const job: VerifyJob = { id: this.nextId++, items: packItems(items) };
    return new Promise((resolve, reject) => {
      thread.pending.set(job.id, { count: items.length, resolve, reject });
      this.waiting += items.length;
      thread.worker.ref();
      thread.worker.postMessage(job, [job.items]);
    });
  }

  private startThread(index: number): Thread {
    const worker = new Worker(this.entry);
    const thread: Thread = { worker, pending: new Map() };
    this.threads[index] = thread;
    worker.on('message', (answer: VerifyAnswer) => this.settle(thread, answer));
    const fail = (reason: string): void => {
      if (this.threads[index] === thread) this.threads[index] = undefined;
      this.abandon(thread, failure('verifier_failed', `a verifier thread failed: ${reason}`));
    };
    worker.on('error', (error: Error) => fail(error.message));
    worker.on('messageerror', (error: Error) => fail(error.message));
    worker.on('exit', (code) => fail(`it ended with code ${code}`));
    return thread;
  }

  private settle(thread: Thread, answer: VerifyAnswer): void {
    const pending = thread.pending.get(answer.id);
    if (pending === undefined) return;
    thread.pending.delete(answer.id);
    this.waiting -= pending.count;
    // An idle thread must not keep the process alive.
    if (thread.pending.size === 0) thread.worker.unref();
    pending.resolve(new Uint8Array(answer.verdicts));
  }

  private abandon(thread: Thread, error: Error): void {
    for (const pending of thread.pending.values()) {
      this.waiting -= pending.count;
      pending.reject(error);
    }
    thread.pending.clear();
  }
}

function failure(code: CryptoErrorCode, message: string): BizraError<CryptoErrorCode> {
  return new BizraError(code, message);
}
