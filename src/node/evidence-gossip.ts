import type { AppliedHeight } from '#engine/chain.ts';
import type { EvidencePool } from '#engine/evidence-pool.ts';
import type { Network } from '#network/network.ts';
import type { Clock } from '#ports/clock.ts';
import type { Logger } from '#telemetry/logger.ts';
import { decodeEvidence, type Evidence, encodeEvidence } from '#types/evidence.ts';

/** Peers forget what they have seen of gossip after two minutes; before that, they would not take it again. */
const OFFER_MS = 150_000;

export interface EvidenceGossipComponents {
  readonly pool: EvidencePool;
  readonly network: Pick<Network, 'gossipEvidence'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Tells peers what is pending: once, and again after a while, for gossip may lose a message, and nodes come later. */
export class EvidenceGossip {
  private readonly components: EvidenceGossipComponents;

  constructor(components: EvidenceGossipComponents) {
    this.components = components;
  }

  applied({ newEvidence }: AppliedHeight): void {
    for (const evidence of newEvidence) {
      if (evidence.kind !== 'duplicate-vote') continue;
      const { height, round, validatorIndex } = evidence.voteA;
      this.components.logger.error('a validator signed two votes', { height, round, validator: validatorIndex });
    }
    this.offer();
  }

  /** Takes evidence that a client brings. Throws a BizraError that says why not. */
  async add(evidence: Evidence): Promise<void> {
    // What no peer could decode must not get into a block of mine.
    await this.components.pool.add(decodeEvidence(encodeEvidence(evidence)));
    this.offer();
  }

  private offer(): void {
    const { pool, network, clock } = this.components;
    for (const evidence of pool.takeForGossip(clock.monotonicMs(), OFFER_MS)) network.gossipEvidence([evidence]);
  }
}
