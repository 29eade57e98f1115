import assert from 'node:assert/strict';
import { generateEd25519 } from '#crypto/ed25519.ts';
import { checkNewestHeights } from '#storage/block-check.ts';
import { hashKey, ROW, rowKey } from '#storage/block-rows.ts';
import { BlockStore, type HeightResults, type StoredHeader, type StoredHeight } from '#storage/block-store.ts';
import { MemoryKeyValue } from '#storage/memory.ts';
import { type Block, blockIdOf, encodeBlock, txHash } from '#types/block.ts';
import { NIL_BLOCK_ID } from '#types/block-id.ts';
import { ABSENT_COMMIT_SIG, type Commit, EMPTY_COMMIT } from '#types/commit.ts';
import { hashEvidenceList } from '#types/evidence.ts';
import { DEFAULT_CONSENSUS_PARAMS } from '#types/params.ts';
import type { TxResult } from '#types/results.ts';
import { ValidatorSet } from '#types/validator-set.ts';
import { MachineError } from '#util/errors.ts';
import { NEVER_PAUSE } from '#util/pause.ts';

const validatorKey = (seed: number) =>
  ({ type: 'ed25519', bytes: generateEd25519(new Uint8Array(32).fill(seed)).publicKey }) as const;
const FIRST_SET = ValidatorSet.create(
  [1, 2, 3].map((seed) => ({ pubKey: validatorKey(seed), votingPower: BigInt(seed * 10) })),
);

function blockAt(height: number, txCount: number): Block {
  const hash = new Uint8Array(32).fill(height % 251);
  return {
    header: {
      version: { block: 11n, app: 0n },
      chainId: 'test',
      height,
      time: 1_700_000_000_000_000_000n + BigInt(height),
      lastBlockId: NIL_BLOCK_ID,
      lastCommitHash: hash,
      dataHash: hash,
      validatorsHash: hash,
      nextValidatorsHash: hash,
      consensusHash: hash,
      appHash: hash,
      lastResultsHash: hash,
      evidenceHash: hashEvidenceList([]),
      proposerAddress: new Uint8Array(20).fill(1),
    },
    txs: Array.from({ length: txCount }, (_, i) => Uint8Array.of(height & 0xff, i & 0xff, i >> 8, 1, 2, 3)),
    evidence: [],
    lastCommit: EMPTY_COMMIT,
  };
}

function commitAt(height: number): Commit {
  const hash = new Uint8Array(32).fill(1);
  return { height, round: 0, blockId: { hash, partSetHeader: { total: 1, hash } }, signatures: [ABSENT_COMMIT_SIG] };
}

function resultOf(tx: Uint8Array): TxResult {
  return {
    code: 0,
    data: tx,
    log: '',
    info: '',
    gasWanted: 10n,
    gasUsed: BigInt(tx[1] as number),
    codespace: '',
    events: [{ type: 'tx', attributes: [{ key: 'hash', value: txHash(tx).join(), index: true }] }],
  };
}

class Chain {
  validators = FIRST_SET;
  params = DEFAULT_CONSENSUS_PARAMS;
  readonly seen = new Map<number, ValidatorSet>();
  readonly kv: MemoryKeyValue;
  readonly store: BlockStore;

  constructor(kv: MemoryKeyValue, store: BlockStore) {
    this.kv = kv;
    this.store = store;
  }

  static async start(initialHeight = 1): Promise<Chain> {
    const kv = new MemoryKeyValue();
    const chain = new Chain(kv, await BlockStore.open(kv));
    const batch = kv.batch();
    chain.store.putGenesis(batch, initialHeight, chain.validators, chain.params);
    chain.seen.set(initialHeight, chain.validators);
    await batch.write({ sync: true });
    return chain;
  }

  stored(height: number, txCount = 0): StoredHeight {
    const block = blockAt(height, txCount);
    return {
      height,
      block,
      blockBytes: encodeBlock(block),
      blockId: blockIdOf(block),
      commit: commitAt(height),
      appHash: new Uint8Array(32).fill(7),
      validators: this.validators,
      params: this.params,
    };
  }

  results({ height, block }: StoredHeight): HeightResults {
    return {
      txResults: block.txs.map(resultOf),
      blockEvents: height % 2 === 0 ? [{ type: 'mint', attributes: [] }] : [],
      validatorUpdates: height % 3 === 0 ? [{ pubKey: validatorKey(9), power: BigInt(height) }] : [],
    };
  }

