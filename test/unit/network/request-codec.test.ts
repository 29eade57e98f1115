import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Answers, Request, RequestKind, RequestOf } from '#network/messages.ts';
import {
  decodeAnswer,
  decodeRequest,
  encodeAnswer,
  encodeRequest,
  MAX_BLOCKS_PER_ANSWER,
  MAX_PENDING_BYTES,
  MAX_PENDING_TXS,
  MAX_TXS_PER_REQUEST,
} from '#network/request-codec.ts';
import { PART_BYTES } from '#types/limits.ts';
import { BizraError } from '#util/errors.ts';
import { blockId, bytesOf, commit, lightBlock } from './support/samples.ts';

const LIMITS = { maxBlockBytes: 10_000, maxTxBytes: 1_000 };

const PAIRS: { readonly [Kind in RequestKind]: readonly [RequestOf<Kind>, Answers[Kind]] } = {
  getBlocks: [
    { kind: 'getBlocks', from: 5, count: 2, maxBytes: 1_000_000 },
    { blocks: [{ block: bytesOf(300, 1), commit: commit() }] },
  ],
  getTxs: [
    { kind: 'getTxs', blockId: blockId(1), height: 9, indexes: [0, 3, 70_000] },
    { txs: [bytesOf(10, 1), undefined, bytesOf(20, 2)] },
  ],
  getBlockById: [{ kind: 'getBlockById', blockId: blockId(1), height: 9 }, { block: bytesOf(300, 1) }],
  getStatus: [{ kind: 'getStatus' }, { headHeight: 10, baseHeight: 3, headBlockId: blockId(4) }],
  getPending: [{ kind: 'getPending' }, { txs: [bytesOf(10, 1), bytesOf(20, 2)] }],
  getSnapshots: [{ kind: 'getSnapshots' }, { snapshots: [{ height: 9, id: bytesOf(32, 1), chunks: 100_000 }] }],
  getManifest: [{ kind: 'getManifest', height: 9, id: bytesOf(32, 1) }, { manifest: bytesOf(300, 1) }],
  getChunk: [{ kind: 'getChunk', height: 9, id: bytesOf(32, 1), index: 3 }, { chunk: bytesOf(300, 1) }],
  getLightBlocks: [{ kind: 'getLightBlocks', from: 7, count: 2 }, { blocks: [lightBlock()] }],
};

