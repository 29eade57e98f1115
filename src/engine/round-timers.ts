import type { TimeoutStep } from '#consensus/input.ts';
import type { Clock, Timer } from '#ports/clock.ts';

export interface RoundTimeout {
  readonly height: number;
  readonly round: number;
  readonly step: TimeoutStep;
}

/** One timer a step, the newest. */
export class RoundTimers {
  private readonly clock: Clock;
  private readonly onTimeout: (timeout: RoundTimeout) => void;
  private readonly timers = new Map<TimeoutStep, Timer>();

  constructor(clock: Clock, onTimeout: (timeout: RoundTimeout) => void) {
    this.clock = clock;
    this.onTimeout = onTimeout;
  }

  schedule({ height, round, step }: RoundTimeout, delayMs: number): void {
    this.timers.get(step)?.cancel();
    this.timers.delete(step);
    if (delayMs <= 0) {
      this.onTimeout({ height, round, step });
      return;
    }
    const timer = this.clock.setTimer(delayMs, () => {
      this.timers.delete(step);
      this.fire({ height, round, step });
    });
    this.timers.set(step, timer);
  }

  cancelAll(): void {
    for (const timer of this.timers.values()) timer.cancel();
    this.timers.clear();
  }

  /** Node fires due timers before it reads sockets: a vote that has arrived must count before the timeout does. */
  private fire(timeout: RoundTimeout): void {
    this.clock.yield().then(
      () => this.onTimeout(timeout),
      () => {},
    );
  }
}
