import assert from 'node:assert/strict';
import type { Verdict } from '#consensus/known-blocks.ts';
import { InlineVerifier } from '#crypto/verifier.ts';
import type { BlockPreparation } from '#engine/block-preparation.ts';
import { makeBody } from '#engine/body.ts';
import type { Chain } from '#engine/chain.ts';
import type { Engine } from '#engine/engine.ts';
import { EngineSyncChain } from '#node/sync-adapter.ts';
import { decodeBlock } from '#types/block.ts';
import { verifyCommit } from '#types/commit-verification.ts';
import { MachineError } from '#util/errors.ts';
import { NodeBench } from '../engine/bench.ts';

describe('block sync over the chain', () => {
  /** The third of three decided blocks, and a chain that stands before it. */
  async function fetched() {
    const bench = await new NodeBench(1).install();
    await bench.start();
    await bench.run(20_000, () => bench.node.chain.state.height >= 2);
    const before = bench.node.chain.state;
    await bench.run(20_000, () => bench.node.chain.state.height >= 3);
    await bench.node.engine.stop();
    const bytes = bench.node.blockStore.blockBytes(3);
    const commit = bench.node.blockStore.commit(3);
    assert.ok(bytes !== undefined && commit !== undefined);
    const body = makeBody(decodeBlock(bytes));
    const judged: number[] = [];
    const chain = {
      state: before,
      verifyCommit,
      judge: async (): Promise<Verdict> => {
        judged.push(chain.state.height);
        return chain.state.height === 2 ? 'valid' : 'invalid';
      },
    };
    const sync = new EngineSyncChain({
      chain: chain as unknown as Chain,
      engine: {} as Engine,
      verifier: new InlineVerifier(),
      preparation: {} as BlockPreparation,
    });
    return {
      sync,
      chain,
      judged,
      after: bench.node.chain.state,
      block: { height: 3, size: bytes.length, body, commit },
    };
  }

  it('accepts a decided block with its commit', async () => {
    const { sync, block, judged } = await fetched();
    await sync.verify(block);
    assert.deepEqual(judged, [2]);
  });

  it('sync-full-commit-check: refuses a commit with one forged signature, and one for another block', async () => {
    const { sync, block } = await fetched();
    const signatures = block.commit.signatures.map((entry) => ({ ...entry, signature: new Uint8Array(64).fill(1) }));
    await assert.rejects(sync.verify({ ...block, commit: { ...block.commit, signatures } }));
    const blockId = { ...block.commit.blockId, hash: new Uint8Array(32).fill(1) };
    await assert.rejects(sync.verify({ ...block, commit: { ...block.commit, blockId } }), { code: 'invalid_block' });
  });

  it('apply-error-fatal: stops at a decided block that it finds invalid, and its sender is not to blame', async () => {
    const { sync, chain, block } = await fetched();
    chain.judge = async () => 'invalid';
    await assert.rejects(sync.verify(block), (error) => {
      return error instanceof MachineError && error.code === 'decided_block_invalid';
    });
  });

  it('follows a decided block that it cannot judge: about heights whose records it does not have', async () => {
    const { sync, chain, block } = await fetched();
    chain.judge = async () => 'unjudged';
    await sync.verify(block);
  });

  it('await-between-check-and-write: does not judge a block by the state after it', async () => {
    const { sync, chain, after, block, judged } = await fetched();
    const verified = sync.verify(block);
    // Votes decide the height while its commit is being verified.
    chain.state = after;
    await verified;
    assert.deepEqual(judged, [], 'its sender is not to blame');
  });

  it('await-between-check-and-write: does not take a verdict that came after it was decided', async () => {
    const { sync, chain, after, block } = await fetched();
    chain.judge = async () => {
      chain.state = after;
      return 'invalid';
    };
    await sync.verify(block);
  });
});
