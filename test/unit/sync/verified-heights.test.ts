import assert from 'node:assert/strict';
import { VerifiedHeights } from '#sync/verified-heights.ts';
import { SILENT_LOGGER } from '#telemetry/logger.ts';
import { ABSENT_COMMIT_SIG, type Commit, hashCommit } from '#types/commit.ts';
import type { LightBlock } from '#types/light-block.ts';
import { CHAIN_ID, HOUR, LightChain, members, verifier } from '../light/support.ts';
import { PeersBench, type Serve } from './state-sync-bench.ts';

const HEIGHT = 5;

const CHAIN: LightChain = new LightChain({
  heights: 8,
  members: () => members(4),
  change: ({ height }) => (height === 1 ? {} : { lastCommitHash: hashCommit(CHAIN.block(height - 1).commit) }),
});

/** Gives the chain's light blocks, the one at HEIGHT with another commit. */
function serving(change: (commit: Commit) => Commit = (commit) => commit): Serve {
  return (request) => {
    if (request.kind !== 'getLightBlocks') return undefined;
    const block = CHAIN.block(request.from);
    const blocks: LightBlock[] = request.from === HEIGHT ? [{ ...block, commit: change(block.commit) }] : [block];
    return { blocks };
  };
}

/** As a node has seen it that went on before the last vote came: valid, and not what the next block carries. */
const oneLess = serving((commit) => {
  return { ...commit, signatures: [ABSENT_COMMIT_SIG, ...commit.signatures.slice(1)] };
});
/** The hash of a commit does not cover its round. */
const otherRound = serving((commit) => ({ ...commit, round: 3 }));

async function commitFrom(peers: Readonly<Record<string, Serve>>): Promise<Commit> {
  const bench = new PeersBench(peers);
  const options = { chainId: CHAIN_ID, trustHeight: 1, trustHash: CHAIN.hash(1), trustingPeriodNs: HOUR };
  const heights = new VerifiedHeights({ peers: bench.peers, verifier, logger: SILENT_LOGGER }, options);
  const { last, next } = await heights.chainAt(HEIGHT, ['a']);
  assert.deepEqual(next, CHAIN.block(HEIGHT + 1));
  return last.commit;
}

describe('the chain around a snapshot', () => {
  it('has the commit that the next block carries, not the one that a peer happened to see', async () => {
    assert.deepEqual(await commitFrom({ a: oneLess, b: serving() }), CHAIN.block(HEIGHT).commit);
  });

  it('takes no commit of which the signatures are not its own, though the next block names its hash', async () => {
    const commit = await commitFrom({ a: oneLess, liar: otherRound, b: serving() });
    assert.deepEqual(commit, CHAIN.block(HEIGHT).commit);
  });

  it('is not known where nobody has that commit', async () => {
    await assert.rejects(commitFrom({ a: oneLess, b: oneLess }), { code: 'no_light_block' });
  });
});
