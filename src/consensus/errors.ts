import { toHex } from '#util/bytes.ts';
import { MachineError } from '#util/errors.ts';

export const CONSENSUS_ERROR_CODES = ['decided_block_invalid'] as const;
export type ConsensusErrorCode = (typeof CONSENSUS_ERROR_CODES)[number];

/** More than two thirds are right about a block, or nobody can be: whoever finds it invalid must not go on. */
export function decidedBlockInvalid(hash: Uint8Array, height: number): MachineError<ConsensusErrorCode> {
  return new MachineError(
    'decided_block_invalid',
    `+2/3 of the power committed block ${toHex(hash)} at height ${height}, which this node finds invalid: ` +
      'stop, compare the app hash and version with other nodes, and roll back or sync anew',
  );
}