describe('network requests', () => {
  for (const kind of Object.keys(PAIRS) as RequestKind[]) {
    const [request, answer] = PAIRS[kind] as readonly [Request, Answers[RequestKind]];
    it(`${kind} and its answer come back as they were; cuts and appended bytes are refused`, () => {
      const bytes = encodeRequest(request);
      assert.deepEqual(decodeRequest(bytes), request);
      refusesAlteredLength(bytes, (cut) => decodeRequest(cut));
      const answerBytes = encodeAnswer(kind, answer);
      assert.deepEqual(decodeAnswer(request as RequestOf<typeof kind>, answerBytes, LIMITS), answer);
      refusesAlteredLength(answerBytes, (cut) => decodeAnswer(request as RequestOf<typeof kind>, cut, LIMITS));
    });
  }

  it('random requests and answers are refused with a BizraError', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 10 }), fc.uint8Array({ maxLength: 200 }), (tag, bytes) => {
        decodesOrRefuses(() => decodeRequest(Uint8Array.of(tag, ...bytes)));
        for (const [request] of Object.values(PAIRS)) decodesOrRefuses(() => decodeAnswer(request, bytes, LIMITS));
      }),
      { numRuns: 500 },
    );
  });

  it('asks for something: no empty lists, no height 0, no unknown kind', () => {
    const refused: Request[] = [
      { kind: 'getTxs', blockId: blockId(1), height: 9, indexes: [] },
      { kind: 'getBlocks', from: 0, count: 1, maxBytes: 1 },
      { kind: 'getBlocks', from: 1, count: 0, maxBytes: 1 },
      { kind: 'getLightBlocks', from: 1, count: 0 },
    ];
    for (const request of refused) {
      assert.throws(() => decodeRequest(encodeRequest(request)), { code: 'malformed' });
    }
    assert.throws(() => decodeRequest(Uint8Array.of(99)), { code: 'unknown_kind' });
  });

  it('never asks for one transaction twice, nor for more than a block can hold', () => {
    const ask = (indexes: readonly number[]) => {
      decodeRequest(encodeRequest({ kind: 'getTxs', blockId: blockId(1), height: 9, indexes }));
    };
    assert.throws(() => ask([1, 1]), { code: 'malformed' });
    assert.throws(() => ask(Array.from({ length: MAX_TXS_PER_REQUEST + 1 }, (_, index) => index)), {
      code: 'too_large',
    });
    ask(Array.from({ length: MAX_TXS_PER_REQUEST }, (_, index) => index));
  });

  it('an answer with pending transactions is bounded, in number and bytes, at both ends', () => {
    const request = { kind: 'getPending' } as const;
    const txs = Array.from({ length: 5_000 }, () => bytesOf(100, 1));
    const some = decodeAnswer<'getPending'>(request, encodeAnswer('getPending', { txs }), LIMITS).txs;
    assert.equal(some.length, MAX_PENDING_TXS);
    const large = Array.from({ length: 1_000 }, () => bytesOf(1_000, 1));
    const fewer = decodeAnswer<'getPending'>(request, encodeAnswer('getPending', { txs: large }), LIMITS).txs;
    assert.equal(fewer.length, Math.floor(MAX_PENDING_BYTES / 1_000));
    const flood = encodeAnswer('getTxs', { txs: large });
    assert.throws(() => decodeAnswer<'getPending'>(request, flood, LIMITS), { code: 'too_large' });
    const oversized = encodeAnswer('getPending', { txs: [bytesOf(LIMITS.maxTxBytes + 1, 1)] });
    assert.throws(() => decodeAnswer<'getPending'>(request, oversized, LIMITS), { code: 'too_large' });
  });

  it('the number of blocks asked for is capped when it is read', () => {
    const bytes = encodeRequest({ kind: 'getBlocks', from: 1, count: 1_000_000, maxBytes: 1 });
    assert.deepEqual(decodeRequest(bytes), { kind: 'getBlocks', from: 1, count: MAX_BLOCKS_PER_ANSWER, maxBytes: 1 });
  });

  it('an answer must fit what was asked', () => {
    const [getTxs] = PAIRS.getTxs;
    const short = encodeAnswer('getTxs', { txs: [bytesOf(10, 1)] });
    assert.throws(() => decodeAnswer<'getTxs'>(getTxs, short, LIMITS), { code: 'malformed' });
    const empty = encodeAnswer('getTxs', { txs: [new Uint8Array(0), undefined, undefined] });
    assert.throws(() => decodeAnswer<'getTxs'>(getTxs, empty, LIMITS), { code: 'malformed' });
    const [getBlocks] = PAIRS.getBlocks;
    const block = { block: bytesOf(10, 1), commit: commit() };
    const many = encodeAnswer('getBlocks', { blocks: [block, block, block] });
    assert.throws(() => decodeAnswer<'getBlocks'>(getBlocks, many, LIMITS), { code: 'too_large' });
    const large = encodeAnswer('getBlocks', { blocks: [{ block: bytesOf(10_001, 1), commit: commit() }] });
    assert.throws(() => decodeAnswer<'getBlocks'>(getBlocks, large, LIMITS), { code: 'too_large' });
  });

  it('whoever serves a block that fills its parts is not to blame for its size', () => {
    const [request] = PAIRS.getBlockById;
    const bytes = request.blockId.partSetHeader.total * PART_BYTES;
    assert.ok(bytes > LIMITS.maxBlockBytes);
    const decode = (size: number) =>
      decodeAnswer<'getBlockById'>(request, encodeAnswer('getBlockById', { block: bytesOf(size, 1) }), LIMITS);
    assert.equal(decode(bytes).block?.length, bytes);
    assert.throws(() => decode(bytes + 1), { code: 'too_large' });
  });
});

function refusesAlteredLength(bytes: Uint8Array, decode: (bytes: Uint8Array) => void): void {
  for (let length = 0; length < bytes.length; length++) {
    assert.throws(() => decode(bytes.subarray(0, length)), BizraError);
  }
  assert.throws(() => decode(Uint8Array.of(...bytes, 0)), BizraError);
}

function decodesOrRefuses(decode: () => void): void {
  try {
    decode();
  } catch (error) {
    assert.ok(error instanceof BizraError, String(error));
  }
}
