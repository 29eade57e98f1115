import { decodeCommit, encodeCommit } from '#types/commit.ts';
import { PART_BYTES } from '#types/limits.ts';
import { ByteReader, ByteWriter } from './codec.ts';
import { malformed, NetworkError, tooLarge } from './errors.ts';
import type { MessageLimits } from './limits.ts';
import { maxCommitBytes, readBlockId, readTx, writeBlockId } from './message-codec.ts';
import type { Answers, Request, RequestKind, RequestOf } from './messages.ts';
import { STATE_SYNC_CODECS } from './state-sync-codec.ts';

/** Blocks in one answer; small ones are limited by number, large ones by bytes. */
export const MAX_BLOCKS_PER_ANSWER = 512;
/** Transactions in one request. */
export const MAX_TXS_PER_REQUEST = 65_536;
/** Pending transactions in one answer: some blocks' worth. Whoever was away is not to be flooded with a full mempool. */
export const MAX_PENDING_TXS = 1_024;
export const MAX_PENDING_BYTES = 256 * 1_024;
const LENGTH_BYTES = 4;
/** A request is small; the largest asks for many transactions. */
const MAX_REQUEST_BYTES = 128 + 4 * MAX_TXS_PER_REQUEST;

export interface RequestCodec<Kind extends RequestKind> {
  /** First byte of the request. Never reused for another meaning. */
  readonly tag: number;
  encodeRequest(writer: ByteWriter, request: RequestOf<Kind>): void;
  decodeRequest(reader: ByteReader): RequestOf<Kind>;
  encodeAnswer(writer: ByteWriter, answer: Answers[Kind]): void;
  decodeAnswer(reader: ByteReader, limits: MessageLimits, request: RequestOf<Kind>): Answers[Kind];
}

/** Request kind to bytes and limits, both ways: the one table. */
const CODECS: { readonly [Kind in RequestKind]: RequestCodec<Kind> } = {
  getBlocks: {
    tag: 1,
    encodeRequest: (writer, { from, count, maxBytes }) => {
      writer.u64(from);
      writer.u32(count);
      writer.u32(maxBytes);
    },
    decodeRequest: (reader) => {
      const request = { kind: 'getBlocks', from: reader.u64(), count: reader.int(), maxBytes: reader.u32() } as const;
      if (request.count === 0 || request.from === 0) throw malformed('a request for no blocks');
      return { ...request, count: Math.min(request.count, MAX_BLOCKS_PER_ANSWER) };
    },
    encodeAnswer: (writer, { blocks }) =>
      writer.list(blocks, ({ block, commit }) => {
        writer.bytes(block);
        writer.bytes(encodeCommit(commit));
      }),
    decodeAnswer: (reader, limits, request) => ({
      blocks: reader.list(Math.min(request.count, MAX_BLOCKS_PER_ANSWER), 8, () => ({
        block: reader.bytes(limits.maxBlockBytes),
        commit: decodeCommit(reader.bytes(maxCommitBytes())),
      })),
    }),
  },
  getTxs: {
    tag: 2,
    encodeRequest: (writer, { blockId, height, indexes }) => {
      writeBlockId(writer, blockId);
      writer.u64(height);
      writer.list(indexes, (index) => writer.u32(index));
    },
    decodeRequest: (reader) => {
      const blockId = readBlockId(reader);
      const height = reader.u64();
      const indexes = reader.list(MAX_TXS_PER_REQUEST, 4, () => reader.int());
      if (indexes.length === 0) throw malformed('a request for no transactions');
      checkAscending(indexes);
      return { kind: 'getTxs', blockId, height, indexes };
    },
    encodeAnswer: (writer, { txs }) =>
      writer.list(txs, (tx) => {
        writer.optional(tx, (bytes) => writer.bytes(bytes));
      }),
    decodeAnswer: (reader, limits, request) => {
      const txs = reader.list(request.indexes.length, 1, () =>
        reader.optional(() => readTx(reader, limits.maxBlockBytes)),
      );
      if (txs.length !== request.indexes.length) throw malformed('an answer with another number of transactions');
      return { txs };
    },
  },
  getBlockById: {
    tag: 3,
    encodeRequest: (writer, { blockId, height }) => {
      writeBlockId(writer, blockId);
      writer.u64(height);
    },
    decodeRequest: (reader) => ({ kind: 'getBlockById', blockId: readBlockId(reader), height: reader.u64() }),
    encodeAnswer: (writer, { block }) => writer.optional(block, (bytes) => writer.bytes(bytes)),
    // All bytes that its parts can hold: whoever has a block of that id may serve it, although it is too large to be valid.
    decodeAnswer: (reader, limits, { blockId }) => {
      const max = Math.max(limits.maxBlockBytes, blockId.partSetHeader.total * PART_BYTES);
      return { block: reader.optional(() => reader.bytes(max)) };
    },
  },
  getStatus: {
    tag: 4,
    encodeRequest: () => undefined,
    decodeRequest: () => ({ kind: 'getStatus' }),
    encodeAnswer: (writer, { headHeight, baseHeight, headBlockId }) => {
      writer.u64(headHeight);
      writer.u64(baseHeight);
      writeBlockId(writer, headBlockId);
    },
    decodeAnswer: (reader) => ({
      headHeight: reader.u64(),
      baseHeight: reader.u64(),
      headBlockId: readBlockId(reader),
    }),
  },
  getPending: {
    tag: 5,
    encodeRequest: () => undefined,
    decodeRequest: () => ({ kind: 'getPending' }),
    encodeAnswer: (writer, { txs }) => writer.list(withinBytes(txs), (tx) => writer.bytes(tx)),
    decodeAnswer: (reader, { maxTxBytes }) => {
      const most = Math.max(MAX_PENDING_BYTES, maxTxBytes) + LENGTH_BYTES * (MAX_PENDING_TXS + 1);
      if (reader.remaining > most) throw tooLarge(`an answer with ${reader.remaining} bytes of transactions`);
      return { txs: reader.list(MAX_PENDING_TXS, LENGTH_BYTES + 1, () => readTx(reader, maxTxBytes)) };
    },
  },
  ...STATE_SYNC_CODECS,
};

