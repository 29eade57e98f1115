import type { Verifier } from '#crypto/verifier.ts';
import { isRefusal } from '#evidence/errors.ts';
import { evidenceHash } from '#evidence/evidence.ts';
import type { ChainHistory } from '#evidence/history.ts';
import { verifyEvidence } from '#evidence/verify-evidence.ts';
import type { Block } from '#types/block.ts';
import { encodeEvidenceList } from '#types/evidence.ts';
import { toHex, toLatin1 } from '#util/bytes.ts';
import { BizraError } from '#util/errors.ts';
import { NEVER_PAUSE, type Pause } from '#util/pause.ts';

/** What a block's evidence is judged by: the chain below the block, and nothing of what this node holds besides. */
export interface EvidenceRules {
  readonly history: ChainHistory;
  /** Height of the block that carried evidence with this hash. */
  readonly committedAt: (hash: Uint8Array) => number | undefined;
  readonly pause?: Pause;
}

/**
 * Evidence of a block: within the size that the parameters allow, each piece once, on no earlier block, and true.
 * `evidence_hash` was compared before. Throws a BizraError.
 */
export async function validateEvidence(verifier: Verifier, rules: EvidenceRules, block: Block): Promise<void> {
  const { evidence, header } = block;
  if (evidence.length === 0) return;
  const { history, committedAt, pause = NEVER_PAUSE } = rules;
  const bytes = encodeEvidenceList(evidence).length;
  const { maxBytes } = history.params;
  if (bytes > maxBytes) throw refusal('too_much_evidence', `${bytes} bytes of evidence, more than ${maxBytes}`);
  const seen = new Set<string>();
  for (const item of evidence) {
    const hash = evidenceHash(item);
    const key = toLatin1(hash);
    if (seen.has(key)) throw refusal('repeated_evidence', `evidence ${toHex(hash)} comes twice`);
    seen.add(key);
    const height = committedAt(hash);
    // A mark at this height or above is of this very block, or of a later one: the head has moved on meanwhile.
    if (height !== undefined && height < header.height) {
      throw refusal('repeated_evidence', `evidence ${toHex(hash)} was in block ${height}`);
    }
  }
  for (const item of evidence) {
    await verify(verifier, history, item);
    await pause();
  }
}

async function verify(verifier: Verifier, history: ChainHistory, item: Block['evidence'][number]): Promise<void> {
  try {
    await verifyEvidence(verifier, history, item);
  } catch (error) {
    // Damaged records are no verdict on the block.
    if (!isRefusal(error)) throw error;
    throw new BizraError('invalid_evidence', error.message, { cause: error });
  }
}

function refusal(code: 'too_much_evidence' | 'repeated_evidence', message: string): BizraError {
  return new BizraError(code, message);
}
