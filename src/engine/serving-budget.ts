import type { Clock } from '#ports/clock.ts';
import type { PeerId } from '#ports/transport.ts';

const SECOND_MS = 1_000;
/** More peers than are connected at a time: from here on those who owe nothing are forgotten. */
const REMEMBERED_PEERS = 64;

/**
 * How much one peer is given a second, whatever it asks for: what is above waits, and with it the peer, whose requests
 * in flight are limited. So whoever asks in an endless loop costs a known share of this node's disk and line. Who leaves and
 * comes back owes what it owed.
 */
export class ServingBudget {
  private readonly clock: Clock;
  private readonly perSecond: number;
  /** When each peer will have used up what it was given. */
  private readonly paidUntilMs = new Map<PeerId, number>();

  /** `perSecond` in units of the caller. */
  constructor(components: { readonly clock: Clock }, options: { readonly perSecond: number }) {
    this.clock = components.clock;
    this.perSecond = options.perSecond;
  }

  /** Peers that are remembered. */
  get size(): number {
    return this.paidUntilMs.size;
  }

  /** Resolves when the peer may have another answer: a second's worth goes ahead. */
  async turn(peer: PeerId): Promise<void> {
    for (;;) {
      const waitMs = (this.paidUntilMs.get(peer) ?? 0) - SECOND_MS - this.clock.monotonicMs();
      if (waitMs <= 0) return;
      await new Promise<void>((resolve) => void this.clock.setTimer(waitMs, resolve));
    }
  }

  charge(peer: PeerId, cost: number): void {
    const now = this.clock.monotonicMs();
    if (this.paidUntilMs.size >= REMEMBERED_PEERS) this.forgetPaid(now);
    const from = Math.max(this.paidUntilMs.get(peer) ?? 0, now);
    this.paidUntilMs.set(peer, from + (cost / this.perSecond) * SECOND_MS);
  }

  private forgetPaid(now: number): void {
    for (const [peer, untilMs] of this.paidUntilMs) if (untilMs <= now) this.paidUntilMs.delete(peer);
  }
}
