import { type Evidence, encodeEvidence } from '#types/evidence.ts';
import { ByteReader, ByteWriter, copyOf } from './codec.ts';
import { malformed, tooLarge } from './errors.ts';
import type { MessageLimits } from './limits.ts';
import { readEvidenceList } from './message-codec.ts';

/** A batch is published when it has this many bytes: measured the cheapest size for gossip. */
export const TX_BATCH_BYTES = 64 * 1_024;
const LENGTH_BYTES = 4;
/** Transactions in a batch. A signed transfer has 250-300 bytes, so 64 KiB hold about 250. */
export const MAX_BATCH_TXS = 4_096;

/** u32 length and bytes of each transaction. */
export function encodeTxBatch(txs: readonly Uint8Array[]): Uint8Array {
  let size = 0;
  for (const tx of txs) size += LENGTH_BYTES + tx.length;
  const out = new Uint8Array(size);
  const view = new DataView(out.buffer);
  let offset = 0;
  for (const tx of txs) {
    view.setUint32(offset, tx.length);
    out.set(tx, offset + LENGTH_BYTES);
    offset += LENGTH_BYTES + tx.length;
  }
  return out;
}

/**
 * Looks over all lengths before anything is made of them: millions of empty entries must not become millions of
 * objects. Each entry has 1 to `maxTxBytes` bytes, there is at least one. Throws NetworkError.
 */
export function decodeTxBatch(bytes: Uint8Array, { maxTxBytes }: MessageLimits): Uint8Array[] {
  const limit = Math.max(TX_BATCH_BYTES, maxTxBytes) + LENGTH_BYTES * MAX_BATCH_TXS;
  if (bytes.length > limit) throw tooLarge(`transaction batch of ${bytes.length} bytes`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  scan(view, maxTxBytes);
  const txs: Uint8Array[] = [];
  for (let offset = 0; offset < bytes.length; ) {
    const start = offset + LENGTH_BYTES;
    offset = start + view.getUint32(offset);
    txs.push(copyOf(bytes, start, offset));
  }
  return txs;
}

function scan(view: DataView, maxTxBytes: number): void {
  let count = 0;
  for (let offset = 0; offset < view.byteLength; ) {
    if (offset + LENGTH_BYTES > view.byteLength) throw malformed('transaction batch is cut short');
    const length = view.getUint32(offset);
    if (length === 0) throw malformed('an empty transaction in a batch');
    if (length > maxTxBytes) throw tooLarge(`transaction of ${length} bytes in a batch, at most ${maxTxBytes}`);
    offset += LENGTH_BYTES + length;
    if (offset > view.byteLength) throw malformed('transaction batch is cut short');
    if (++count > MAX_BATCH_TXS) throw tooLarge(`more than ${MAX_BATCH_TXS} transactions in a batch`);
  }
  if (count === 0) throw malformed('an empty transaction batch');
}

export function encodeEvidenceGossip(evidence: readonly Evidence[]): Uint8Array {
  const writer = new ByteWriter();
  writer.list(evidence, (item) => writer.bytes(encodeEvidence(item)));
  return writer.finish();
}

/** At least one piece. Throws BizraError. */
export function decodeEvidenceGossip(bytes: Uint8Array, limits: MessageLimits): Evidence[] {
  const reader = new ByteReader(bytes);
  const evidence = readEvidenceList(reader, limits);
  reader.end();
  if (evidence.length === 0) throw malformed('no evidence');
  return evidence;
}
