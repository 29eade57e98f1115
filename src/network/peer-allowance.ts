import type { Clock } from '#ports/clock.ts';
import type { PeerId } from '#ports/transport.ts';

/** More peers than are connected at a time: from here on those that have their whole allowance are forgotten. */
const REMEMBERED_PEERS = 64;

interface Bucket {
  tokens: number;
  atMs: number;
}

export interface AllowanceOptions {
  /** What a peer may spend at once. */
  readonly burst: number;
  /** And how fast it gets that back. */
  readonly perSecond: number;
}

/**
 * A token bucket for each peer, for what honest peers do as well and nobody may do without end. What something costs may
 * be known only afterwards, so a bucket goes below zero; whoever leaves and comes back has what it had left.
 */
export class PeerAllowance {
  private readonly clock: Clock;
  private readonly options: AllowanceOptions;
  private readonly buckets = new Map<PeerId, Bucket>();

  constructor(components: { readonly clock: Clock }, options: AllowanceOptions) {
    this.clock = components.clock;
    this.options = options;
  }

  /** Peers that are remembered. */
  get size(): number {
    return this.buckets.size;
  }

  isUsedUp(peer: PeerId): boolean {
    const bucket = this.buckets.get(peer);
    return bucket !== undefined && this.tokensNow(bucket) <= 0;
  }

  spend(peer: PeerId, cost: number): void {
    const bucket = this.buckets.get(peer);
    if (bucket === undefined && this.buckets.size >= REMEMBERED_PEERS) this.forgetFull();
    const tokens = (bucket === undefined ? this.options.burst : this.tokensNow(bucket)) - cost;
    this.buckets.set(peer, { tokens, atMs: this.clock.monotonicMs() });
  }

  private tokensNow({ tokens, atMs }: Bucket): number {
    const { burst, perSecond } = this.options;
    return Math.min(burst, tokens + ((this.clock.monotonicMs() - atMs) / 1_000) * perSecond);
  }

  private forgetFull(): void {
    for (const [peer, bucket] of this.buckets) {
      if (this.tokensNow(bucket) >= this.options.burst) this.buckets.delete(peer);
    }
  }
}
