import type { Verifier } from '#crypto/verifier.ts';
import { type EvidenceErrorCode, isRefusal } from '#evidence/errors.ts';
import { evidenceHash } from '#evidence/evidence.ts';
import type { ChainHistory } from '#evidence/history.ts';
import { verifyEvidence } from '#evidence/verify-evidence.ts';
import type { Block } from '#types/block.ts';
import { encodeEvidenceList } from '#types/evidence.ts';
import { toHex, toLatin1 } from '#util/bytes.ts';
import { BizraError, MachineError } from '#util/errors.ts';
import { NEVER_PAUSE, type Pause } from '#util/pause.ts';
import type { InvalidBlockCode } from './errors.ts';

/**
 * All that a node can say which has no records of a height: it began with a snapshot and found nobody with older headers, or
 * they are damaged. The block may well be valid.
 */
export const EVIDENCE_UNJUDGED = 'evidence_unknown_height' satisfies EvidenceErrorCode;

/** What a block's evidence is judged by: the chain below the block, and nothing of what this node holds besides. */
export interface EvidenceRules {
  readonly history: ChainHistory;
  /** Height of the block that carried evidence with this hash. */
  readonly committedAt: (hash: Uint8Array) => number | undefined;
  readonly pause?: Pause;
}

/**
 * Evidence of a block: within the size that the parameters allow, each piece once, on no earlier block, and true.
 * `evidence_hash` was compared before. Throws a BizraError; with EVIDENCE_UNJUDGED where this node cannot read
 * the records of a height, and the rest holds.
 */
export async function validateEvidence(verifier: Verifier, rules: EvidenceRules, block: Block): Promise<void> {
  const { evidence, header } = block;
  if (evidence.length === 0) return;
  const { history, committedAt, pause = NEVER_PAUSE } = rules;
  const bytes = encodeEvidenceList(evidence).length;
  const { maxBytes } = history.params;
  if (bytes > maxBytes) throw refusal('too_much_evidence', `${bytes} bytes of evidence, more than ${maxBytes}`);
  const seen = new Set<string>();
  let unjudged: BizraError | undefined;
  for (const item of evidence) {
    const hash = evidenceHash(item);
    const key = toLatin1(hash);
    if (seen.has(key)) throw refusal('repeated_evidence', `evidence ${toHex(hash)} comes twice`);
    seen.add(key);
    const open = await unanswered(() => checkIsNew(hash, committedAt(hash), header.height));
    unjudged ??= open;
  }
  for (const item of evidence) {
    const open = await unanswered(() => verifyEvidence(verifier, history, item));
    unjudged ??= open;
    await pause();
  }
  if (unjudged !== undefined) throw unjudged;
}

function checkIsNew(hash: Uint8Array, markedAt: number | undefined, height: number): void {
  // A mark at this height or above is of this very block, or of a later one: the head has moved on meanwhile.
  if (markedAt !== undefined && markedAt < height)
    throw refusal('repeated_evidence', `evidence ${toHex(hash)} was in block ${markedAt}`);
}

/**
 * What is to be said of the whole block when nothing else is wrong with it: that this node cannot answer, because it does
 * not have the records of a height, or they are damaged. Whoever proposes chooses the height, and must not end a node by it.
 */
async function unanswered(look: () => void | Promise<void>): Promise<BizraError | undefined> {
  try {
    await look();
    return undefined;
  } catch (error) {
    if (error instanceof MachineError && error.code === 'damaged')
      return new BizraError(EVIDENCE_UNJUDGED, error.message, { cause: error });
    if (!isRefusal(error)) throw error;
    if (error.code === EVIDENCE_UNJUDGED) return error;
    throw refusal('invalid_evidence', error.message, { cause: error });
  }
}

function refusal(code: InvalidBlockCode, message: string, options?: ErrorOptions): BizraError<InvalidBlockCode> {
  return new BizraError(code, message, options);
}
