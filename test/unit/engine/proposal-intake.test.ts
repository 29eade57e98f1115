import assert from 'node:assert/strict';
import { sha256 } from '#crypto/hash.ts';
import { makeBody } from '#engine/body.ts';
import { hashTxs } from '#types/block.ts';
import { EMPTY_COMMIT } from '#types/commit.ts';
import { idOf } from '../consensus/bench.ts';
import { compactOf, type Quartet, quartet } from './quartet.ts';

/** Counts the blocks of proposals that a node decodes. */
function countDecodings(bench: Quartet): string[] {
  const { network } = bench.node;
  const decoded: string[] = [];
  const decode = network.compactBlock.bind(network);
  network.compactBlock = (peer, bytes) => {
    decoded.push(peer);
    return decode(peer, bytes);
  };
  return decoded;
}

describe('the block of a proposal', () => {
  const MIB = 1024 * 1024;
  const JUNK = new Uint8Array(100_000).fill(7);

  it('is not looked at when the proposal is for another height, and its bytes are counted', async () => {
    const bench = await quartet();
    const decoded = countDecodings(bench);
    const elsewhere = { ...bench.proposed(idOf('x')), height: 50 };
    bench.transport.receive('a', { kind: 'proposal', proposal: elsewhere, block: JUNK });
    assert.deepEqual([decoded, bench.transport.punished], [[], []]);
    const large = { kind: 'proposal', proposal: elsewhere, block: new Uint8Array(2 * MIB) } as const;
    for (let i = 0; i < 33; i++) bench.transport.receive('a', large);
    assert.deepEqual([decoded, bench.transport.punished], [[], [{ peer: 'a', reason: 'flood' }]]);
  });

  it('costs nothing when a node far behind is told of every block of a chain at full pace', async () => {
    const bench = await quartet();
    const block = new Uint8Array(MIB);
    for (let height = 50; height < 130; height++) {
      const proposal = { ...bench.proposed(idOf('x')), height };
      bench.transport.receive('a', { kind: 'proposal', proposal, block });
      await bench.run(250);
    }
    assert.deepEqual(bench.transport.punished, []);
  });

  it('is not looked at before the signature is', async () => {
    const bench = await quartet();
    const decoded = countDecodings(bench);
    const forged = { ...bench.proposed(idOf('x')), signature: new Uint8Array(64).fill(9) };
    bench.transport.receive('a', { kind: 'proposal', proposal: forged, block: JUNK });
    assert.deepEqual([decoded, bench.transport.punished], [[], [{ peer: 'a', reason: 'bad_proposal_signature' }]]);
  });

  it('costs its sender when it does not decode', async () => {
    const bench = await quartet();
    bench.transport.receive('a', { kind: 'proposal', proposal: bench.proposed(idOf('x')), block: JUNK });
    assert.deepEqual(bench.transport.punished, [{ peer: 'a', reason: 'too_large' }]);
  });

  it('is decoded once, however often a peer repeats it', async () => {
    const bench = await quartet();
    const decoded = countDecodings(bench);
    const { chain } = bench.node;
    const { block } = chain.build(0, EMPTY_COMMIT, chain.state.lastBlockTime);
    const txs = [new Uint8Array(70).fill(1)];
    const body = makeBody({ ...block, header: { ...block.header, dataHash: hashTxs(txs.map(sha256)) }, txs });
    const message = {
      kind: 'proposal',
      proposal: bench.proposed(body.blockId),
      block: compactOf(body, false),
    } as const;
    // Nobody gives the transaction, so the block stays of use.
    for (let i = 0; i < 10; i++) {
      bench.transport.receive('a', message);
      await bench.run(10);
    }
    assert.deepEqual([decoded, bench.transport.punished], [['a'], []]);
  });
});
