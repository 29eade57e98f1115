import { CHUNK_BYTES_MAX, CHUNKS_MAX, MANIFEST_BYTES_MAX } from '#state/snapshot/limits.ts';
import { decodeCommit, encodeCommit } from '#types/commit.ts';
import { decodeHeader, encodeHeader, MAX_HEADER_BYTES } from '#types/header.ts';
import type { LightBlock } from '#types/light-block.ts';
import { MAX_VALIDATOR_SET_BYTES, ValidatorSet } from '#types/validator-set.ts';
import { equalBytes } from '#util/bytes.ts';
import type { ByteReader, ByteWriter } from './codec.ts';
import { malformed } from './errors.ts';
import { maxCommitBytes } from './message-codec.ts';
import type { RequestCodec } from './request-codec.ts';
import type { SnapshotOffer } from './state-sync-messages.ts';

/** Snapshots in one answer: nodes keep few. */
export const MAX_SNAPSHOTS_OFFERED = 16;
/** Light blocks in one answer, and their bytes as far as more than one is sent: a hundred validators sign in 12 KB. */
export const MAX_LIGHT_BLOCKS = 256;
export const MAX_LIGHT_BLOCKS_BYTES = 1024 * 1024;
/** What deflate adds to bytes that do not shrink. */
const DEFLATE_OVERHEAD_BYTES = 1024;
const MAX_DEFLATED_CHUNK_BYTES = CHUNK_BYTES_MAX + DEFLATE_OVERHEAD_BYTES;
const ID_BYTES = 32;
const OFFER_BYTES = 8 + ID_BYTES + 4;
/** A light block with one validator. */
const LIGHT_BLOCK_BYTES_MIN = 100;

type StateSyncKind = 'getSnapshots' | 'getManifest' | 'getChunk' | 'getLightBlocks';

/** The requests of state sync, part of the one table. */
export const STATE_SYNC_CODECS: { readonly [Kind in StateSyncKind]: RequestCodec<Kind> } = {
  getSnapshots: {
    tag: 6,
    encodeRequest: () => undefined,
    decodeRequest: () => ({ kind: 'getSnapshots' }),
    encodeAnswer: (writer, { snapshots }) =>
      writer.list(snapshots.slice(0, MAX_SNAPSHOTS_OFFERED), (offer) => writeOffer(writer, offer)),
    decodeAnswer: (reader) => ({
      snapshots: reader.list(MAX_SNAPSHOTS_OFFERED, OFFER_BYTES, () => readOffer(reader)),
    }),
  },
  getManifest: {
    tag: 7,
    encodeRequest: (writer, { height, id }) => {
      writer.u64(height);
      writer.fixed(id);
    },
    decodeRequest: (reader) => ({ kind: 'getManifest', height: reader.u64(), id: reader.fixed(ID_BYTES) }),
    encodeAnswer: (writer, { manifest }) => writer.optional(manifest, (bytes) => writer.bytes(bytes)),
    decodeAnswer: (reader) => ({ manifest: reader.optional(() => reader.bytes(MANIFEST_BYTES_MAX)) }),
  },
  getChunk: {
    tag: 8,
    encodeRequest: (writer, { height, id, index }) => {
      writer.u64(height);
      writer.fixed(id);
      writer.u32(index);
    },
    decodeRequest: (reader) => ({
      kind: 'getChunk',
      height: reader.u64(),
      id: reader.fixed(ID_BYTES),
      index: reader.int(CHUNKS_MAX - 1),
    }),
    encodeAnswer: (writer, { chunk }) => writer.optional(chunk, (bytes) => writer.bytes(bytes)),
    decodeAnswer: (reader) => ({ chunk: reader.optional(() => reader.bytes(MAX_DEFLATED_CHUNK_BYTES)) }),
  },
  getLightBlocks: {
    tag: 9,
    encodeRequest: (writer, { from, count }) => {
      writer.u64(from);
      writer.u32(count);
    },
    decodeRequest: (reader) => {
      const from = reader.u64();
      const count = reader.int();
      if (count === 0) throw malformed('a request for no light blocks');
      return { kind: 'getLightBlocks', from, count: from === 0 ? 1 : Math.min(count, MAX_LIGHT_BLOCKS) };
    },
    encodeAnswer: (writer, { blocks }) => writeLightBlocks(writer, blocks),
    decodeAnswer: (reader, _limits, { from, count }) => ({
      blocks: readLightBlocks(reader, from, Math.min(count, MAX_LIGHT_BLOCKS)),
    }),
  },
};

function writeOffer(writer: ByteWriter, { height, id, chunks }: SnapshotOffer): void {
  writer.u64(height);
  writer.fixed(id);
  writer.u32(chunks);
}

/** Regression statesync-state-complete: an offer of 2^32 chunks is refused with its peer. */
function readOffer(reader: ByteReader): SnapshotOffer {
  const offer = { height: reader.u64(), id: reader.fixed(ID_BYTES), chunks: reader.int(CHUNKS_MAX) };
  if (offer.height === 0 || offer.chunks === 0) throw malformed('an offer of an empty snapshot');
  return offer;
}

/** A block whose validators are those of the one before it leaves them out: most of the bytes. */
function writeLightBlocks(writer: ByteWriter, blocks: readonly LightBlock[]): void {
  let known: ValidatorSet | undefined;
  writer.list(blocks, ({ header, commit, validators }) => {
    writer.bytes(encodeHeader(header));
    writer.bytes(encodeCommit(commit));
    const isKnown = known !== undefined && equalBytes(known.hash(), validators.hash());
    writer.optional(isKnown ? undefined : validators, (set) => writer.bytes(set.encode()));
    known = validators;
  });
}

function readLightBlocks(reader: ByteReader, from: number, count: number): LightBlock[] {
  let validators: ValidatorSet | undefined;
  let height = from;
  return reader.list(count, LIGHT_BLOCK_BYTES_MIN, () => {
    const header = decodeHeader(reader.bytes(MAX_HEADER_BYTES));
    const commit = decodeCommit(reader.bytes(maxCommitBytes()));
    validators = reader.optional(() => ValidatorSet.decode(reader.bytes(MAX_VALIDATOR_SET_BYTES))) ?? validators;
    if (validators === undefined) throw malformed('a light block without validators');
    // What nobody has verified yet is held: a signature costs its sender a byte or two, and here a hundred.
    if (commit.signatures.length !== validators.size) throw malformed('a commit of another number of validators');
    if (from !== 0 && header.height !== height++) throw malformed('a light block of another height');
    return { header, commit, validators };
  });
}
