import { BizraError } from '#util/errors.ts';

export const CONSENSUS_ERROR_CODES = ['decided_block_invalid'] as const;
export type ConsensusErrorCode = (typeof CONSENSUS_ERROR_CODES)[number];

export function consensusError(code: ConsensusErrorCode, message: string): BizraError<ConsensusErrorCode> {
  return new BizraError(code, message);
}
