import { CONSENSUS_STORE } from '#app/modules/chain/state.ts';
import { evidenceHash } from '#evidence/evidence.ts';
import type { ChangeSet } from '#state/store.ts';
import type { Evidence } from '#types/evidence.ts';
import { decodeWhole, readMessage } from '#types/wire.ts';
import { encodeWith } from '#types/wire-writer.ts';
import { toLatin1 } from '#util/bytes.ts';

/** Before the hash of evidence that a block carried, in the consensus store. */
export const EVIDENCE_MARK_PREFIX = 'Evidence/';

const MAX_MARK_BYTES = 16;

/**
 * The changes of a block, with a mark of each piece of evidence that it carries. Whether a block repeats evidence decides
 * whether it is valid, so the marks are part of the state: a node that begins with a snapshot has them all.
 */
export function withEvidenceMarks(changes: ChangeSet, height: number, evidence: readonly Evidence[]): ChangeSet {
  if (evidence.length === 0) return changes;
  const store = new Map(changes.get(CONSENSUS_STORE));
  const mark = encodeWith((writer) => writer.number(1, height));
  for (const piece of evidence) store.set(EVIDENCE_MARK_PREFIX + toLatin1(evidenceHash(piece)), mark);
  return new Map([...changes, [CONSENSUS_STORE, store]]);
}

/** Height of the block that carried the evidence. */
export function decodeEvidenceMark(bytes: Uint8Array): number {
  return decodeWhole(bytes, 'EvidenceMark', MAX_MARK_BYTES, (reader) => {
    let height = 0;
    readMessage(reader, (field) => {
      if (field === 1) height = reader.positiveInt53();
      return field === 1;
    });
    return height;
  });
}
