import type { Step } from '#consensus/height-state.ts';
import type { RoundStepNumber } from '#rpc/node-api.ts';

/** CometBFT's step numbers (wire-formats 5.1); its waits are no steps of their own here. */
export const STEP_NUMBERS: Readonly<Record<Step, RoundStepNumber>> = {
  newHeight: 1,
  propose: 3,
  prevote: 4,
  precommit: 6,
  commit: 8,
};
