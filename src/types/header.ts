import { merkleRoot } from '#crypto/merkle.ts';
import { EMPTY_BYTES } from '#util/bytes.ts';
import { type BlockId, readBlockId, writeBlockId } from './block-id.ts';
import { MAX_CHAIN_ID_BYTES } from './limits.ts';
import { readTimestamp, type Time, writeTimestamp } from './time.ts';
import { ADDRESS_BYTES, decodeWhole, HASH_BYTES, type Reader, readMessage, required } from './wire.ts';
import { encodeEach, encodeWith, type Writer } from './wire-writer.ts';

/** CometBFT v0.38 header. Hashes are 32 bytes or empty. */
export interface Header {
  readonly version: { readonly block: bigint; readonly app: bigint };
  readonly chainId: string;
  readonly height: number;
  readonly time: Time;
  readonly lastBlockId: BlockId;
  readonly lastCommitHash: Uint8Array;
  readonly dataHash: Uint8Array;
  readonly validatorsHash: Uint8Array;
  readonly nextValidatorsHash: Uint8Array;
  readonly consensusHash: Uint8Array;
  readonly appHash: Uint8Array;
  readonly lastResultsHash: Uint8Array;
  readonly evidenceHash: Uint8Array;
  readonly proposerAddress: Uint8Array;
}

/** CometBFT's bound on an encoded header. */
export const MAX_HEADER_BYTES = 626;

/** CometBFT lets an application choose, so an attack on light clients may have any; ours has 32. */
const MAX_APP_HASH_BYTES = 256;

/** Scalars are wrapped as google.protobuf.StringValue, Int64Value and BytesValue do it: in field 1. */
const HASHED_FIELDS: readonly ((writer: Writer, header: Header) => void)[] = [
  (writer, { version }) => writeVersion(writer, version),
  (writer, { chainId }) => writer.string(1, chainId),
  (writer, { height }) => writer.number(1, height),
  (writer, { time }) => writeTimestamp(writer, time),
  (writer, { lastBlockId }) => writeBlockId(writer, lastBlockId),
  (writer, { lastCommitHash }) => writer.bytes(1, lastCommitHash),
  (writer, { dataHash }) => writer.bytes(1, dataHash),
  (writer, { validatorsHash }) => writer.bytes(1, validatorsHash),
  (writer, { nextValidatorsHash }) => writer.bytes(1, nextValidatorsHash),
  (writer, { consensusHash }) => writer.bytes(1, consensusHash),
  (writer, { appHash }) => writer.bytes(1, appHash),
  (writer, { lastResultsHash }) => writer.bytes(1, lastResultsHash),
  (writer, { evidenceHash }) => writer.bytes(1, evidenceHash),
  (writer, { proposerAddress }) => writer.bytes(1, proposerAddress),
];

/**
 * The block's hash: Merkle root of the fourteen fields, scalars in their protobuf wrapper messages. Empty when
 * validators_hash is empty, as in Go: such a header has no hash.
 */
export function hashHeader(header: Header): Uint8Array {
  if (header.validatorsHash.length === 0) return EMPTY_BYTES;
  return merkleRoot(encodeEach(HASHED_FIELDS, (writer, write) => write(writer, header)));
}

export function encodeHeader(header: Header): Uint8Array {
  return encodeWith((writer) => writeHeader(writer, header));
}

/** Throws `bad_encoding` or `bad_time`. Whether the fields make sense is `checkHeaderBasics`'s question. */
export function decodeHeader(bytes: Uint8Array): Header {
  return decodeWhole(bytes, 'Header', MAX_HEADER_BYTES, readHeader);
}

/** The fields of a Header message. */
export function writeHeader(writer: Writer, header: Header): void {
  writer.message(1, (inner) => writeVersion(inner, header.version));
  writer.string(2, header.chainId);
  writer.number(3, header.height);
  writer.message(4, (inner) => writeTimestamp(inner, header.time));
  writer.message(5, (inner) => writeBlockId(inner, header.lastBlockId));
  writer.bytes(6, header.lastCommitHash);
  writer.bytes(7, header.dataHash);
  writer.bytes(8, header.validatorsHash);
  writer.bytes(9, header.nextValidatorsHash);
  writer.bytes(10, header.consensusHash);
  writer.bytes(11, header.appHash);
  writer.bytes(12, header.lastResultsHash);
  writer.bytes(13, header.evidenceHash);
  writer.bytes(14, header.proposerAddress);
}

function writeVersion(writer: Writer, { block, app }: Header['version']): void {
  writer.integer(1, block);
  writer.integer(2, app);
}

type HashField =
  | 'lastCommitHash'
  | 'dataHash'
  | 'validatorsHash'
  | 'nextValidatorsHash'
  | 'consensusHash'
  | 'lastResultsHash'
  | 'evidenceHash';

const HASH_FIELDS: Readonly<Record<number, HashField>> = {
  6: 'lastCommitHash',
  7: 'dataHash',
  8: 'validatorsHash',
  9: 'nextValidatorsHash',
  10: 'consensusHash',
  12: 'lastResultsHash',
  13: 'evidenceHash',
};

export function readHeader(reader: Reader): Header {
  let version: Header['version'] | undefined;
  let chainId = '';
  let height = 0;
  let time: Time | undefined;
  let lastBlockId: BlockId | undefined;
  const hashes = emptyHashes();
  let appHash = EMPTY_BYTES;
  let proposerAddress = EMPTY_BYTES;
  readMessage(reader, (field) => {
    const hashField = HASH_FIELDS[field];
    if (hashField !== undefined) hashes[hashField] = reader.bytes(HASH_BYTES);
    else if (field === 1) version = reader.message(readVersion);
    else if (field === 2) chainId = reader.string(MAX_CHAIN_ID_BYTES);
    else if (field === 3) height = reader.positiveInt53();
    else if (field === 4) time = reader.message(readTimestamp);
    else if (field === 5) lastBlockId = reader.message(readBlockId);
    else if (field === 11) appHash = reader.bytes({ max: MAX_APP_HASH_BYTES });
    else if (field === 14) proposerAddress = reader.bytes(ADDRESS_BYTES);
    else return false;
    return true;
  });
  return {
    version: required(version, reader, 'version'),
    chainId,
    height,
    time: required(time, reader, 'time'),
    lastBlockId: required(lastBlockId, reader, 'last block id'),
    ...hashes,
    appHash,
    proposerAddress,
  };
}

function emptyHashes(): Record<HashField, Uint8Array> {
  return {
    lastCommitHash: EMPTY_BYTES,
    dataHash: EMPTY_BYTES,
    validatorsHash: EMPTY_BYTES,
    nextValidatorsHash: EMPTY_BYTES,
    consensusHash: EMPTY_BYTES,
    lastResultsHash: EMPTY_BYTES,
    evidenceHash: EMPTY_BYTES,
  };
}

function readVersion(reader: Reader): Header['version'] {
  let block = 0n;
  let app = 0n;
  readMessage(reader, (field) => {
    if (field === 1) block = reader.uint64();
    else if (field === 2) app = reader.uint64();
    else return false;
    return true;
  });
  return { block, app };
}
