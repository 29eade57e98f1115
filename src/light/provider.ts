import type { LightClientAttackEvidence } from '#types/evidence.ts';
import type { LightBlock } from '#types/light-block.ts';

/** Whoever gives out light blocks: a node's RPC, a peer. Nothing that it says is believed before it is verified. */
export interface LightProvider {
  /** For messages: an address or a peer's id. */
  readonly name: string;
  /**
   * The light block of a height, or with undefined the newest. Throws BizraError `no_light_block` when it does not have
   * that height (pruned, or not there yet), `bad_light_block` when what came cannot be one; any other error counts as
   * `provider_failed`. The answer's size is bounded by the provider, `MAX_LIGHT_BLOCK_BYTES` at most.
   */
  lightBlock(height: number | undefined): Promise<LightBlock>;
  /** Hands evidence to the chain; failures are nobody's business here. */
  reportEvidence?(evidence: LightClientAttackEvidence): Promise<void>;
}
