import type { Verifier, VerifyItem } from '#crypto/verifier.ts';
import { byzantineValidators, isLunatic } from '#light/byzantine-validators.ts';
import { type CommitSig, commitSignBytes, FLAG_COMMIT } from '#types/commit.ts';
import type { LightClientAttackEvidence } from '#types/evidence.ts';
import { hashHeader } from '#types/header.ts';
import type { ConflictingBlock, SignedHeader } from '#types/light-block.ts';
import { hasOneThird, hasTwoThirds } from '#types/quorum.ts';
import type { Validator, ValidatorSet } from '#types/validator-set.ts';
import { equalBytes, toHex, toLatin1 } from '#util/bytes.ts';
import { genuine } from './errors.ts';
import { checkLightBlock } from './light-block.ts';

/** Signatures that are checked before the others: garbage is found here, whatever its amount. */
const FIRST_SIGNATURES = 8;

/** What the chain has where the attack took place. */
export interface AttackedChain {
  readonly chainId: string;
  /** At the evidence's common height. */
  readonly common: SignedHeader;
  /** Signed the common height. */
  readonly commonValidators: ValidatorSet;
  /** At the conflicting block's height; the newest signed one where the chain is not there yet. */
  readonly trusted: SignedHeader;
}

/**
 * CometBFT's `VerifyLightClientAttack`: a block other than ours that a light client which trusts the common height would
 * take, and the accused are exactly those whom the signatures convict. Every signature for the block is verified,
 * after all that costs less. Throws `evidence_forged`.
 */
export async function verifyLightClientAttack(
  verifier: Verifier,
  evidence: LightClientAttackEvidence,
  chain: AttackedChain,
): Promise<void> {
  const { chainId, common, commonValidators, trusted } = chain;
  const { conflictingBlock } = evidence;
  checkLightBlock(conflictingBlock);
  checkConflict(evidence, chain);
  const signers = forBlock(conflictingBlock);
  const isKnown = ({ sig }: Signer): boolean => commonValidators.indexOf(sig.validatorAddress) >= 0;
  checkPower(conflictingBlock, signers);
  // A jump over heights is believed when a third of those who are trusted vouch for it.
  if (common.header.height !== conflictingBlock.header.height) checkTrust(commonValidators, signers.filter(isKnown));
  genuine(
    evidence.totalVotingPower === commonValidators.totalPower,
    () => `evidence states ${evidence.totalVotingPower} voting power, it is ${commonValidators.totalPower}`,
  );
  checkAccused(evidence.byzantineValidators, byzantineValidators(conflictingBlock, commonValidators, trusted));
  // Those first whose keys a forger does not have.
  const ordered = [...signers.filter(isKnown), ...signers.filter((signer) => !isKnown(signer))];
  await verifySignatures(verifier, chainId, conflictingBlock, ordered.slice(0, FIRST_SIGNATURES));
  await verifySignatures(verifier, chainId, conflictingBlock, ordered.slice(FIRST_SIGNATURES));
}

/** The conflicting block is another one than ours, and conflicts in a way in which it could not have come about. */
function checkConflict(evidence: LightClientAttackEvidence, { common, trusted }: AttackedChain): void {
  const { header } = evidence.conflictingBlock;
  genuine(
    evidence.commonHeight <= header.height,
    () => `common height ${evidence.commonHeight} is above the conflicting block's, ${header.height}`,
  );
  if (common.header.height === header.height) {
    genuine(
      !isLunatic(header, trusted.header),
      () => 'a header at the common height that execution could not have led to: no light client would take it',
    );
  }
  if (header.height > trusted.header.height) {
    genuine(header.time <= trusted.header.time, () => 'a block above our newest one that is later in time, too');
  }
  genuine(
    !equalBytes(hashHeader(header), hashHeader(trusted.header)),
    () => `the conflicting block is our own block ${header.height}`,
  );
}

interface Signer {
  readonly index: number;
  readonly validator: Validator;
  readonly sig: CommitSig;
}

/** Those who signed the conflicting block, each at its own place in the commit. */
function forBlock({ commit, validators }: ConflictingBlock): Signer[] {
  const signers: Signer[] = [];
  for (const [index, sig] of commit.signatures.entries()) {
    if (sig.flag !== FLAG_COMMIT) continue;
    const validator = validators[index];
    genuine(
      validator !== undefined && equalBytes(validator.address, sig.validatorAddress),
      () => `address ${toHex(sig.validatorAddress)} does not belong to entry ${index} of the conflicting commit`,
    );
    signers.push({ index, validator, sig });
  }
  return signers;
}

/** More than two thirds of the conflicting block's own validators. */
function checkPower({ validators }: ConflictingBlock, signers: readonly Signer[]): void {
  const total = validators.reduce((sum, { votingPower }) => sum + votingPower, 0n);
  const power = signers.reduce((sum, { validator }) => sum + validator.votingPower, 0n);
  genuine(hasTwoThirds(power, total), () => `the conflicting commit has ${power} of ${total} voting power`);
}

/** More than a third of the common height's validators. */
function checkTrust(common: ValidatorSet, signers: readonly Signer[]): void {
  const seen = new Set<string>();
  let power = 0n;
  for (const { validator } of signers) {
    const key = toLatin1(validator.address);
    genuine(!seen.has(key), () => `validator ${toHex(validator.address)} is in the conflicting commit twice`);
    seen.add(key);
    power += common.get(common.indexOf(validator.address))?.votingPower ?? 0n;
  }
  genuine(
    hasOneThird(power, common.totalPower),
    () => `the conflicting commit has ${power} of the common height's ${common.totalPower} voting power`,
  );
}

/** Computed here, never taken over: who is named decides who pays (regression lca-byzantine-key-swap). */
function checkAccused(stated: readonly Validator[], computed: readonly Validator[]): void {
  genuine(
    stated.length === computed.length,
    () => `evidence accuses ${stated.length} validators, it convicts ${computed.length}`,
  );
  for (const [index, expected] of computed.entries()) {
    const { address, pubKey, votingPower } = stated[index] as Validator;
    genuine(
      equalBytes(address, expected.address) &&
        pubKey.type === expected.pubKey.type &&
        equalBytes(pubKey.bytes, expected.pubKey.bytes) &&
        votingPower === expected.votingPower,
      () => `evidence accuses ${toHex(address)} with power ${votingPower} where it convicts ${toHex(expected.address)}`,
    );
  }
}

/** All of them: a forged one that rode along would accuse somebody (regression evidence-all-signatures). */
async function verifySignatures(
  verifier: Verifier,
  chainId: string,
  { commit }: ConflictingBlock,
  signers: readonly Signer[],
): Promise<void> {
  if (signers.length === 0) return;
  const items = signers.map(
    ({ index, validator, sig }): VerifyItem => ({
      type: validator.pubKey.type,
      publicKey: validator.pubKey.bytes,
      message: commitSignBytes(chainId, commit, index),
      signature: sig.signature,
    }),
  );
  const verdicts = await verifier.verify(items);
  const wrong = signers[verdicts.findIndex((valid) => !valid)];
  genuine(
    verdicts.length === items.length && wrong === undefined,
    () => `signature of entry ${wrong?.index} in the conflicting commit is wrong`,
  );
}
