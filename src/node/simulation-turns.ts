import type { Clock } from '#ports/clock.ts';
import { BizraError } from '#util/errors.ts';
import { SerialQueue } from '#util/serial-queue.ts';

/** Simulations that wait or run: far more than the wallets of a node ask for at once. */
const WAITING_MAX = 100;

/**
 * Simulations run in one piece, the largest for some 50 ms, and may come by the batch: each has a turn of the event
 * loop of its own, so that the node's own work runs between any two.
 */
export class SimulationTurns {
  private readonly clock: Clock;
  private readonly queue = new SerialQueue();

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** Settles as the simulation does. Throws BizraError 'simulation_busy'. */
  async run<Result>(simulate: () => Promise<Result>): Promise<Result> {
    if (this.queue.size >= WAITING_MAX) {
      throw new BizraError('simulation_busy', 'too many simulations at once: ask again in some seconds');
    }
    return this.queue.run(async () => {
      await this.clock.yield();
      return simulate();
    });
  }
}
