import type { BlockId } from '#types/block-id.ts';
import { type DuplicateVoteEvidence, decodeEvidence, encodeEvidence } from '#types/evidence.ts';
import type { Vote } from '#types/vote.ts';
import { BizraError } from '#util/errors.ts';
import type { Rig } from './rig.ts';

/** Two votes of an honest validator, of which it cast one. Undefined before a vote for a block was seen. */
export function junkEvidence(rig: Rig): DuplicateVoteEvidence | undefined {
  const seen = rig.seen.votes.findLast((vote) => !rig.isMine(vote) && vote.blockId.hash.length > 0);
  if (seen === undefined) return undefined;
  const blockId: BlockId = { hash: rig.random.bytes(32), partSetHeader: { total: 1, hash: rig.random.bytes(32) } };
  return accusation(seen, { ...seen, blockId, signature: rig.random.bytes(64) });
}

/** Evidence of two votes, in the order of their block ids; powers and time are made up. */
export function accusation(first: Vote, second: Vote): DuplicateVoteEvidence {
  const common = { kind: 'duplicate-vote', totalVotingPower: 400n, validatorPower: 100n } as const;
  const evidence = { ...common, timestamp: first.timestamp, voteA: first, voteB: second };
  return isWellFormed(evidence) ? evidence : { ...evidence, voteA: second, voteB: first };
}

function isWellFormed(evidence: DuplicateVoteEvidence): boolean {
  try {
    decodeEvidence(encodeEvidence(evidence));
    return true;
  } catch (error) {
    if (!(error instanceof BizraError)) throw error;
    return false;
  }
}
