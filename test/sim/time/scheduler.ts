import { BinaryHeap } from '#util/binary-heap.ts';

/** What an event belongs to: one incarnation of a node, or the world. Events of the dead never happen. */
export interface Life {
  alive: boolean;
  /** Told what an event of this life threw, as a process is by `uncaughtException`; the run ends with it if absent. */
  readonly threw?: (error: unknown) => void;
  /** Each timer and each operation takes this much longer: a machine that is slow. */
  slowMs?: number;
  /** Set while nothing of this life happens although time goes on: what is due waits in here. */
  frozen?: Scheduled[] | undefined;
  /** After this many more events `onSpent` is called in place of one. */
  eventsLeft?: number | undefined;
  onSpent?: () => void;
}

interface Scheduled {
  atMs: number;
  order: number;
  readonly life: Life;
  readonly run: () => void;
  cancelled: boolean;
}

/** The real one, kept before `guard.ts` takes it away: nothing but the turn of the event loop depends on it. */
const realSetImmediate = setImmediate;
/** Between two looks at the world outside: other processes, signals. */
const EVENTS_PER_TURN = 1_000;

/** Ticks and microtasks until there are no more, as Node runs them behind each callback; not from within a microtask. */
const { _tickCallback: runMicrotasks } = process as unknown as { readonly _tickCallback: () => void };

/** Virtual time: a queue of events, run one by one; all that an event sets off settles before the next. */
export class Scheduler {
  nowMs = 0;
  events = 0;
  private order = 0;
  private readonly queue = new BinaryHeap<Scheduled>(
    (a, b) => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order),
  );

  /** Returns what cancels it. */
  after(delayMs: number, life: Life, run: () => void): () => void {
    return this.at(this.nowMs + Math.max(0, delayMs) + (life.slowMs ?? 0), life, run);
  }

  /** As `after`, at a time that is not in the past, and that a slow machine does not put off. */
  at(atMs: number, life: Life, run: () => void): () => void {
    const event: Scheduled = { atMs, order: this.order++, life, run, cancelled: false };
    this.queue.push(event);
    return () => {
      event.cancelled = true;
    };
  }

  /** What waited happens now, in the order in which it was due. */
  thaw(life: Life): void {
    const waiting = life.frozen ?? [];
    life.frozen = undefined;
    for (const event of waiting) {
      event.atMs = this.nowMs;
      event.order = this.order++;
      this.queue.push(event);
    }
  }

  /** Resolves after `delayMs`; never, if `life` ends before. */
  pause(delayMs: number, life: Life): Promise<void> {
    return new Promise((resolve) => void this.after(delayMs, life, resolve));
  }

  /**
   * Runs events, each with everything that follows from it without time passing, until `done` or until nothing is left.
   * The loop stays within one turn of the event loop for long: a turn an event was a tenth of a run's time.
   */
  run(done: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const turn = (): void => {
        try {
          for (let i = 0; i < EVENTS_PER_TURN; i++) {
            if (done() || !this.runNext()) {
              resolve();
              return;
            }
            runMicrotasks();
          }
          realSetImmediate(turn);
        } catch (error) {
          reject(error);
        }
      };
      realSetImmediate(turn);
    });
  }

  /** Runs the next event alone. False: nothing is left. */
  async step(): Promise<boolean> {
    const ran = this.runNext();
    if (ran) await settle();
    return ran;
  }

  private runNext(): boolean {
    for (;;) {
      const event = this.queue.pop();
      if (event === undefined) return false;
      if (event.cancelled || !event.life.alive) continue;
      if (event.life.frozen !== undefined) {
        event.life.frozen.push(event);
        continue;
      }
      this.nowMs = event.atMs;
      this.events++;
      if (isSpent(event.life)) return true;
      try {
        event.run();
      } catch (error) {
        if (event.life.threw === undefined) throw error;
        event.life.threw(error);
      }
      return true;
    }
  }
}

/** Counts an event of a life that is to end after some. */
function isSpent(life: Life): boolean {
  if (life.eventsLeft === undefined || life.eventsLeft-- > 0) return false;
  life.eventsLeft = undefined;
  life.onSpent?.();
  return true;
}

/** One turn of the real event loop: all microtasks run, and those that they start. */
export function settle(): Promise<void> {
  return new Promise((resolve) => void realSetImmediate(resolve));
}