  async add(height: number, txCount = 0): Promise<StoredHeight> {
    this.validators = this.validators.incremented(1);
    this.seen.set(height + 1, this.validators);
    const stored = this.stored(height, txCount);
    const batch = this.kv.batch();
    this.store.putHeight(batch, stored);
    await this.store.putResults(batch, height, this.results(stored), stored.block.txs);
    await batch.write({ sync: true });
    return stored;
  }
}

describe('BlockStore', () => {
  it('gives back everything of a height, also after it was opened again', async () => {
    const chain = await Chain.start();
    const stored = await chain.add(1, 150);
    for (const store of [chain.store, await BlockStore.open(chain.kv)]) {
      assert.equal(store.head, 1);
      assert.equal(store.base, 1);
      assert.deepEqual(store.block(1), stored.block);
      assert.deepEqual(store.blockBytes(1), stored.blockBytes);
      assert.deepEqual(store.commit(1), stored.commit);
      assert.deepEqual(store.results(1), chain.results(stored));
      assert.equal(store.heightOf(stored.blockId.hash), 1);
      const { blockId, appHash, blockBytes, block } = stored;
      assert.deepEqual(store.meta(1), {
        blockId,
        appHash,
        header: block.header,
        txCount: 150,
        size: blockBytes.length,
      });
      for (const index of [0, 63, 64, 149]) {
        assert.deepEqual(store.tx(1, index), { tx: block.txs[index], result: chain.results(stored).txResults[index] });
      }
      assert.equal(store.tx(1, 150), undefined);
    }
  });

  it('gives back the results at some places in slices, and none when the height is pruned meanwhile', async () => {
    const chain = await Chain.start();
    const stored = await chain.add(1, 150);
    await chain.add(2);
    const { store } = chain;
    const whole = chain.results(stored);
    let pauses = 0;
    const pause = async (): Promise<void> => {
      pauses += 1;
    };
    assert.deepEqual(await store.resultsAt(1, undefined, pause), whole);
    assert.equal(pauses, 150);
    for (const places of [[], [0], [63, 64], [70, 71, 149]]) {
      const txResults = whole.txResults.map((result, place) => (places.includes(place) ? result : undefined));
      const expected = { ...whole, txResults: places.length === 0 ? [] : txResults };
      assert.deepEqual(await store.resultsAt(1, places, NEVER_PAUSE), expected);
    }
    assert.equal(await store.resultsAt(3, undefined, NEVER_PAUSE), undefined);
    assert.equal(await store.resultsAt(1, undefined, () => store.raise(2, 1)), undefined);
    assert.equal(await store.resultsAt(1, [], NEVER_PAUSE), undefined);
  });

  it('knows nothing of heights that it does not have', async () => {
    const chain = await Chain.start(5);
    assert.equal(chain.store.head, 0);
    assert.equal(chain.store.base, 0);
    await chain.add(5);
    for (const height of [-1, 0, 4, 6]) {
      assert.equal(chain.store.block(height), undefined);
      assert.equal(chain.store.meta(height), undefined);
      assert.equal(chain.store.commit(height), undefined);
      assert.equal(chain.store.results(height), undefined);
      assert.equal(chain.store.tx(height, 0), undefined);
    }
    assert.equal(chain.store.heightOf(new Uint8Array(32)), undefined);
  });

  it('await-between-check-and-write: shows a height only once its batch is visible', async () => {
    const chain = await Chain.start();
    await chain.add(1);
    const batch = chain.kv.batch();
    const second = chain.stored(2, 3);
    chain.store.putHeight(batch, second);
    await chain.store.putResults(batch, 2, chain.results(second), second.block.txs);
    assert.equal(chain.store.head, 1);
    assert.equal(chain.store.block(2), undefined);
    assert.equal(chain.store.results(2), undefined);
    await batch.write({ sync: true });
    assert.equal(chain.store.head, 2);
    assert.equal(chain.store.block(2)?.txs.length, 3);
  });

  it('validator-lookup-bounded: finds every set with its priorities near the height that is asked', async () => {
    const chain = await Chain.start();
    for (let height = 1; height <= 600; height++) {
      if (height === 300) {
        chain.validators = chain.validators.withUpdates([{ pubKey: validatorKey(4), power: 15n }]);
      }
      await chain.add(height);
    }
    const store = await BlockStore.open(chain.kv);
    for (const height of [1, 2, 256, 257, 258, 299, 300, 301, 302, 556, 557, 600, 601]) {
      assert.deepEqual((await store.validators(height)).encode(), chain.seen.get(height)?.encode(), String(height));
    }
    for (const height of [1, 299, 300, 301, 302, 601]) {
      assert.deepEqual((await store.signers(height)).hash(), chain.seen.get(height)?.hash(), `signers of ${height}`);
    }
    for (const height of [-1, 0, 602]) {
      await assert.rejects(store.validators(height), { code: 'not_stored' });
      await assert.rejects(store.signers(height), { code: 'not_stored' });
    }
    let rows = 0;
    for await (const _ of chain.kv.iterate({ gte: Uint8Array.of(0x62, 0x76), lt: Uint8Array.of(0x62, 0x77) })) rows++;
    assert.ok(rows >= 4 && rows <= 5, `${rows} rows for 600 heights`);
  });

  it('gives the parameters that were in force', async () => {
    const chain = await Chain.start();
    for (let height = 1; height <= 10; height++) {
      if (height === 5) chain.params = { ...chain.params, block: { maxBytes: 1000, maxGas: 9 } };
      await chain.add(height);
    }
    const store = await BlockStore.open(chain.kv);
    assert.equal((await store.params(5)).block.maxBytes, DEFAULT_CONSENSUS_PARAMS.block.maxBytes);
    assert.equal((await store.params(6)).block.maxBytes, 1000);
    assert.equal((await store.params(11)).block.maxGas, 9);
    await assert.rejects(store.params(12), { code: 'not_stored' });
  });

  it('notices a flipped or missing byte in every row', async () => {
    const chain = await Chain.start();
    const { blockId } = await chain.add(2 - 1, 3);
    await chain.add(2, 3);
    const rows: (readonly [Uint8Array, Uint8Array])[] = [];
    for await (const row of chain.kv.iterate({})) rows.push(row);
    const readAll = async (kv: MemoryKeyValue) => {
      const store = await BlockStore.open(kv);
      for (const height of [1, 2]) {
        store.meta(height);
        store.blockBytes(height);
        store.commit(height);
        store.results(height);
        await store.validators(height + 1);
        await store.params(height);
      }
      assert.equal(store.heightOf(blockId.hash), 1);
      store.heightOf(blockIdOf(blockAt(2, 3)).hash);
    };
    await readAll(chain.kv);
    for (const [key, value] of rows) {
      for (const at of [0, value.length >> 1, value.length - 1]) {
        const damaged = value.slice();
        damaged[at] = (damaged[at] as number) ^ 0x10;
        await put(chain.kv, key, damaged);
        await assert.rejects(readAll(chain.kv), { code: 'damaged' }, `row ${key.join(' ')} byte ${at}`);
      }
      await put(chain.kv, key, value);
    }
  });
});

