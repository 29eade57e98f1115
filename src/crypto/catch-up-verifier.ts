import { InlineVerifier, type Verifier, type VerifyItem } from './verifier.ts';
import { WORKER_BATCH_MIN_ITEMS, WorkerVerifier } from './worker-verifier.ts';

/**
 * One thread has all signatures of a full block checked before the main thread has executed the one before, and two cores
 * are what a small machine has.
 */
const THREADS = 1;

/**
 * Checks in the calling thread, as suits a node that shares its cores with consensus. While the node is far behind, large
 * batches go to a thread of their own, which ends when the node has caught up. A thread that fails is no fault of a
 * signature: its batch is then checked here.
 */
export class CatchUpVerifier implements Verifier {
  private readonly inline = new InlineVerifier();
  private readonly makeWorker: () => WorkerVerifier;
  private worker: WorkerVerifier | undefined;
  private readonly underWay = new Set<Promise<boolean[]>>();
  private readonly closing = new Set<Promise<void>>();
  private closed = false;

  constructor(makeWorker: () => WorkerVerifier = () => new WorkerVerifier({ threads: THREADS })) {
    this.makeWorker = makeWorker;
  }

  /** Far behind the network, or no longer. */
  setBehind(behind: boolean): void {
    if (this.closed || behind === (this.worker !== undefined)) return;
    if (behind) this.worker = this.makeWorker();
    else this.endWorker();
  }

  async verify(items: readonly VerifyItem[]): Promise<boolean[]> {
    const { worker } = this;
    if (worker === undefined || items.length < WORKER_BATCH_MIN_ITEMS) return this.inline.verify(items);
    const verdicts = worker.verify(items);
    this.underWay.add(verdicts);
    try {
      return await verdicts;
    } catch {
      return this.inline.verify(items);
    } finally {
      this.underWay.delete(verdicts);
    }
  }

  async close(): Promise<void> {
    this.closed = true;
    this.endWorker();
    await Promise.all(this.closing);
  }

  /** What it has been given it still answers: all at once in this thread would be a long stretch. */
  private endWorker(): void {
    const { worker } = this;
    if (worker === undefined) return;
    this.worker = undefined;
    const ended = Promise.allSettled([...this.underWay]).then(() => worker.close());
    this.closing.add(ended);
    void ended.finally(() => this.closing.delete(ended));
  }
}
