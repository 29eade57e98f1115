import { accusedBy, evidenceHash, evidenceHeight, isExpired } from '#evidence/evidence.ts';
import { type Evidence, encodeEvidence, encodeEvidenceList } from '#types/evidence.ts';
import { toLatin1 } from '#util/bytes.ts';
import type { ChainState } from './chain-state.ts';

/** Evidence that no block carries yet, with what is asked of it again and again. */
export interface Pending {
  readonly evidence: Evidence;
  readonly hash: Uint8Array;
  readonly encoded: Uint8Array;
  /** Bytes that it takes in a block. */
  readonly framed: number;
  /** Keys of those whom it accuses. */
  readonly accused: readonly string[];
  /** Height by which it was judged, where the verdict may change as the chain grows; otherwise undefined. */
  judgedAt: number | undefined;
  /** When it was last gossiped, on the monotonic clock. */
  offeredMs: number | undefined;
}

export function pendingOf(evidence: Evidence): Pending {
  return {
    evidence,
    hash: evidenceHash(evidence),
    encoded: encodeEvidence(evidence),
    framed: encodeEvidenceList([evidence]).length,
    accused: accusedBy(evidence).map(({ address }) => toLatin1(address)),
    judgedAt: undefined,
    offeredMs: undefined,
  };
}

/** Expired for the block after `state.height`. */
export function isPast(state: ChainState, evidence: Evidence): boolean {
  return isExpired(
    state.params.evidence,
    { height: state.height, time: state.lastBlockTime },
    { height: evidenceHeight(evidence), time: evidence.timestamp },
  );
}
