/** Runs asynchronous tasks one after the other, in the order they were given. */
export class SerialQueue {
  private tail: Promise<void> = Promise.resolve();
  private waiting = 0;

  /** Tasks that have not ended yet, the running one included. */
  get size(): number {
    return this.waiting;
  }

  /** Settles as the task does. A task that fails does not keep later ones from running. */
  run<Result>(task: () => Promise<Result> | Result): Promise<Result> {
    this.waiting++;
    const result = this.tail.then(task).finally(() => {
      this.waiting--;
    });
    this.tail = result.then(
      () => undefined,
      () => undefined, // the caller of run() was given the rejection
    );
    return result;
  }

  /** Resolves once every task given so far has ended, well or not. */
  idle(): Promise<void> {
    return this.tail;
  }
}
