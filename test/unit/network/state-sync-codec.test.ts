import assert from 'node:assert/strict';
import { decodeAnswer, decodeRequest, encodeAnswer, encodeRequest } from '#network/request-codec.ts';
import { MAX_LIGHT_BLOCKS, MAX_SNAPSHOTS_OFFERED } from '#network/state-sync-codec.ts';
import type { LightBlock } from '#types/light-block.ts';
import { bytesOf, lightBlock, validators } from './support/samples.ts';

const LIMITS = { maxBlockBytes: 10_000, maxTxBytes: 1_000 };
const ID = bytesOf(32, 1);

function offered(chunks: number, height = 9): () => unknown {
  const bytes = encodeAnswer('getSnapshots', { snapshots: [{ height, id: ID, chunks }] });
  return () => decodeAnswer<'getSnapshots'>({ kind: 'getSnapshots' }, bytes, LIMITS);
}

describe('requests of state sync', () => {
  it('statesync-state-complete: offers of more than 100,000 chunks, of none, and of no height are refused', () => {
    assert.doesNotThrow(offered(100_000));
    for (const bad of [offered(100_001), offered(2 ** 32 - 1), offered(0), offered(1, 0)])
      assert.throws(bad, { code: 'malformed' });
    const beyond = encodeAnswer('getSnapshots', { snapshots: [{ height: 2 ** 53 - 1, id: ID, chunks: 1 }] });
    beyond[4] = 1;
    assert.throws(() => decodeAnswer<'getSnapshots'>({ kind: 'getSnapshots' }, beyond, LIMITS), { code: 'malformed' });
  });

  it('an answer has few snapshots, and lists more than it holds for nothing', () => {
    const snapshots = Array.from({ length: 100 }, () => ({ height: 9, id: ID, chunks: 1 }));
    const bytes = encodeAnswer('getSnapshots', { snapshots });
    const answer = decodeAnswer<'getSnapshots'>({ kind: 'getSnapshots' }, bytes, LIMITS);
    assert.equal(answer.snapshots.length, MAX_SNAPSHOTS_OFFERED);
    bytes[3] = 255;
    assert.throws(() => decodeAnswer<'getSnapshots'>({ kind: 'getSnapshots' }, bytes, LIMITS), { code: 'too_large' });
  });

  it('light blocks name their validators where they change, and must be the heights asked for', () => {
    const blocks = [lightBlock(7), lightBlock(8), lightBlock(9, validators(6n)), lightBlock(10, validators(6n))];
    const bytes = encodeAnswer('getLightBlocks', { blocks });
    const read = decodeAnswer<'getLightBlocks'>({ kind: 'getLightBlocks', from: 7, count: 4 }, bytes, LIMITS).blocks;
    const powers = (list: readonly LightBlock[]) => list.map(({ validators: { totalPower } }) => totalPower);
    assert.deepEqual(powers(read), powers(blocks));
    assert.equal(read[0]?.validators, read[1]?.validators);
    for (const from of [6, 8])
      assert.throws(() => decodeAnswer<'getLightBlocks'>({ kind: 'getLightBlocks', from, count: 4 }, bytes, LIMITS), {
        code: 'malformed',
      });
    assert.throws(() => decodeAnswer<'getLightBlocks'>({ kind: 'getLightBlocks', from: 7, count: 3 }, bytes, LIMITS), {
      code: 'too_large',
    });
    const { commit, ...block } = lightBlock(7);
    const doubled = { ...commit, signatures: [...commit.signatures, ...commit.signatures] };
    const tooMany = encodeAnswer('getLightBlocks', { blocks: [{ ...block, commit: doubled }] });
    assert.throws(
      () => decodeAnswer<'getLightBlocks'>({ kind: 'getLightBlocks', from: 7, count: 1 }, tooMany, LIMITS),
      {
        code: 'malformed',
      },
    );
    // The newest one, whatever its height.
    const newest = encodeAnswer('getLightBlocks', { blocks: [lightBlock(7)] });
    assert.equal(
      decodeAnswer<'getLightBlocks'>({ kind: 'getLightBlocks', from: 0, count: 1 }, newest, LIMITS).blocks.length,
      1,
    );
  });

  it('the number of light blocks asked for is capped when it is read', () => {
    const read = (from: number) => decodeRequest(encodeRequest({ kind: 'getLightBlocks', from, count: 1_000_000 }));
    assert.deepEqual(read(5), { kind: 'getLightBlocks', from: 5, count: MAX_LIGHT_BLOCKS });
    assert.deepEqual(read(0), { kind: 'getLightBlocks', from: 0, count: 1 });
  });
});
