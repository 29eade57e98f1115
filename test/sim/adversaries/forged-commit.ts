import { type Body, makeBody } from '#engine/body.ts';
import { type Commit, FLAG_ABSENT, hashCommit } from '#types/commit.ts';
import { bootAll, reach, type Script } from './script.ts';

/** Heights in which its turn to propose comes more than once. */
const HEIGHTS = 12;

/**
 * A proposer whose blocks carry a last commit with one made-up signature, after those that give +2/3. It costs nothing
 * now; but it says that a validator signed what it did not, and light clients that look at all of it stop there.
 */
export const forgedCommit: Script = async (world) => {
  bootAll(world);
  const [liar] = world.machines;
  await world.runUntil(1_000, () => liar?.node !== undefined);
  const chain = liar?.node?.chain;
  if (chain === undefined) throw new Error('the liar did not start');
  const { build } = chain;
  chain.build = (round, lastCommit, time) => withForgedCommit(build.call(chain, round, lastCommit, time));
  await reach(world, HEIGHTS, world.machines);
};

function withForgedCommit({ block, txHashes }: Body): Body {
  const lastCommit = forge(block.lastCommit);
  const header = { ...block.header, lastCommitHash: hashCommit(lastCommit) };
  return makeBody({ ...block, header, lastCommit }, txHashes);
}

/** The last signature that is there: whoever stops at +2/3 of four does not get to it. */
function forge(commit: Commit): Commit {
  const last = commit.signatures.findLastIndex(({ flag }) => flag !== FLAG_ABSENT);
  const signatures = commit.signatures.map((entry, index) =>
    index === last ? { ...entry, signature: entry.signature.map((byte) => byte ^ 0xff) } : entry,
  );
  return { ...commit, signatures };
}
