import type { Validator, ValidatorSet } from '#types/validator-set.ts';

/** Lookups remembered for one height; rounds are few, so this only bounds a very long height. */
const MAX_REMEMBERED = 16;

/**
 * Who proposes in a round: CometBFT's rotation, always counted from the priorities of round 0, so that the answer
 * does not depend on which rounds a node went through.
 */
export class ProposerRotation {
  private readonly validators: ValidatorSet;
  private readonly known = new Map<number, Validator>();

  constructor(validators: ValidatorSet) {
    this.validators = validators;
  }

  /** Costs O(round): callers bound the round first. */
  at(round: number): Validator {
    const remembered = this.known.get(round);
    if (remembered !== undefined) return remembered;
    const proposer = round === 0 ? this.validators.proposer : this.validators.incremented(round).proposer;
    if (this.known.size >= MAX_REMEMBERED) this.known.clear();
    this.known.set(round, proposer);
    return proposer;
  }
}
