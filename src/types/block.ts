import { sha256 } from '#crypto/hash.ts';
import { merkleRoot } from '#crypto/merkle.ts';
import { equalBytes, toHex } from '#util/bytes.ts';
import { type BlockId, equalBlockIds, isNilBlockId } from './block-id.ts';
import { type Commit, encodeCommit, hashCommit, readCommit } from './commit.ts';
import { check } from './errors.ts';
import { type Evidence, encodeEvidenceList, hashEvidenceList, readEvidenceList } from './evidence.ts';
import { encodeHeader, type Header, hashHeader, readHeader } from './header.ts';
import { BLOCK_PROTOCOL, MAX_BLOCK_BYTES, MAX_BLOCK_TXS } from './limits.ts';
import { partSetHeaderOf } from './part-set.ts';
import { decodeWhole, type Reader, readMessage, required } from './wire.ts';
import { Writer } from './wire-writer.ts';

export { makePartSet, type Part, type PartSet, partSetHeaderOf, verifyPart } from './part-set.ts';

export interface Block {
  readonly header: Header;
  /** Raw transactions (`TxRaw` bytes), in order. */
  readonly txs: readonly Uint8Array[];
  readonly evidence: readonly Evidence[];
  /** Commit of the previous height; the first block has an empty one. */
  readonly lastCommit: Commit;
}

/** A transaction's hash, by which clients know it. */
export function txHash(tx: Uint8Array): Uint8Array {
  return sha256(tx);
}

/** data_hash: Merkle root whose leaves are the transactions' hashes. */
export function hashTxs(txHashes: readonly Uint8Array[]): Uint8Array {
  return merkleRoot(txHashes);
}

/** CometBFT's Block message. Data, evidence and last commit are written when empty, too. */
export function encodeBlock(block: Block): Uint8Array {
  const header = encodeHeader(block.header);
  const evidence = encodeEvidenceList(block.evidence);
  const lastCommit = encodeCommit(block.lastCommit);
  let size = header.length + evidence.length + lastCommit.length + 64;
  for (const tx of block.txs) size += tx.length + 11;
  const writer = new Writer(size);
  writer.entry(1, header);
  writer.message(2, (data) => {
    for (const tx of block.txs) data.entry(1, tx);
  });
  writer.entry(3, evidence);
  writer.entry(4, lastCommit);
  return writer.view();
}

/**
 * Reads a block of at most `maxBytes`. Well-formed only: what its hashes say is `checkBlockBasics`'s question.
 * Throws `bad_encoding`, `bad_evidence`, `bad_time` or `bad_validator_set`.
 */
export function decodeBlock(bytes: Uint8Array, maxBytes = MAX_BLOCK_BYTES): Block {
  return decodeWhole(bytes, 'Block', maxBytes, readBlock);
}

/** Header hash and part set of the encoded block; `encoded` where the caller has it already. */
export function blockIdOf(block: Block, encoded: Uint8Array = encodeBlock(block)): BlockId {
  return { hash: hashHeader(block.header), partSetHeader: partSetHeaderOf(encoded) };
}

/**
 * What can be checked of a block without any state: its header is complete, and every hash in it that is over the
 * block's own contents is right. `txHashes` where the caller has them already. Throws `bad_header` or `bad_block`.
 */
export function checkBlockBasics(block: Block, txHashes: readonly Uint8Array[] = block.txs.map(txHash)): void {
  const { header, lastCommit } = block;
  checkHeaderBasics(header);
  const isFirst = isNilBlockId(header.lastBlockId);
  const follows = isFirst
    ? lastCommit.height === 0 && lastCommit.signatures.length === 0 && isNilBlockId(lastCommit.blockId)
    : lastCommit.height === header.height - 1 && equalBlockIds(lastCommit.blockId, header.lastBlockId);
  check(follows, 'bad_block', () => `last commit of block ${header.height} is not for its last block id`);
  checkHash(header, 'lastCommitHash', hashCommit(lastCommit));
  check(
    txHashes.length === block.txs.length,
    'bad_block',
    () => `${txHashes.length} hashes for ${block.txs.length} txs`,
  );
  checkHash(header, 'dataHash', hashTxs(txHashes));
  checkHash(header, 'evidenceHash', hashEvidenceList(block.evidence));
}

/** CometBFT's `Header.ValidateBasic`, and that the header has a hash at all. Throws `bad_header`. */
export function checkHeaderBasics(header: Header): void {
  const { version, height, chainId } = header;
  check(version.block === BLOCK_PROTOCOL, 'bad_header', () => `block protocol ${version.block}; expected 11`);
  check(chainId.length > 0, 'bad_header', () => 'chain id is empty');
  check(Number.isSafeInteger(height) && height > 0, 'bad_header', () => `height ${height}`);
  check(header.proposerAddress.length === 20, 'bad_header', () => 'proposer address is not 20 bytes');
  const hashes = [
    header.lastCommitHash,
    header.dataHash,
    header.validatorsHash,
    header.nextValidatorsHash,
    header.consensusHash,
    header.lastResultsHash,
    header.evidenceHash,
  ];
  check(
    hashes.every(({ length }) => length === 32),
    'bad_header',
    () => `a hash in header ${height} is not 32 bytes`,
  );
}

function checkHash(header: Header, field: 'lastCommitHash' | 'dataHash' | 'evidenceHash', computed: Uint8Array): void {
  check(
    equalBytes(header[field], computed),
    'bad_block',
    () => `${field} of block ${header.height} is ${toHex(header[field])}; its contents have ${toHex(computed)}`,
  );
}

function readBlock(reader: Reader): Block {
  let header: Header | undefined;
  let txs: Uint8Array[] | undefined;
  let evidence: Evidence[] | undefined;
  let lastCommit: Commit | undefined;
  readMessage(reader, (field) => {
    if (field === 1) header = reader.message(readHeader);
    else if (field === 2) txs = reader.message(readTxs);
    else if (field === 3) evidence = reader.message(readEvidenceList);
    else if (field === 4) lastCommit = reader.message(readCommit);
    else return false;
    return true;
  });
  return {
    header: required(header, reader, 'header'),
    txs: required(txs, reader, 'data'),
    evidence: required(evidence, reader, 'evidence list'),
    lastCommit: required(lastCommit, reader, 'last commit'),
  };
}

function readTxs(reader: Reader): Uint8Array[] {
  const txs: Uint8Array[] = [];
  readMessage(
    reader,
    (field) => {
      if (field !== 1) return false;
      if (txs.length === MAX_BLOCK_TXS) throw reader.fault('too many transactions');
      txs.push(reader.bytesOrEmpty({ max: MAX_BLOCK_BYTES }));
      return true;
    },
    1,
  );
  return txs;
}
