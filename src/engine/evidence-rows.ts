import { evidenceHash } from '#evidence/evidence.ts';
import type { KeyValue, WriteBatch } from '#ports/key-value.ts';
import { ByteReader, ByteWriter } from '#storage/byte-codec.ts';
import { checkedValue, withChecksum } from '#storage/checksummed.ts';
import { KEY_SPACE } from '#storage/key-space.ts';
import { decodeEvidence, type Evidence } from '#types/evidence.ts';

/** Second byte of the keys; the evidence's hash follows. Never reused. */
const PENDING = 0x70;
const COMMITTED = 0x63;
const HASH_BYTES = 32;

/** Evidence that no block carries yet. */
export function putPending(batch: WriteBatch, hash: Uint8Array, encoded: Uint8Array): void {
  batch.put(rowKey(PENDING, hash), withChecksum(encoded));
}

export function deletePending(batch: WriteBatch, hash: Uint8Array): void {
  batch.delete(rowKey(PENDING, hash));
}

/** All of it, in the order of the hashes. Throws BizraError 'damaged'. */
export async function readPending(kv: KeyValue): Promise<Evidence[]> {
  const range = { gte: rowKey(PENDING, new Uint8Array(0)), lt: rowKey(PENDING + 1, new Uint8Array(0)) };
  const list: Evidence[] = [];
  for await (const [key, record] of kv.iterate(range)) {
    list.push(decodeEvidence(checkedValue(record, key, 'pending evidence').slice()));
  }
  return list;
}

/**
 * Evidence that a block at `height` carries. These marks are kept for ever: were they pruned once the evidence has
 * expired, a longer maximal age would let it in a second time, on some nodes.
 */
export function putCommitted(batch: WriteBatch, height: number, evidence: Evidence): void {
  putCommittedHash(batch, height, evidenceHash(evidence));
}

/** As `putCommitted`, where the evidence itself is not at hand. */
export function putCommittedHash(batch: WriteBatch, height: number, hash: Uint8Array): void {
  const writer = new ByteWriter();
  writer.varint(height);
  batch.put(rowKey(COMMITTED, hash), withChecksum(writer.finish()));
}

/** The block that carried it is undone: it may be carried again. */
export function deleteCommitted(batch: WriteBatch, evidence: Evidence): void {
  batch.delete(rowKey(COMMITTED, evidenceHash(evidence)));
}

/** Height of the block that carried the evidence with this hash. Throws BizraError 'damaged'. */
export function committedAt(kv: KeyValue, hash: Uint8Array): number | undefined {
  const key = rowKey(COMMITTED, hash);
  const record = kv.get(key);
  if (record === undefined) return undefined;
  return new ByteReader(checkedValue(record, key, 'mark of committed evidence')).varint();
}

function rowKey(kind: number, hash: Uint8Array): Uint8Array {
  const key = new Uint8Array(2 + (hash.length === 0 ? 0 : HASH_BYTES));
  key[0] = KEY_SPACE.evidence;
  key[1] = kind;
  key.set(hash, 2);
  return key;
}
