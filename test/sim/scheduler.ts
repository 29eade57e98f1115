import { BinaryHeap } from '#util/binary-heap.ts';

/** What an event belongs to: one incarnation of a node, or the world. Events of the dead never happen. */
export interface Life {
  alive: boolean;
}

interface Scheduled {
  readonly atMs: number;
  readonly order: number;
  readonly life: Life;
  readonly run: () => void;
  cancelled: boolean;
}

/** The real one, kept before `guard.ts` takes it away: nothing but the turn of the event loop depends on it. */
const realSetImmediate = setImmediate;

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
    const event = { atMs: this.nowMs + Math.max(0, delayMs), order: this.order++, life, run, cancelled: false };
    this.queue.push(event);
    return () => {
      event.cancelled = true;
    };
  }

  /** Resolves after `delayMs`; never, if `life` ends before. */
  pause(delayMs: number, life: Life): Promise<void> {
    return new Promise((resolve) => void this.after(delayMs, life, resolve));
  }

  /** Runs the next event, and everything that follows from it without time passing. False: nothing is left. */
  async step(): Promise<boolean> {
    for (;;) {
      const event = this.queue.pop();
      if (event === undefined) return false;
      if (event.cancelled || !event.life.alive) continue;
      this.nowMs = event.atMs;
      this.events++;
      event.run();
      await settle();
      return true;
    }
  }
}

/** One turn of the real event loop: all microtasks run, and those that they start. */
export function settle(): Promise<void> {
  return new Promise((resolve) => void realSetImmediate(resolve));
}
