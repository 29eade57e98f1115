import assert from 'node:assert/strict';
import { CONSENSUS_STORE } from '#app/modules/chain/state.ts';
import { PRIORITIES_KEY } from '#engine/priorities-record.ts';
import {
  needsNextValidators,
  type ProvenRecords,
  syncedChainState,
  type VerifiedHeights,
} from '#engine/synced-chain-state.ts';
import { lightBlockOf } from '#node/archive.ts';
import type { Header } from '#types/header.ts';
import type { LightBlock } from '#types/light-block.ts';
import { decodeConsensusParams, encodeConsensusParams } from '#types/params.ts';
import { fromLatin1 } from '#util/bytes.ts';
import { NEVER_PAUSE } from '#util/pause.ts';
import { bytesOf, validators } from '../network/support/samples.ts';
import { NodeBench } from './bench.ts';

const HEIGHT = 5;

describe('the chain state of a node that executed no block', () => {
  const bench = new NodeBench(1);
  let verified: VerifiedHeights;
  let records: ProvenRecords;

  before(async () => {
    await (await bench.install()).start();
    await bench.run(1_000_000, () => bench.node.chain.state.height >= HEIGHT + 2);
    const { blockStore, state, chain } = bench.node;
    const at = async (height: number): Promise<LightBlock> => {
      const block = await lightBlockOf(blockStore, chain.state.height, height);
      assert.ok(block !== undefined);
      return block;
    };
    verified = { last: await at(HEIGHT), next: await at(HEIGHT + 1) };
    const view = state.view(HEIGHT);
    records = {
      params: await view.get(CONSENSUS_STORE, fromLatin1('Consensus')),
      priorities: await view.get(CONSENSUS_STORE, fromLatin1(PRIORITIES_KEY)),
    };
    await view.release();
  });

  const derive = (changed: Partial<VerifiedHeights> = {}, other: Partial<ProvenRecords> = {}) =>
    syncedChainState(bench.genesis, { ...verified, ...changed }, { ...records, ...other }, NEVER_PAUSE);
  const last = (change: Partial<Header>) =>
    derive({ last: { ...verified.last, header: { ...verified.last.header, ...change } } });
  const next = (change: Partial<Header>) =>
    derive({ next: { ...verified.next, header: { ...verified.next.header, ...change } } });

  it('follows from two headers, the records of the state and the genesis document', async () => {
    const state = await derive();
    assert.equal(state.height, HEIGHT);
    assert.deepEqual(state.appHash, verified.next.header.appHash);
    assert.deepEqual(state.lastBlockId, verified.next.header.lastBlockId);
    assert.equal(needsNextValidators(verified.next), false);
  });

  it('is refused where anything that a header commits to differs', async () => {
    const refused = [
      () => last({ chainId: 'another' }),
      () => last({ appHash: bytesOf(32, 1) }),
      () => last({ height: HEIGHT + 1 }),
      () => next({ chainId: 'another' }),
      () => next({ height: HEIGHT + 2 }),
      () => next({ time: verified.last.header.time }),
      () => next({ validatorsHash: bytesOf(32, 1) }),
      () => next({ nextValidatorsHash: bytesOf(32, 1) }),
      () => next({ consensusHash: bytesOf(32, 1) }),
      () => next({ version: { block: 11n, app: 7n } }),
      () => derive({ last: { ...verified.last, validators: validators() } }),
      () => derive({ next: { ...verified.next, validators: validators() } }),
      () => derive({ nextValidators: validators() }),
    ];
    for (const [index, attempt] of refused.entries())
      await assert.rejects(attempt(), { code: 'state_mismatch' }, `case ${index}`);
  });

  it('is refused where the state lacks a record, or holds another one than the headers say', async () => {
    await assert.rejects(derive({}, { params: undefined }), { code: 'state_mismatch' });
    await assert.rejects(derive({}, { priorities: undefined }), { code: 'state_mismatch' });
    const params = decodeConsensusParams(records.params as Uint8Array);
    const larger = encodeConsensusParams({
      ...params,
      block: { ...params.block, maxBytes: params.block.maxBytes + 1 },
    });
    await assert.rejects(derive({}, { params: larger }), { code: 'state_mismatch' });
  });

  it('knows whether a block is due that proves the results of the last one', async () => {
    assert.equal((await derive()).proofBlockDue, false);
  });
});
