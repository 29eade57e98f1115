import assert from 'node:assert/strict';
import { verifyProof } from '#light/proof-verify.ts';
import { answerQuery, type QueryParts } from '#node/queries.ts';
import { RealClock } from '#node/real-clock.ts';
import { SimulationTurns } from '#node/simulation-turns.ts';
import type { QueryRequest } from '#rpc/node-api.ts';
import type { ProofOp } from '#state/store.ts';
import { Reader, readMessage } from '#types/wire.ts';
import { encodeWith } from '#types/wire-writer.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { NodeBench } from '../engine/bench.ts';

describe('abci_query', () => {
  let parts: QueryParts;
  let bench: NodeBench;
  /** The state after a height is in the header of the next, or in the chain's record. */
  const appHashAt = (height: number) =>
    bench.node.blockStore.meta(height + 1)?.header.appHash ?? bench.node.chain.state.appHash;

  before(async () => {
    bench = await new NodeBench(1).install();
    await bench.start();
    await bench.run(20_000, () => bench.node.chain.state.height >= 3);
    await bench.node.engine.stop();
    const { ledger, state } = bench.node;
    parts = { ledger, state, simulations: new SimulationTurns(new RealClock()), getTx: async () => undefined };
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

  it('simulates in turns of the event loop, one after the other, and refuses when too many wait', async () => {
    const clock = new ManualClock();
    const simulations = new SimulationTurns(clock);
    const request = { path: '/cosmos.tx.v1beta1.Service/Simulate', data: new Uint8Array(0), height: 0, prove: false };
    let ended = 0;
    const count = () => ended++;
    const running = Array.from({ length: 100 }, () => answerQuery({ ...parts, simulations }, request).finally(count));
    const { code, log } = await answerQuery({ ...parts, simulations }, request);
    assert.equal(code, 35);
    assert.match(log, /too many simulations at once/);
    for (let turns = 0; turns < 100; turns++) {
      assert.equal(ended, turns);
      assert.ok(await clock.step());
    }
    const answers = await Promise.all(running);
    assert.ok(answers.every((answer) => answer.code === 18 && answer.log.includes('empty txBytes is not allowed')));
    assert.equal(await clock.step(), false);
  });

  it('proves presence and absence', async () => {
    for (const data of [supplyKey(), new Uint8Array([9, 9])]) {
      const { code, proofOps } = await ask({ data, prove: true });
      assert.equal(code, 0);
      assert.equal(proofOps?.length, 2);
    }
  });

  it('proves values, absence at the edges of a module and in an empty one, at every height', async () => {
    const stores = parts.state.stores;
    // Before all keys and behind them, by bytes and by hash; the sentinel's neighbours.
    const keys = [[0], [0, 0], [0xff, 0], [0xfe, 0xff], [0xff, 0xff]].map((bytes) => Uint8Array.from(bytes));
    for (const store of stores) {
      for (const data of [...keys, supplyKey()]) {
        for (const height of [0, 2, 3]) {
          const path = `/store/${store}/key`;
          const { code, value, proofOps, height: at } = await ask({ path, data, height, prove: true });
          assert.equal(code, 0);
          assert.equal(at, height === 0 ? 3 : height);
          const appHash = appHashAt(at);
          verifyProof(proofOps ?? [], appHash, { store, key: data, value });
          assert.deepEqual((await ask({ path, data, height })).value, value);
        }
      }
    }
    assert.ok(stores.length > 1);
  });

  it('answers many keys at one height, each with its step', async () => {
    const keys = [supplyKey(), Uint8Array.of(9, 9), Uint8Array.of(1)];
    const data = encodeWith((writer) => {
      for (const key of keys) writer.bytes(1, key);
    });
    for (const height of [0, 2]) {
      const plain = await ask({ path: '/store/bank/keys', data, height });
      const {
        code,
        value,
        proofOps = [],
        height: at,
      } = await ask({ path: '/store/bank/keys', data, height, prove: true });
      assert.equal(code, 0);
      assert.equal(plain.proofOps, undefined);
      assert.deepEqual(plain.value, value);
      assert.equal(proofOps.length, keys.length + 1);
      const pairs = readPairs(value as Uint8Array);
      for (const [i, key] of keys.entries()) {
        assert.deepEqual(pairs[i]?.key, key);
        const one = await ask({ data: key, height });
        assert.deepEqual(pairs[i]?.value, one.value);
        const ops = [proofOps[i], proofOps.at(-1)] as ProofOp[];
        verifyProof(ops, appHashAt(at), { store: 'bank', key, value: one.value });
      }
    }
  });

  it('a query about pruned state is refused, with and without a proof', async () => {
    await bench.node.state.pruning.raise(2);
    for (const prove of [false, true]) {
      const path = '/cosmos.bank.v1beta1.Query/TotalSupply';
      assert.equal((await ask({ height: 1, prove: false })).code, 26);
      assert.equal((await ask({ height: 2, prove })).code, 0);
      assert.equal((await ask({ path, data: new Uint8Array(0), height: 1 })).code, 26);
    }
  });

  const refused: [string, Partial<QueryRequest>, number][] = [
    ['a negative height', { height: -1 }, 26],
    ['a height to come', { height: 99 }, 26],
    ['a proof of the first height', { height: 1, prove: true }, 18],
    ['a store that is not there', { path: '/store/nowhere/key' }, 6],
    ['a proof from such a store', { path: '/store/nowhere/key', prove: true }, 6],
    ['a store that is not there, at an old height', { path: '/store/nowhere/key', height: 2 }, 6],
    ['an empty key', { data: new Uint8Array(0) }, 2],
    ['a proof of an empty key', { data: new Uint8Array(0), prove: true }, 2],
    ["a proof about the stores' own key", { data: Uint8Array.of(0xff), prove: true }, 18],
    ['a proof of a height to come', { height: 99, prove: true }, 26],
    ['no keys', { path: '/store/bank/keys', data: new Uint8Array(0) }, 2],
    ['what are no keys', { path: '/store/bank/keys', data: Uint8Array.of(9, 9, 9) }, 2],
    ['too many keys', { path: '/store/bank/keys', data: keysOf(257) }, 2],
    ['an empty key among others', { path: '/store/bank/keys', data: Uint8Array.of(0x0a, 0) }, 2],
    ['a path that is not there', { path: '/no.such.Query/Path' }, 6],
  ];
  for (const [name, request, code] of refused) {
    it(`refuses ${name} with code ${code}`, async () => assert.equal((await ask(request)).code, code));
  }
});

function keysOf(count: number): Uint8Array {
  return encodeWith((writer) => {
    for (let i = 0; i < count; i++) writer.bytes(1, Uint8Array.of(1, i & 0xff));
  });
}

function readPairs(bytes: Uint8Array): { key?: Uint8Array; value?: Uint8Array }[] {
  const pairs: { key?: Uint8Array; value?: Uint8Array }[] = [];
  const reader = new Reader(bytes, 'pairs');
  readMessage(
    reader,
    () => {
      const pair: { key?: Uint8Array; value?: Uint8Array } = {};
      reader.message((inner) =>
        readMessage(inner, (field) => {
          pair[field === 1 ? 'key' : 'value'] = inner.bytes({ max: 10_000 });
          return true;
        }),
      );
      pairs.push(pair);
      return true;
    },
    1,
  );
  return pairs;
}

/** Of the base denomination, in the bank store. */
function supplyKey(): Uint8Array {
  return new TextEncoder().encode('\x00ubizra');
}
