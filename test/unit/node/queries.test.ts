import assert from 'node:assert/strict';
import { answerQuery, type QueryParts } from '#node/queries.ts';
import type { QueryRequest } from '#rpc/node-api.ts';
import { NodeBench } from '../engine/bench.ts';

describe('abci_query', () => {
  let parts: QueryParts;

  before(async () => {
    const bench = await new NodeBench(1).install();
    await bench.start();
    await bench.run(20_000, () => bench.node.chain.state.height >= 3);
    await bench.node.engine.stop();
    const { ledger, state } = bench.node;
    parts = { ledger, state, getTx: async () => undefined };
  });

  const ask = (request: Partial<QueryRequest>) =>
    answerQuery(parts, { path: '/store/bank/key', data: supplyKey(), height: 0, prove: false, ...request });

  it('reads raw state, at the head and before', async () => {
    for (const height of [0, 2]) {
      const { code, value, height: at } = await ask({ height });
      assert.equal(code, 0);
      assert.equal(new TextDecoder().decode(value), '5000000000000');
      assert.equal(at, height === 0 ? 3 : height);
    }
  });

  it('proves presence and absence', async () => {
    for (const data of [supplyKey(), new Uint8Array([9, 9])]) {
      const { code, proofOps } = await ask({ data, prove: true });
      assert.equal(code, 0);
      assert.equal(proofOps?.length, 2);
    }
  });

  const refused: [string, Partial<QueryRequest>, number][] = [
    ['a negative height', { height: -1 }, 26],
    ['a height to come', { height: 99 }, 26],
    ['a proof of the first height', { height: 1, prove: true }, 18],
    ['a store that is not there', { path: '/store/nowhere/key' }, 6],
    ['a proof from such a store', { path: '/store/nowhere/key', prove: true }, 6],
    ['a path that is not there', { path: '/no.such.Query/Path' }, 6],
  ];
  for (const [name, request, code] of refused) {
    it(`refuses ${name} with code ${code}`, async () => assert.equal((await ask(request)).code, code));
  }
});

/** Of the base denomination, in the bank store. */
function supplyKey(): Uint8Array {
  return new TextEncoder().encode('\x00ubizra');
}
