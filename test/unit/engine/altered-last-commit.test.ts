import assert from 'node:assert/strict';
import { InlineVerifier } from '#crypto/verifier.ts';
import { expectedBlockTime, validateBlock } from '#engine/block-validation.ts';
import { makeBody } from '#engine/body.ts';
import type { ChainState } from '#engine/chain-state.ts';
import type { EvidenceRules } from '#engine/evidence-validation.ts';
import { type Block, decodeBlock, encodeBlock } from '#types/block.ts';
import { type Commit, FLAG_ABSENT, FLAG_COMMIT, FLAG_NIL, hashCommit } from '#types/commit.ts';
import { DEFAULT_CONSENSUS_PARAMS } from '#types/params.ts';
import { BizraError } from '#util/errors.ts';
import { alteredCommits } from '../types/altered-commits.ts';
import { CHAIN_ID, makeCommit, makeValidators, NOW } from '../types/fixtures.ts';
import { NodeBench } from './bench.ts';

const NO_EVIDENCE: EvidenceRules = {
  history: {
    chainId: CHAIN_ID,
    initialHeight: 1,
    height: 0,
    time: 0n,
    params: DEFAULT_CONSENSUS_PARAMS.evidence,
    header: () => undefined,
    signedHeader: () => undefined,
    validators: async () => undefined,
  },
  committedAt: () => undefined,
};

const [A, C, N] = [FLAG_ABSENT, FLAG_COMMIT, FLAG_NIL] as const;
const keyed = makeValidators([5n, 4n, 4n, 3n, 1n, 1n]);

/** A proposer that builds on a commit which it altered makes everything else fit: hash, header and time. */
describe('a block on an altered last commit', () => {
  let state: ChainState;
  let block: Block;
  let commit: Commit;

  before(async () => {
    const bench = await new NodeBench(1).install();
    await bench.start();
    await bench.run(20_000, () => bench.node.chain.state.height >= 2);
    const { chain } = bench.node;
    await bench.node.engine.stop();
    state = { ...chain.state, chainId: CHAIN_ID, lastValidators: keyed.validators, lastBlockTime: NOW };
    commit = makeCommit(keyed, state.height, state.lastBlockId, [C, C, C, N, C, A]);
    const built = chain.build(0, commit, NOW).block;
    block = { ...built, header: { ...built.header, chainId: CHAIN_ID } };
  });

  function builtOn(lastCommit: Commit): Block {
    const { header } = block;
    let { time } = header;
    try {
      time = expectedBlockTime(state, { lastCommit });
    } catch (error) {
      // No time follows from it: then any will do to see what the rest says.
      assert.ok(error instanceof BizraError);
    }
    return { ...block, lastCommit, header: { ...header, time, lastCommitHash: hashCommit(lastCommit) } };
  }

  const validate = (altered: Block): Promise<void> =>
    validateBlock(new InlineVerifier(), state, makeBody(altered), () => 1n, NO_EVIDENCE);

  it('is valid when nothing is altered', async () => {
    await validate(builtOn(commit));
    await validate(decodeBlock(encodeBlock(builtOn(commit))));
  });

  it('commit-sig-address-bound, commit-foreign-signatures: is refused, whatever was altered', async () => {
    const altered = alteredCommits(keyed, commit);
    assert.ok(altered.length > 150);
    for (const [what, lastCommit] of altered) {
      const before = builtOn(lastCommit);
      await assert.rejects(validate(before), BizraError, what);
      // As it comes from a peer.
      let decoded: Block;
      try {
        decoded = decodeBlock(encodeBlock(before));
      } catch (error) {
        assert.ok(error instanceof BizraError, `${what}: ${error}`);
        continue;
      }
      await assert.rejects(validate(decoded), BizraError, `${what}, decoded`);
    }
  });

  it('median-time-rule: is refused with any time but the one that follows from its commit', async () => {
    const good = builtOn(commit);
    for (const time of [good.header.time + 1n, good.header.time - 1n, NOW + 1_000_000n, NOW, 0n])
      await assert.rejects(validate({ ...good, header: { ...good.header, time } }), { code: 'wrong_time' });
  });
});
