import type { Verifier } from '#crypto/verifier.ts';
import { checkDuplicateVotes, type DuplicateVoteEvidence } from '#types/evidence.ts';
import type { ValidatorSet } from '#types/validator-set.ts';
import { type Vote, voteSignBytes } from '#types/vote.ts';
import { equalBytes, toHex } from '#util/bytes.ts';
import { BizraError } from '#util/errors.ts';
import { evidenceError, genuine } from './errors.ts';

/**
 * Two votes for one height, round and type by a validator of that height, with its power there; signatures last.
 * `validators` signed the votes' height. Throws `evidence_forged`.
 */
export async function verifyDuplicateVote(
  verifier: Verifier,
  chainId: string,
  evidence: DuplicateVoteEvidence,
  validators: ValidatorSet,
): Promise<void> {
  checkVotes(evidence);
  const { voteA, voteB } = evidence;
  // The index is not signed. Were it free, one offence would have as many hashes as there are numbers.
  const validator = validators.get(voteA.validatorIndex);
  genuine(
    validator !== undefined && equalBytes(validator.address, voteA.validatorAddress),
    () => `${toHex(voteA.validatorAddress)} is not validator ${voteA.validatorIndex} of height ${voteA.height}`,
  );
  genuine(
    validator.votingPower === evidence.validatorPower && validators.totalPower === evidence.totalVotingPower,
    () =>
      `evidence states power ${evidence.validatorPower} of ${evidence.totalVotingPower}, ` +
      `it is ${validator.votingPower} of ${validators.totalPower}`,
  );
  const item = (vote: Vote) => ({
    type: validator.pubKey.type,
    publicKey: validator.pubKey.bytes,
    message: voteSignBytes(chainId, vote),
    signature: vote.signature,
  });
  const verdicts = await verifier.verify([item(voteA), item(voteB)]);
  genuine(verdicts.length === 2 && verdicts.every(Boolean), () => 'a vote has a wrong signature');
}

function checkVotes(evidence: DuplicateVoteEvidence): void {
  try {
    checkDuplicateVotes(evidence);
  } catch (error) {
    if (!(error instanceof BizraError)) throw error;
    throw evidenceError('evidence_forged', error.message);
  }
}
