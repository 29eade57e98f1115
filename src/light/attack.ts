import type { LightClientAttackEvidence } from '#types/evidence.ts';
import { conflictingBlockOf, type LightBlock } from '#types/light-block.ts';
import { BizraError } from '#util/errors.ts';
import { byzantineValidators, isLunatic } from './byzantine-validators.ts';
import type { LightErrorCode } from './errors.ts';
import { describeHeader } from './light-block.ts';

/** What is held against one side of an attack, and whose word it is about. */
export interface Accusation {
  readonly provider: string;
  readonly evidence: LightClientAttackEvidence;
}

/**
 * Two verified headers of one chain contradict each other: validators have signed both ways, and a light client alone
 * cannot tell who lies. Both sides' evidence is here; the chain knows which of them is its own.
 */
export class LightClientAttack extends BizraError<LightErrorCode> {
  readonly accusations: readonly Accusation[];

  constructor(primary: LightBlock, witness: LightBlock, common: LightBlock, accusations: readonly Accusation[]) {
    const [first, second] = accusations.map(({ provider }) => provider);
    super(
      'light_client_attack',
      `attack on light clients: ${first} shows header ${describeHeader(primary)}, ` +
        `${second ?? 'a witness'} shows header ${describeHeader(witness)}, and both are signed by validators of height ` +
        `${common.header.height}; trust neither, and take a newer trusted header from people whom you know`,
    );
    this.accusations = accusations;
  }
}

/**
 * Evidence against `conflicting` as CometBFT makes it, seen from the chain that has `trusted` in its place; `common` is
 * the last block that both sides share. Where execution could not have led to the conflicting header, those of the
 * common height answer for it; else those who signed twice at its own.
 */
export function attackEvidence(
  conflicting: LightBlock,
  trusted: LightBlock,
  common: LightBlock,
): LightClientAttackEvidence {
  const base = isLunatic(conflicting.header, trusted.header) ? common : trusted;
  const conflictingBlock = conflictingBlockOf(conflicting);
  return {
    kind: 'light-client-attack',
    conflictingBlock,
    commonHeight: base.header.height,
    byzantineValidators: byzantineValidators(conflictingBlock, common.validators, trusted),
    totalVotingPower: base.validators.totalPower,
    timestamp: base.header.time,
  };
}
