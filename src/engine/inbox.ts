import type { Input } from '#consensus/input.ts';

/** An input before the engine stamps it with the time at which it is consumed. */
export type Unstamped = Input extends infer I ? (I extends { now: bigint } ? Omit<I, 'now'> : never) : never;

/**
 * Inputs of peers that wait while a height is applied. More are dropped: what was lost shows in what this node reports,
 * and is sent again.
 */
const PEER_INPUTS_MAX = 20_000;

/** Inputs that wait to be consumed, in the order in which they came. */
export class Inbox {
  private waiting: Unstamped[] = [];
  /** Answers of the signer and new heights: consumed before the others, in order. */
  private readonly urgent: Unstamped[] = [];
  private wake: (() => void) | undefined;

  get isEmpty(): boolean {
    return this.waiting.length === 0 && this.urgent.length === 0;
  }

  /** What peers send at their own pace is to be dropped. */
  get isFull(): boolean {
    return this.waiting.length >= PEER_INPUTS_MAX;
  }

  push(input: Unstamped): void {
    this.waiting.push(input);
    this.wakeUp();
  }

  /** Only the engine's loop brings these, so it need not be woken. */
  pushUrgent(...inputs: readonly Unstamped[]): void {
    this.urgent.push(...inputs);
  }

  /** Hands over inputs of one kind, urgent ones if there are any: at most `max`, until `consume` says that it has enough. */
  take(max: number, consume: (input: Unstamped) => 'more' | 'enough'): void {
    const queue = this.urgent.length > 0 ? this.urgent : this.waiting;
    let taken = 0;
    while (taken < queue.length && taken < max) if (consume(queue[taken++] as Unstamped) === 'enough') break;
    queue.splice(0, taken);
  }

  /** Blocks of decided heights: nothing holds their bodies any more. */
  dropBlocksUpTo(height: number): void {
    this.waiting = this.waiting.filter(
      (input) => (input.kind !== 'block' && input.kind !== 'blockBuilt') || input.block.header.height > height,
    );
  }

  /** Resolves with the next input, or when it is woken for another reason. */
  arrival(): Promise<void> {
    return new Promise((resolve) => {
      this.wake = resolve;
    });
  }

  wakeUp(): void {
    this.wake?.();
    this.wake = undefined;
  }
}
