import { isNilBlockId } from '#types/block-id.ts';
import type { Proposal } from '#types/proposal.ts';

/** Proposals of this many rounds after the current one are held; a node further behind skips there by votes first. */
export const PROPOSAL_ROUNDS_AHEAD = 4;

/** Bytes of a block part. */
const PART_BYTES = 65_536;

/** CometBFT's own cap, which also stands for "no limit" (-1). Bytes. */
export const MAX_BLOCK_BYTES = 104_857_600;

/** Shape that every proposal must have before anything is reserved for its block. */
export function isWellFormedProposal(proposal: Proposal, maxBlockBytes: number): boolean {
  const { round, polRound, blockId } = proposal;
  if (!Number.isSafeInteger(round) || round < 0) return false;
  if (!Number.isSafeInteger(polRound) || polRound < -1 || polRound >= round) return false;
  return !isNilBlockId(blockId) && blockId.partSetHeader.total <= maxParts(maxBlockBytes);
}

function maxParts(maxBlockBytes: number): number {
  const bytes = maxBlockBytes < 0 ? MAX_BLOCK_BYTES : maxBlockBytes;
  return Math.floor((bytes - 1) / PART_BYTES) + 1;
}
