import { type CommitSig, FLAG_COMMIT } from '#types/commit.ts';
import type { Header } from '#types/header.ts';
import type { ConflictingBlock, SignedHeader } from '#types/light-block.ts';
import type { Validator, ValidatorSet } from '#types/validator-set.ts';
import { compareBytes, equalBytes } from '#util/bytes.ts';

/**
 * Who can be proven to have made a conflicting block, power descending, then address ascending (CometBFT's
 * `GetByzantineValidators`). Of three kinds of attack:
 * - lunatic, the header is not one that execution could lead to: all validators of the common height who signed it;
 * - equivocation, a proper header decided in the same round as ours: all who signed both;
 * - amnesia, a proper header of another round: nobody, since signatures alone do not show who broke a lock.
 */
export function byzantineValidators(
  conflicting: ConflictingBlock,
  common: ValidatorSet,
  trusted: SignedHeader,
): Validator[] {
  const { header, commit, validators } = conflicting;
  const accused: Validator[] = [];
  if (isLunatic(header, trusted.header)) {
    for (const sig of commit.signatures) {
      const validator = isForBlock(sig) ? common.get(common.indexOf(sig.validatorAddress)) : undefined;
      if (validator !== undefined) accused.push(validator);
    }
  } else if (commit.round === trusted.commit.round) {
    // The validators are the same ones, so are their places.
    for (const [index, sig] of commit.signatures.entries()) {
      const validator = validators[index];
      if (validator !== undefined && isForBlock(sig) && isForBlock(trusted.commit.signatures[index])) {
        accused.push(validator);
      }
    }
  }
  return accused.sort(byPowerThenAddress);
}

/** Whether a field that follows from the past alone differs from the one that the chain has there. */
export function isLunatic(conflicting: Header, trusted: Header): boolean {
  return (
    !equalBytes(conflicting.validatorsHash, trusted.validatorsHash) ||
    !equalBytes(conflicting.nextValidatorsHash, trusted.nextValidatorsHash) ||
    !equalBytes(conflicting.consensusHash, trusted.consensusHash) ||
    !equalBytes(conflicting.appHash, trusted.appHash) ||
    !equalBytes(conflicting.lastResultsHash, trusted.lastResultsHash)
  );
}

function isForBlock(sig: CommitSig | undefined): boolean {
  return sig?.flag === FLAG_COMMIT;
}

function byPowerThenAddress(a: Validator, b: Validator): number {
  if (a.votingPower !== b.votingPower) return a.votingPower > b.votingPower ? -1 : 1;
  return compareBytes(a.address, b.address);
}
