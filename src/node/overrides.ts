import type { BlockApp } from '#engine/block-execution.ts';
import type { ChainState } from '#engine/chain-state.ts';
import type { BrokenRule } from '#util/broken-rule.ts';

/** What only tests set: `start.ts` passes nothing. */
export interface NodeOverrides {
  /** A rule to leave out, to see that the simulator's checkers notice. */
  readonly brokenRule?: BrokenRule;
  /** The key signs without a look at what it may have signed elsewhere: for a forgetful signer, and for twins. */
  readonly unguardedKey?: boolean;
  /** Stands between blocks and the ledger. `head` is what the next block must agree with. */
  readonly wrapApp?: (app: BlockApp, head: () => ChainState) => BlockApp;
}