/** The first ones that fit into an answer; at least one, if there is any. */
function withinBytes(txs: readonly Uint8Array[]): readonly Uint8Array[] {
  let bytes = 0;
  let count = 0;
  for (const tx of txs) {
    bytes += tx.length;
    if (count > 0 && (bytes > MAX_PENDING_BYTES || count === MAX_PENDING_TXS)) break;
    count++;
  }
  return txs.slice(0, count);
}

const KIND_OF_TAG: ReadonlyMap<number, RequestKind> = new Map(
  (Object.keys(CODECS) as RequestKind[]).map((kind) => [CODECS[kind].tag, kind]),
);

export function encodeRequest(request: Request): Uint8Array {
  const codec = codecOf(request.kind);
  const writer = new ByteWriter();
  writer.u8(codec.tag);
  codec.encodeRequest(writer, request);
  return writer.finish();
}

/** Throws NetworkError. */
export function decodeRequest(bytes: Uint8Array): Request {
  if (bytes.length > MAX_REQUEST_BYTES) throw tooLarge(`request of ${bytes.length} bytes`);
  const reader = new ByteReader(bytes);
  const tag = reader.u8();
  const kind = KIND_OF_TAG.get(tag);
  if (kind === undefined) throw new NetworkError('unknown_kind', `request of kind ${tag}`);
  const request = codecOf(kind).decodeRequest(reader);
  reader.end();
  return request;
}

export function encodeAnswer<Kind extends RequestKind>(kind: Kind, answer: Answers[Kind]): Uint8Array {
  const writer = new ByteWriter();
  CODECS[kind].encodeAnswer(writer, answer);
  return writer.finish();
}

/** Throws BizraError. `request` is what was asked: an answer must fit it. */
export function decodeAnswer<Kind extends RequestKind>(
  request: RequestOf<Kind>,
  bytes: Uint8Array,
  limits: MessageLimits,
): Answers[Kind] {
  const reader = new ByteReader(bytes);
  const codec = CODECS[request.kind as Kind];
  const answer = codec.decodeAnswer(reader, limits, request);
  reader.end();
  return answer;
}

/** Each codec is only ever given its own kind; the type system cannot follow a lookup by a union. */
function codecOf(kind: RequestKind): RequestCodec<RequestKind> {
  return CODECS[kind] as unknown as RequestCodec<RequestKind>;
}

/** So that one request cannot ask for one large transaction a thousand times. */
function checkAscending(indexes: readonly number[]): void {
  let previous = -1;
  for (const index of indexes) {
    if (index <= previous) throw malformed('transaction indexes must ascend');
    previous = index;
  }
}
