import type { Header } from '#types/header.ts';
import type { SignedHeader } from '#types/light-block.ts';
import type { ConsensusParams } from '#types/params.ts';
import type { Time } from '#types/time.ts';
import type { ValidatorSet } from '#types/validator-set.ts';

/**
 * The chain up to a height, as far as evidence is judged by it. Every node that stands at this height answers alike, so
 * a commit is the one that the next block carries, never the one that this node happened to see.
 */
export interface ChainHistory {
  readonly chainId: string;
  readonly initialHeight: number;
  /** Last applied height; nothing above it counts. */
  readonly height: number;
  /** Block time of `height`. */
  readonly time: Time;
  /** In force for `height + 1`. */
  readonly params: ConsensusParams['evidence'];
  /** Heights up to `height`; undefined where it is not kept. */
  header(height: number): Header | undefined;
  /** Heights below `height`, each with its commit from the block above; undefined where that is not kept. */
  signedHeader(height: number): SignedHeader | undefined;
  /** Who signed a height; undefined where it is not kept. */
  validators(height: number): Promise<ValidatorSet | undefined>;
}
