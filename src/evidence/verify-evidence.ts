import type { Verifier } from '#crypto/verifier.ts';
import type { Evidence, LightClientAttackEvidence } from '#types/evidence.ts';
import type { SignedHeader } from '#types/light-block.ts';
import { formatTime } from '#types/time.ts';
import { verifyDuplicateVote } from './duplicate-vote.ts';
import { evidenceError, genuine } from './errors.ts';
import { evidenceHeight, isExpired } from './evidence.ts';
import type { ChainHistory } from './history.ts';
import { type AttackedChain, verifyLightClientAttack } from './light-attack.ts';

/**
 * Whether evidence is good for the block after `history.height`: a function of the evidence and the chain alone. What
 * is cheap comes first, signatures last. Throws a BizraError with an EvidenceErrorCode.
 */
export async function verifyEvidence(verifier: Verifier, history: ChainHistory, evidence: Evidence): Promise<void> {
  const height = evidenceHeight(evidence);
  genuine(height >= history.initialHeight, () => `evidence is of height ${height}, before the first`);
  if (height > history.height) {
    throw evidenceError('evidence_early', `evidence is of height ${height}, the chain is at ${history.height}`);
  }
  const header = history.header(height);
  if (header === undefined) throw unknownHeight(height);
  // Nobody's clock but the chain's own (regression evidence-time-source).
  genuine(
    evidence.timestamp === header.time,
    () => `evidence states the time ${formatTime(evidence.timestamp)}, block ${height} has ${formatTime(header.time)}`,
  );
  if (isExpired(history.params, history, { height, time: header.time })) {
    throw evidenceError('evidence_expired', `evidence of height ${height} is too old at height ${history.height}`);
  }
  const validators = await history.validators(height);
  if (validators === undefined) throw unknownHeight(height);
  if (evidence.kind === 'duplicate-vote') {
    return verifyDuplicateVote(verifier, history.chainId, evidence, validators);
  }
  return verifyLightClientAttack(verifier, evidence, {
    chainId: history.chainId,
    commonValidators: validators,
    ...signedHeaders(history, evidence),
  });
}

/**
 * Whether the verdict on evidence can change while the chain grows: a conflicting block above what is signed is compared
 * with the newest signed one, until the chain has one at its height.
 */
export function isAheadOf(history: Pick<ChainHistory, 'height'>, evidence: Evidence): boolean {
  return evidence.kind === 'light-client-attack' && evidence.conflictingBlock.header.height >= history.height;
}

/** A commit counts from the block on that carries it, so the newest signed header is the one before the last. */
function signedHeaders(
  history: ChainHistory,
  evidence: LightClientAttackEvidence,
): Pick<AttackedChain, 'common' | 'trusted'> {
  const { commonHeight, conflictingBlock } = evidence;
  if (commonHeight >= history.height) {
    throw evidenceError('evidence_early', `common height ${commonHeight} is not signed on the chain yet`);
  }
  const common = signedAt(history, commonHeight);
  const { height, time } = conflictingBlock.header;
  if (height <= commonHeight) return { common, trusted: common };
  if (height < history.height) return { common, trusted: signedAt(history, height) };
  const trusted = signedAt(history, history.height - 1);
  // Not forged for that: the block may be compared with our own of its height later.
  if (time > trusted.header.time) {
    throw evidenceError('evidence_early', `conflicting block ${height} is ahead of the chain in height and time`);
  }
  return { common, trusted };
}

function signedAt(history: ChainHistory, height: number): SignedHeader {
  const signed = history.signedHeader(height);
  if (signed === undefined) throw unknownHeight(height);
  return signed;
}

function unknownHeight(height: number): Error {
  return evidenceError('evidence_unknown_height', `the records of height ${height} are not kept`);
}
