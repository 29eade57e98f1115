import assert from 'node:assert/strict';
import { RememberingVerifier } from '#crypto/remembering-verifier.ts';
import { InlineVerifier, type Verifier, type VerifyItem } from '#crypto/verifier.ts';
import { BlockPreparation, type DecidedBlock } from '#engine/block-preparation.ts';
import { makeBody } from '#engine/body.ts';
import type { Chain } from '#engine/chain.ts';
import { decodeBlock } from '#types/block.ts';
import { verifyCommit } from '#types/commit-verification.ts';
import { BizraError } from '#util/errors.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { NodeBench } from './bench.ts';

class CountingVerifier implements Verifier {
  count = 0;
  private readonly inner = new InlineVerifier();

  verify(items: readonly VerifyItem[]): Promise<boolean[]> {
    this.count += items.length;
    return this.inner.verify(items);
  }
}

describe('block preparation', () => {
  /** Three decided blocks, and the state before the second. */
  async function setUp() {
    const bench = await new NodeBench(1).install();
    await bench.start();
    await bench.run(20_000, () => bench.node.chain.state.height >= 1);
    const before = bench.node.chain.state;
    await bench.run(20_000, () => bench.node.chain.state.height >= 3);
    await bench.node.engine.stop();
    const decided = (height: number): DecidedBlock => {
      const { blockStore } = bench.node;
      const [bytes, commit] = [blockStore.blockBytes(height), blockStore.commit(height)];
      assert.ok(bytes !== undefined && commit !== undefined);
      return { body: makeBody(decodeBlock(bytes)), commit };
    };
    const counting = new CountingVerifier();
    const verifier = new RememberingVerifier(counting);
    const chain = { state: before, decodeAhead: async () => [] } as unknown as Chain;
    const parts = { chain, ledger: { verifyAhead: async () => undefined }, state: { prefetch: async () => undefined } };
    const preparation = new BlockPreparation({ ...parts, verifier, clock: new ManualClock() });
    const judge = ({ body, commit }: DecidedBlock): Promise<void> =>
      verifyCommit(verifier, before.chainId, before.validators, body.blockId, body.block.header.height, commit);
    return { blocks: [decided(2), decided(3)] as const, counting, preparation, judge, parts };
  }

  it('pays for each signature of a commit once, although it comes again in the next block', async () => {
    const { blocks, counting, preparation, judge } = await setUp();
    await preparation.prepare(blocks);
    // Of heights 1, 2 and 3; that of 2 is in both blocks.
    assert.equal(counting.count, 3);
    for (const block of blocks) await judge(block);
    assert.equal(counting.count, 3);
  });

  it('sync-full-commit-check: accepts nothing: a forged commit is refused in its turn', async () => {
    const { blocks, preparation, judge } = await setUp();
    const [block] = blocks;
    const signatures = block.commit.signatures.map((entry) => ({ ...entry, signature: new Uint8Array(64).fill(1) }));
    const forged = { body: block.body, commit: { ...block.commit, signatures } };
    await preparation.prepare([forged]);
    await assert.rejects(judge(forged), { code: 'bad_signature' });
    await judge(block);
  });

  it('sync-unsolicited: checks no more signatures than there are validators, and none of unknown ones', async () => {
    const { blocks, counting, preparation } = await setUp();
    const [{ body, commit }] = blocks;
    const entry = commit.signatures[0];
    assert.ok(entry !== undefined);
    const many = { ...commit, signatures: Array.from({ length: 10_000 }, () => entry) };
    await preparation.prepare([{ body, commit: many }]);
    assert.ok(counting.count <= 2, `${counting.count} were checked`);
    const header = { ...body.block.header, validatorsHash: new Uint8Array(32) };
    counting.count = 0;
    await preparation.prepare([{ body: { ...body, block: { ...body.block, header } }, commit }]);
    assert.equal(counting.count, 0);
  });

  it('passes on what the verifier failed with, once, however many groups there were', async () => {
    const { blocks, parts } = await setUp();
    const failure = new BizraError('verifier_full', 'later');
    const verifier = { verify: () => Promise.reject(failure) };
    const preparation = new BlockPreparation({ ...parts, verifier, clock: new ManualClock() });
    const many = Array.from({ length: 100 }, () => blocks[0]);
    await assert.rejects(preparation.prepare(many), failure);
  });
});
