import assert from 'node:assert/strict';
import { sha256 } from '#crypto/hash.ts';
import { BlockIntake } from '#engine/block-intake.ts';
import { type Body, makeBody } from '#engine/body.ts';
import { compactBlock } from '#engine/compact-block.ts';
import type { GetTxs } from '#network/messages.ts';
import type { Network } from '#network/network.ts';
import { decodeRequest, encodeRequest, MAX_TXS_PER_REQUEST } from '#network/request-codec.ts';
import { hashTxs } from '#types/block.ts';
import { EMPTY_COMMIT, hashCommit } from '#types/commit.ts';
import { hashEvidenceList } from '#types/evidence.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { makeBlock, START } from '../consensus/bench.ts';

function bodyOf(count: number): Body {
  const txs = Array.from({ length: count }, (_, index) => {
    const tx = new Uint8Array(64);
    new DataView(tx.buffer).setUint32(0, index);
    return tx;
  });
  const block = makeBlock(3, START);
  const header = {
    ...block.header,
    dataHash: hashTxs(txs.map(sha256)),
    lastCommitHash: hashCommit(EMPTY_COMMIT),
    evidenceHash: hashEvidenceList([]),
  };
  return makeBody({ ...block, header, txs });
}

describe('block intake', () => {
  it('asks for as many transactions at once as peers answer, and for the rest after that', async () => {
    const body = bodyOf(MAX_TXS_PER_REQUEST + 3);
    const { height } = body.block.header;
    const compact = compactBlock(body, () => false);
    const filled = Promise.withResolvers<Body>();
    const asked: number[] = [];
    const request = async (_peer: string, wanted: GetTxs) => {
      // Decoding is the peer's check: whoever asks for too much is punished.
      const { indexes } = wanted;
      asked.push(indexes.length);
      assert.doesNotThrow(() => decodeRequest(encodeRequest(wanted)));
      return { txs: indexes.map((index) => body.block.txs[index]) };
    };
    const intake = new BlockIntake({
      network: {
        compactBlock: () => compact,
        request: request as Network['request'],
        report: (_peer, offence) => filled.reject(new Error(offence)),
      },
      engine: { body: () => undefined, submitBody: () => undefined },
      clock: new ManualClock(),
      peers: new Map(),
      pendingTx: () => undefined,
      onFilled: (whole) => filled.resolve(whole),
    });
    const proposal = { height, round: 0, polRound: -1, blockId: body.blockId, timestamp: START };
    intake.fill('a', { ...proposal, signature: new Uint8Array(64) }, new Uint8Array(1));
    assert.deepEqual((await filled.promise).blockId, body.blockId);
    assert.deepEqual(asked, [MAX_TXS_PER_REQUEST, 3]);
  });
});