async function put(kv: MemoryKeyValue, key: Uint8Array, value: Uint8Array): Promise<void> {
  const batch = kv.batch();
  batch.put(key, value);
  await batch.write({ sync: true });
}

describe('the check of the newest heights at start', () => {
  const check = async (kv: MemoryKeyValue): Promise<void> => {
    await checkNewestHeights(kv, await BlockStore.open(kv), NEVER_PAUSE);
  };

  it('finds nothing wrong with what was written', async () => {
    const chain = await Chain.start();
    await check(chain.kv);
    for (let height = 1; height <= 4; height++) await chain.add(height, height - 1);
    await check(chain.kv);
  });

  it('finds any row of any height that is lost or has a flipped bit', async () => {
    const chain = await Chain.start();
    const { kv } = chain;
    for (let height = 1; height <= 3; height++) {
      const { blockId } = await chain.add(height, 1);
      const kinds = [ROW.meta, ROW.block, ROW.commit].map((kind) => rowKey(kind, height));
      for (const key of [...kinds, rowKey(ROW.results, height, 0), hashKey(blockId.hash)]) {
        const before = kv.get(key) as Uint8Array;
        kv.corrupt(key, (value) => value.fill((value[0] as number) ^ 4, 0, 1));
        await assert.rejects(check(kv), isDamage);
        kv.corrupt(key, () => undefined);
        await assert.rejects(check(kv), isDamage);
        await put(kv, key, before);
      }
    }
    await check(kv);
  });
});

function isDamage(error: unknown): boolean {
  return error instanceof MachineError && error.code === 'damaged';
}

