import assert from 'node:assert/strict';
import type { FileStep } from '#storage/memory-files.ts';
import { NodeBench } from './bench.ts';

interface Refusal {
  readonly file: 'wal' | 'state';
  readonly step: FileStep;
}

const REFUSALS: readonly Refusal[] = [
  { file: 'wal', step: 'append' },
  { file: 'wal', step: 'appendRest' },
  { file: 'wal', step: 'sync' },
  { file: 'state', step: 'write' },
  { file: 'state', step: 'writeRest' },
  { file: 'state', step: 'sync' },
  { file: 'state', step: 'rename' },
  { file: 'state', step: 'syncDirectory' },
];

/** A node alone whose disk refuses one step once, at height 2 or later, and would work again after it. */
async function runWith({ file, step }: Refusal) {
  const bench = await new NodeBench(1).install();
  const after: string[] = [];
  const votes: string[] = [];
  let refused = false;
  bench.files = bench.files.sharing({
    beforeStep: (at, path) => {
      if (refused) after.push(`${at} ${path}`);
      else if (at === step && path.startsWith(file) && bench.started && bench.node.chain.state.height >= 2) {
        refused = true;
        throw new Error('EIO');
      }
    },
  });
  await bench.start();
  const { signer } = bench.node.ports;
  assert(signer !== undefined);
  const { signVote } = signer;
  signer.signVote = async (chainId, vote) => {
    const signed = await signVote.call(signer, chainId, vote);
    votes.push(refused ? 'signed after it' : 'signed');
    return signed;
  };
  await bench.run(20_000, () => bench.fatal.length > 0);
  const { height } = bench.node.chain.state;
  await bench.run(20_000);
  return { bench, refused, after, votes, height };
}

describe('R15: a disk that refuses', () => {
  for (const refusal of REFUSALS) {
    it(`${refusal.step} of ${refusal.file}: ends the node at once, without a retry and without a signature`, async () => {
      const { bench, refused, after, votes, height } = await runWith(refusal);
      assert.ok(refused);
      assert.equal(bench.fatal.length, 1);
      assert.match(String(bench.fatal[0]), /EIO/);
      assert.deepEqual(after, [], 'the disk is not touched again');
      assert.ok(votes.length > 0);
      assert.ok(!votes.includes('signed after it'));
      assert.equal(bench.node.chain.state.height, height, 'nothing is decided after it');
    });
  }
});
