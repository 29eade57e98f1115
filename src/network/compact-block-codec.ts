import { sha256 } from '#crypto/hash.ts';
import { decodeCommit, encodeCommit } from '#types/commit.ts';
import { encodeEvidence } from '#types/evidence.ts';
import { decodeHeader, encodeHeader } from '#types/header.ts';
import { MIN_TX_BYTES } from '#types/limits.ts';
import { ByteReader, ByteWriter } from './codec.ts';
import { malformed } from './errors.ts';
import { FULL_TX_OVERHEAD_BYTES, type MessageLimits } from './limits.ts';
import { maxCommitBytes, readEvidenceList, readTx } from './message-codec.ts';
import type { CompactBlock } from './messages.ts';

const HASH_BYTES = 32;
/** A header is below 1 KB; CometBFT says 626. */
const MAX_HEADER_BYTES = 1_024;

/** Transactions in full come first; of the others the hashes follow. A hash never travels beside its transaction. */
export function encodeCompactBlock(block: CompactBlock): Uint8Array {
  const writer = new ByteWriter();
  writer.bytes(encodeHeader(block.header));
  writer.bytes(encodeCommit(block.lastCommit));
  writer.list(block.evidence, (evidence) => writer.bytes(encodeEvidence(evidence)));
  writer.u32(block.txHashes.length);
  writer.list(block.txs, ({ index, bytes }) => {
    writer.u32(index);
    writer.bytes(bytes);
  });
  const full = new Set(block.txs.map(({ index }) => index));
  block.txHashes.forEach((hash, index) => {
    if (!full.has(index)) writer.fixed(hash);
  });
  return writer.finish();
}

/** Hashes every transaction that is there in full: some 0.1 s of work for a large block. Throws BizraError. */
export function decodeCompactBlock(bytes: Uint8Array, limits: MessageLimits): CompactBlock {
  const reader = new ByteReader(bytes);
  const header = decodeHeader(reader.bytes(MAX_HEADER_BYTES));
  const lastCommit = decodeCommit(reader.bytes(maxCommitBytes()));
  const evidence = readEvidenceList(reader, limits);
  const count = reader.int(Math.floor(limits.maxBlockBytes / MIN_TX_BYTES));
  const txs = readFullTxs(reader, count, limits);
  if ((count - txs.length) * HASH_BYTES > reader.remaining) throw malformed('transaction hashes are cut short');
  const full = new Map(txs.map(({ index, bytes: tx }) => [index, tx]));
  const txHashes: Uint8Array[] = [];
  for (let index = 0; index < count; index++) {
    const tx = full.get(index);
    txHashes.push(tx === undefined ? reader.fixed(HASH_BYTES) : sha256(tx));
  }
  reader.end();
  return { header, lastCommit, evidence, txHashes, txs };
}

function readFullTxs(reader: ByteReader, count: number, { maxBlockBytes }: MessageLimits): CompactBlock['txs'] {
  let previous = -1;
  return reader.list(count, FULL_TX_OVERHEAD_BYTES + 1, () => {
    const index = reader.u32();
    if (index <= previous || index >= count) throw malformed(`transaction index ${index} out of order`);
    previous = index;
    return { index, bytes: readTx(reader, maxBlockBytes) };
  });
}