describe('what a store holds below its blocks', () => {
  const headerOf = (height: number, validatorsHash: Uint8Array): StoredHeader => {
    const block = blockAt(height, 0);
    const header = { ...block.header, validatorsHash };
    const appHash = new Uint8Array(32).fill(height);
    return {
      height,
      blockId: blockIdOf(block),
      header,
      commit: commitAt(height),
      appHash,
      signers: FIRST_SET,
    };
  };

  async function seeded(height: number): Promise<{ store: BlockStore; kv: MemoryKeyValue }> {
    const kv = new MemoryKeyValue();
    const store = await BlockStore.open(kv);
    const batch = kv.batch();
    const validators = FIRST_SET.incremented(7);
    store.seed(batch, { ...headerOf(height, FIRST_SET.hash()), validators, params: DEFAULT_CONSENSUS_PARAMS });
    assert.equal(store.head, 0, 'nothing shows before the batch does');
    await batch.write({ sync: true });
    return { store, kv };
  }

  async function putBelow(store: BlockStore, kv: MemoryKeyValue, stored: StoredHeader): Promise<void> {
    const batch = kv.batch();
    const { headerBase } = store;
    store.putHeader(batch, stored);
    assert.equal(store.headerBase, headerBase, 'nothing shows before the batch does');
    await batch.write({ sync: true });
    assert.equal(store.headerBase, stored.height);
  }

  it('begins at a snapshot, with the header of its height alone, and goes on from there', async () => {
    const { store: seed, kv } = await seeded(10);
    for (const store of [seed, await BlockStore.open(kv)]) {
      assert.deepEqual([store.headerBase, store.base, store.head], [10, 11, 10]);
      assert.deepEqual(store.meta(10)?.header, headerOf(10, FIRST_SET.hash()).header);
      assert.deepEqual(store.commit(10), commitAt(10));
      assert.equal(store.block(10), undefined);
      assert.equal(store.results(10), undefined);
      assert.deepEqual((await store.signers(10)).hash(), FIRST_SET.hash());
      assert.deepEqual((await store.validators(11)).encode(), FIRST_SET.incremented(7).encode());
      await assert.rejects(store.signers(9), { code: 'not_stored' });
      await checkNewestHeights(kv, store, NEVER_PAUSE);
    }
    const chain = new Chain(kv, seed);
    chain.validators = FIRST_SET.incremented(7);
    await chain.add(11, 3);
    assert.deepEqual([seed.headerBase, seed.base, seed.head], [10, 11, 11]);
    assert.equal(seed.block(11)?.txs.length, 3);
    await checkNewestHeights(kv, seed, NEVER_PAUSE);
  });

  it('takes headers of earlier heights, downwards, and knows who signed each of them', async () => {
    const { store, kv } = await seeded(300);
    const other = ValidatorSet.create([{ pubKey: validatorKey(5), votingPower: 7n }]);
    for (let height = 299; height >= 20; height--) {
      const signers = height < 100 ? other : FIRST_SET;
      await putBelow(store, kv, { ...headerOf(height, signers.hash()), signers });
    }
    for (const opened of [store, await BlockStore.open(kv)]) {
      assert.deepEqual([opened.headerBase, opened.base, opened.head], [20, 301, 300]);
      for (const height of [20, 99, 100, 255, 256, 299, 300]) {
        assert.equal(opened.meta(height)?.header.height, height);
        assert.deepEqual((await opened.signers(height)).hash(), (height < 100 ? other : FIRST_SET).hash());
      }
      assert.deepEqual((await opened.validators(301)).encode(), FIRST_SET.incremented(7).encode());
      await checkNewestHeights(kv, opened, NEVER_PAUSE);
    }
    const sets = kv.keys().filter((key) => key[0] === 0x62 && key[1] === ROW.validators);
    assert.ok(sets.length < 8, `${sets.length} rows of validators`);
    const gap = kv.batch();
    assert.throws(() => store.putHeader(gap, headerOf(18, FIRST_SET.hash())), /without a gap/);
  });

  it('a lost header row of any height below the blocks is found at start', async () => {
    const { store, kv } = await seeded(5);
    await putBelow(store, kv, headerOf(4, FIRST_SET.hash()));
    for (const kind of [ROW.meta, ROW.commit]) {
      for (const height of [4, 5]) {
        const row = rowKey(kind, height);
        const kept = kv.get(row) as Uint8Array;
        kv.corrupt(row, () => undefined);
        await assert.rejects(checkNewestHeights(kv, store, NEVER_PAUSE), { code: 'damaged' });
        const batch = kv.batch();
        batch.put(row, kept);
        await batch.write({ sync: true });
      }
    }
  });
});
