import { indexerError } from './errors.ts';

/** Searches that run at once: each takes a slice of every turn of the event loop. */
const RUNNING_MAX = 2;
/** Searches that wait for their turn: far more than the wallets of a node ask at once. */
const WAITING_MAX = 100;

/** Lets a few searches run at once, in the order in which they came; what comes when too many wait is refused. */
export class SearchTurns {
  private running = 0;
  private readonly waiting: (() => void)[] = [];

  /** Settles as the search does. Throws `search_busy`. */
  async run<Found>(search: () => Promise<Found>): Promise<Found> {
    if (this.running < RUNNING_MAX) this.running += 1;
    else await this.turn();
    try {
      return await search();
    } finally {
      this.pass();
    }
  }

  private turn(): Promise<void> {
    if (this.waiting.length >= WAITING_MAX) {
      throw indexerError('search_busy', 'too many searches at once: ask again in some seconds');
    }
    return new Promise((resolve) => void this.waiting.push(resolve));
  }

  /** Whoever waits takes the place over, so that nobody who comes now is before it. */
  private pass(): void {
    const next = this.waiting.shift();
    if (next === undefined) this.running -= 1;
    else next();
  }
}
