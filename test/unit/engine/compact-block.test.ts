import assert from 'node:assert/strict';
import { sha256 } from '#crypto/hash.ts';
import { makeBody } from '#engine/body.ts';
import { BlockFilling, compactBlock, isCompactOf } from '#engine/compact-block.ts';
import type { CompactBlock } from '#network/messages.ts';
import { hashTxs } from '#types/block.ts';
import { EMPTY_COMMIT, hashCommit } from '#types/commit.ts';
import { hashEvidenceList } from '#types/evidence.ts';
import { equalBytes } from '#util/bytes.ts';
import { makeBlock, START } from '../consensus/bench.ts';

const TXS = ['one', 'two', 'three'].map((text) => new TextEncoder().encode(text));

function body() {
  const block = makeBlock(3, START);
  const header = {
    ...block.header,
    dataHash: hashTxs(TXS.map(sha256)),
    lastCommitHash: hashCommit(EMPTY_COMMIT),
    evidenceHash: hashEvidenceList([]),
  };
  return makeBody({ ...block, header, txs: TXS });
}

const knownTo =
  (...texts: string[]) =>
  (hash: Uint8Array) =>
    TXS.find((tx) => texts.includes(new TextDecoder().decode(tx)) && equalBytes(sha256(tx), hash));

describe('compact blocks', () => {
  const whole = body();
  const compact = compactBlock(whole, (hash) => equalBytes(hash, whole.txHashes[1] as Uint8Array));

  it('carries in full what may be unknown, and is filled with the rest', () => {
    assert.deepEqual(compact.txs, [{ index: 1, bytes: TXS[1] }]);
    const filling = new BlockFilling(compact, knownTo('one', 'three'));
    assert.deepEqual(filling.missing(), []);
    assert.deepEqual(filling.body().blockId, whole.blockId);
    assert.deepEqual(filling.body().bytes, whole.bytes);
  });

  it('tells what is missing, and takes nothing else in its place', () => {
    const filling = new BlockFilling(compact, knownTo());
    assert.deepEqual(filling.missing(), [0, 2]);
    filling.offer(0, TXS[2]);
    filling.offer(0, undefined);
    filling.offer(7, TXS[0]);
    assert.deepEqual(filling.missing(), [0, 2]);
    filling.offer(0, TXS[0]);
    filling.offer(2, TXS[2]);
    assert.deepEqual(filling.body().blockId, whole.blockId);
  });

  it('is told apart from one that cannot become the proposed block', () => {
    const proposal = { height: 3, blockId: whole.blockId };
    assert.ok(isCompactOf(compact, proposal));
    const { header } = compact;
    const others: Record<string, CompactBlock> = {
      'another height': { ...compact, header: { ...header, height: 4 } },
      'another header': { ...compact, header: { ...header, time: header.time + 1n } },
      'another commit': { ...compact, lastCommit: { ...EMPTY_COMMIT, round: 1, signatures: [absent()] } },
      'one transaction less': { ...compact, txHashes: compact.txHashes.slice(1) },
      'another order': { ...compact, txHashes: compact.txHashes.toReversed() },
    };
    for (const [name, other] of Object.entries(others)) assert.ok(!isCompactOf(other, proposal), name);
  });
});

function absent() {
  return { flag: 1 as const, validatorAddress: new Uint8Array(0), timestamp: 0n, signature: new Uint8Array(0) };
}
