import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { type IndexedBlock, Indexer } from '#indexer/indexer.ts';
import { MemoryKeyValue } from '#storage/memory.ts';
import { SlicedDeletes } from '#storage/sliced-deletes.ts';
import { type Condition, matchesValue, parseQuery, type Query } from '#types/query.ts';
import type { LedgerEvent, TxResult } from '#types/results.ts';

function sha256(text: string): Uint8Array {
  return new Uint8Array(createHash('sha256').update(text).digest());
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex').toUpperCase();
}

function txResult(events: readonly LedgerEvent[], code = 0): TxResult {
  const data = new Uint8Array(0);
  return { code, data, log: '', info: '', gasWanted: 1n, gasUsed: 1n, events, codespace: '' };
}

function event(type: string, attributes: Readonly<Record<string, string>>, index = true): LedgerEvent {
  return { type, attributes: Object.entries(attributes).map(([key, value]) => ({ key, value, index })) };
}

function block(
  height: number,
  txs: readonly (readonly LedgerEvent[])[],
  own: readonly LedgerEvent[] = [],
): IndexedBlock {
  return {
    height,
    txHashes: txs.map((_, i) => sha256(`${height}/${i}`)),
    txResults: txs.map((events) => txResult(events)),
    blockEvents: own,
  };
}

/** A chain of indexed blocks, each written in a batch of its own. */
async function chainOf(
  blocks: readonly IndexedBlock[],
  searchBudget?: number,
): Promise<{ indexer: Indexer; kv: MemoryKeyValue }> {
  const kv = new MemoryKeyValue();
  const byHeight = new Map(blocks.map((indexed) => [indexed.height, indexed]));
  const reader = {
    base: () => Math.min(...byHeight.keys()),
    head: () => Math.max(...byHeight.keys()),
    results: async (height: number) => byHeight.get(height),
  };
  const indexer = new Indexer({ kv, reader }, searchBudget === undefined ? {} : { searchBudget });
  for (const indexed of blocks) {
    const batch = kv.batch();
    await indexer.index(batch, indexed);
    await batch.write({ sync: true });
  }
  return { indexer, kv };
}

async function positions(indexer: Indexer, query: string): Promise<string[]> {
  const found = await indexer.searchTxs(parseQuery(query));
  return found.map(({ height, index }) => `${height}/${index}`);
}

describe('indexer', () => {
  it('finds a transaction by its hash, and nothing by a hash of another length', async () => {
    const { indexer } = await chainOf([block(1, []), block(2, [[], []])]);
    assert.deepEqual(indexer.txByHash(sha256('2/1')), { height: 2, index: 1 });
    assert.equal(indexer.txByHash(sha256('2/2')), undefined);
    assert.equal(indexer.txByHash(sha256('2/1').subarray(0, 16)), undefined);
    assert.equal(indexer.txByHash(new Uint8Array(0)), undefined);
  });

  it('search-complete: the same bytes failing later never overwrite a success', async () => {
    const first = block(1, [[]]);
    const later: IndexedBlock = { height: 2, txHashes: first.txHashes, txResults: [txResult([], 32)], blockEvents: [] };
    const { indexer, kv } = await chainOf([first, later]);
    const [hash] = first.txHashes as [Uint8Array];
    assert.deepEqual(indexer.txByHash(hash), { height: 1, index: 0 });
    const batch = kv.batch();
    await indexer.index(batch, { ...later, height: 3, txResults: [txResult([], 0)] });
    await batch.write({ sync: true });
    assert.deepEqual(indexer.txByHash(hash), { height: 3, index: 0 });
  });

  it('keeps the first of two equal transactions of one block when the second fails', async () => {
    const hash = sha256('twice');
    const indexed = { height: 1, txHashes: [hash, hash], txResults: [txResult([]), txResult([], 32)], blockEvents: [] };
    const { indexer } = await chainOf([indexed]);
    assert.deepEqual(indexer.txByHash(hash), { height: 1, index: 0 });
  });

  it('all conditions of a query must hold for one event', async () => {
    const { indexer } = await chainOf([
      block(1, [[event('transfer', { sender: 'a', recipient: 'b' })]]),
      block(2, [
        [event('transfer', { sender: 'a', recipient: 'c' }), event('transfer', { sender: 'd', recipient: 'b' })],
      ]),
    ]);
    assert.deepEqual(await positions(indexer, "transfer.sender = 'a' AND transfer.recipient = 'b'"), ['1/0']);
    assert.deepEqual(await positions(indexer, "transfer.sender = 'a' AND transfer.recipient CONTAINS 'b'"), ['1/0']);
    assert.deepEqual(await positions(indexer, "transfer.sender = 'a'"), ['1/0', '2/0']);
  });

  it('conditions on height and hash hold beside any event', async () => {
    const { indexer } = await chainOf([1, 2, 3].map((height) => block(height, [[event('e', { k: 'v' })]])));
    assert.deepEqual(await positions(indexer, "e.k = 'v' AND tx.height > 1 AND tx.height <= 3"), ['2/0', '3/0']);
    const hash = hex(sha256('2/0'));
    assert.deepEqual(await positions(indexer, `tx.hash = '${hash}'`), ['2/0']);
    assert.deepEqual(await positions(indexer, `tx.hash = '${hash.toLowerCase()}' AND e.k = 'v'`), ['2/0']);
    assert.deepEqual(await positions(indexer, `tx.hash = '${hash}' AND tx.height = 3`), []);
    assert.deepEqual(await positions(indexer, `tx.hash = '${hash}' AND e.k = 'w'`), []);
    assert.deepEqual(await positions(indexer, "tx.hash = 'no hash'"), []);
  });

  it('query-syntax: values with separators, and numbers beyond 2^64, are found exactly', async () => {
    const values = ['a/b', 'x=y', 'k_v', 'm-n', '1<=2', '>', '18446744073709551617', '18446744073709551618', "o' p"];
    const { indexer } = await chainOf(values.map((value, i) => block(i + 1, [[event('e', { k: value })]])));
    for (const [i, value] of values.entries()) {
      if (!value.includes("'")) assert.deepEqual(await positions(indexer, `e.k = '${value}'`), [`${i + 1}/0`], value);
    }
    assert.deepEqual(await positions(indexer, 'e.k = 18446744073709551617'), ['7/0']);
    assert.deepEqual(await positions(indexer, 'e.k > 18446744073709551617'), ['8/0']);
  });

  it('compares plain numbers by value and amounts by range', async () => {
    const { indexer } = await chainOf(
      ['7', '07', '7.0', '7ubizra', '70', '0'].map((k, i) => block(i + 1, [[event('e', { k })]])),
    );
    assert.deepEqual(await positions(indexer, 'e.k = 7'), ['1/0', '2/0', '3/0']);
    assert.deepEqual(await positions(indexer, "e.k = '07'"), ['2/0']);
    assert.deepEqual(await positions(indexer, 'e.k >= 7 AND e.k < 8'), ['1/0', '2/0', '3/0', '4/0']);
    assert.deepEqual(await positions(indexer, 'e.k = 0'), ['6/0']);
  });

  it('does not find attributes that are not marked for indexing', async () => {
    const { indexer } = await chainOf([block(1, [[event('e', { k: 'v' }, false)]])]);
    assert.deepEqual(await positions(indexer, "e.k = 'v'"), []);
    assert.deepEqual(await positions(indexer, "e.k CONTAINS 'v'"), []);
    assert.deepEqual(await positions(indexer, 'e EXISTS'), []);
  });

  it('transaction searches and block searches see their own events only', async () => {
    const { indexer } = await chainOf([
      block(1, [[event('e', { k: 'tx' })]], [event('e', { k: 'block' })]),
      block(2, []),
    ]);
    assert.deepEqual(await positions(indexer, "e.k = 'block'"), []);
    assert.deepEqual(await indexer.searchBlocks(parseQuery("e.k = 'block'")), [1]);
    assert.deepEqual(await indexer.searchBlocks(parseQuery("e.k = 'tx'")), []);
    assert.deepEqual(await indexer.searchBlocks(parseQuery('block.height >= 1')), [1, 2]);
    assert.deepEqual(await indexer.searchBlocks(parseQuery("block.height = '2'")), [2]);
    assert.deepEqual(await indexer.searchBlocks(parseQuery('block.height > 1.5 AND block.height < 2.5')), [2]);
    assert.deepEqual(await indexer.searchBlocks(parseQuery('block.height = 1.5')), []);
  });

  it('a search over its budget fails and never answers in part', async () => {
    const blocks = Array.from({ length: 50 }, (_, i) => block(i + 1, [[event('e', { k: `v${i}`, all: 'same' })]]));
    const { indexer } = await chainOf(blocks, 100);
    assert.deepEqual(await positions(indexer, "e.k = 'v7'"), ['8/0']);
    for (const query of ["e.all = 'same'", "e.k CONTAINS 'v4'"]) {
      await assert.rejects(indexer.searchTxs(parseQuery(query)), { code: 'search_over_budget' });
    }
    assert.deepEqual(await positions(indexer, "e.k CONTAINS 'v4' AND tx.height <= 5"), ['5/0']);
  });

  it('goes by the rarest value, wherever it stands in the query', async () => {
    const blocks = Array.from({ length: 400 }, (_, i) =>
      block(i + 1, [[event('message', { action: 'send', sender: i === 300 ? 'rare' : 'often' })]]),
    );
    const { indexer } = await chainOf(blocks, 500);
    assert.deepEqual(await positions(indexer, "message.action = 'send' AND message.sender = 'rare'"), ['301/0']);
    assert.deepEqual(await positions(indexer, "message.sender = 'rare' AND message.action = 'send'"), ['301/0']);
  });

  it('finds all of a value that many heights have', async () => {
    const blocks = Array.from({ length: 150 }, (_, i) => block(i + 1, [[event('e', { k: 'v', other: 'w' })]]));
    const { indexer } = await chainOf(blocks);
    assert.equal((await positions(indexer, "e.k = 'v' AND e.other = 'w'")).length, 150);
    assert.deepEqual(await positions(indexer, "e.k = 'w'"), []);
  });

  it('says what it cannot search for', async () => {
    const { indexer } = await chainOf([block(1, [[]])]);
    await assert.rejects(indexer.searchTxs(parseQuery("tx.hash CONTAINS 'AB'")), { code: 'search_unsupported' });
    await assert.rejects(indexer.searchTxs(parseQuery("tx.height CONTAINS '1'")), { code: 'search_unsupported' });
    assert.deepEqual(await positions(indexer, 'tx.height EXISTS'), ['1/0']);
    assert.deepEqual(await positions(indexer, 'tx.height > DATE 2020-01-01'), []);
  });

  it('says that it is off when it is', async () => {
    const reader = { base: () => 1, head: () => 1, results: async () => undefined };
    const kv = new MemoryKeyValue();
    const indexer = new Indexer({ kv, reader }, { isEnabled: false });
    const batch = kv.batch();
    await indexer.index(batch, block(1, [[event('e', { k: 'v' })]]));
    assert.equal(batch.length, 0);
    assert.throws(() => indexer.txByHash(sha256('1/0')), { code: 'index_off' });
    await assert.rejects(indexer.searchTxs(parseQuery("e.k = 'v'")), { code: 'index_off' });
  });

  it('writes the same rows as ever, in the same order', async () => {
    const { indexer, kv } = await chainOf([failingBlock(1)]);
    const batch = kv.batch();
    const rows = createHash('sha256');
    let count = 0;
    const put = (key: Uint8Array, value: Uint8Array): void => {
      rows.update(hex(key)).update('=').update(hex(value)).update(';');
      count++;
    };
    await indexer.index(Object.assign(batch, { put }), variedBlock(2 ** 33 + 5));
    assert.equal(count, 1620);
    assert.equal(rows.digest('hex'), 'adc377f58f1750d34ca5175003895676c705e5c83298eba832a4273fde29fb7f');
  });

  it('removes exactly the rows of a height', async () => {
    const blocks = [1, 2].map((height) =>
      block(height, [[event('e', { k: 'v', h: `${height}` })]], [event('b', { k: 'v' })]),
    );
    const { indexer, kv } = await chainOf(blocks);
    const batch = kv.batch();
    await indexer.remove(batch, blocks[1] as IndexedBlock);
    await batch.write({ sync: true });
    const { kv: expected } = await chainOf([blocks[0] as IndexedBlock]);
    assert.deepEqual(await rowsOf(kv), await rowsOf(expected));
  });

  it('brings back what a success had replaced, and writes the same rows when it comes again', async () => {
    const hash = sha256('once too early');
    const times = [7, 0, 7].map((code, at): IndexedBlock => {
      return {
        height: at + 1,
        txHashes: [hash],
        txResults: [txResult([event('e', { k: 'v' })], code)],
        blockEvents: [],
      };
    });
    const { indexer, kv } = await chainOf(times);
    const whole = await rowsOf(kv);
    const remove = async (height: number): Promise<void> => {
      const batch = kv.batch();
      await indexer.remove(batch, times[height - 1] as IndexedBlock);
      await batch.write({ sync: true });
    };
    assert.deepEqual(indexer.txByHash(hash), { height: 2, index: 0 });
    await remove(3);
    assert.deepEqual(indexer.txByHash(hash), { height: 2, index: 0 });
    await remove(2);
    assert.deepEqual(indexer.txByHash(hash), { height: 1, index: 0 });
    assert.deepEqual(await rowsOf(kv), await rowsOf((await chainOf([times[0] as IndexedBlock])).kv));
    for (const again of [2, 3, 2, 1]) {
      const batch = kv.batch();
      await indexer.index(batch, times[again - 1] as IndexedBlock);
      await batch.write({ sync: true });
    }
    assert.deepEqual(await rowsOf(kv), whole);
  });

  it('forgets a pruned failure that a success had replaced', async () => {
    const hash = sha256('once too early');
    const kv = new MemoryKeyValue();
    let base = 1;
    const reader = { base: () => base, head: () => 2, results: async () => undefined };
    const indexer = new Indexer({ kv, reader });
    for (const [at, code] of [7, 0].entries()) {
      const batch = kv.batch();
      const results = { txResults: [txResult([], code)], blockEvents: [] };
      await indexer.index(batch, { height: at + 1, txHashes: [hash], ...results });
      await batch.write({ sync: true });
    }
    base = 2;
    const batch = kv.batch();
    await indexer.remove(batch, { height: 2, txHashes: [hash], txResults: [txResult([])], blockEvents: [] });
    await batch.write({ sync: true });
    assert.equal(indexer.txByHash(hash), undefined);
  });

  it('forgets the row of a success without a look at it, and that of a failure only when it is its own', async () => {
    const kv = new MemoryKeyValue();
    const reader = { base: () => 2, head: () => 3, results: async () => undefined };
    const indexer = new Indexer({ kv, reader });
    const [again, failed, paid] = ['once too early', 'never paid', 'paid'].map((text) => sha256(text)) as [
      Uint8Array,
      Uint8Array,
      Uint8Array,
    ];
    const heights = [
      {
        height: 1,
        txHashes: [again, failed, paid],
        txResults: [7, 7, 0].map((code) => txResult([], code)),
        blockEvents: [],
      },
      { height: 2, txHashes: [again, paid], txResults: [0, 7].map((code) => txResult([], code)), blockEvents: [] },
    ];
    for (const block of heights) {
      const batch = kv.batch();
      await indexer.index(batch, block);
      await batch.write({ sync: true });
    }
    const { get } = kv;
    const forget = async (block: (typeof heights)[number]): Promise<number> => {
      let reads = 0;
      kv.get = (key) => {
        reads += 1;
        return get.call(kv, key);
      };
      const batch = kv.batch();
      await indexer.forget(block, {
        delete: (key) => void batch.delete(key),
        flush: async () => undefined,
        whenQuiet: async () => undefined,
      });
      await batch.write({ sync: true });
      kv.get = get;
      return reads;
    };
    assert.equal(await forget(heights[0] as (typeof heights)[number]), 2);
    assert.deepEqual(indexer.txByHash(again), { height: 2, index: 0 });
    assert.deepEqual(
      [failed, paid].map((hash) => indexer.txByHash(hash)),
      [undefined, undefined],
    );
    assert.equal(await forget(heights[1] as (typeof heights)[number]), 1);
    assert.deepEqual(await rowsOf(kv), []);
  });

  it('prune-look-then-delete: the row of a failure is not deleted when its bytes succeeded meanwhile', async () => {
    const { indexer, kv } = await chainOf([]);
    const [one, two] = [sha256('one'), sha256('two')];
    const index = async (height: number, hashes: readonly Uint8Array[], code: number): Promise<void> => {
      const batch = kv.batch();
      const txResults = hashes.map(() => txResult([], code));
      await indexer.index(batch, { height, txHashes: hashes, txResults, blockEvents: [] });
      await batch.write({ sync: true });
    };
    await index(3, [one, two], 5);
    const deletes = new SlicedDeletes(kv, async (_rows, write) => {
      const written = write();
      // What the pruner waits for here is what a block waits for to be written.
      await index(11, [two], 0);
      await written;
    });
    let isWriting = true;
    await indexer.forget(
      { height: 3, txHashes: [one, two], txResults: [txResult([], 5), txResult([], 5)], blockEvents: [] },
      {
        delete: (key) => deletes.delete(key),
        flush: () => deletes.flush(),
        whenQuiet: async () => {
          await index(10, [one], 0);
          isWriting = false;
        },
      },
    );
    assert.equal(isWriting, false);
    assert.deepEqual(
      [one, two].map((hash) => indexer.txByHash(hash)?.height),
      [10, 11],
    );
  });

  it('notices a damaged row', async () => {
    const { indexer, kv } = await chainOf([block(1, [[event('e', { k: 'v' })]])]);
    for await (const [key, value] of kv.iterate({})) {
      const batch = kv.batch();
      batch.put(key, value.with(0, (value[0] as number) ^ 1));
      await batch.write({ sync: true });
    }
    assert.throws(() => indexer.txByHash(sha256('1/0')), { code: 'damaged' });
    await assert.rejects(indexer.searchTxs(parseQuery("e.k = 'v'")), { code: 'damaged' });
    await assert.rejects(indexer.searchTxs(parseQuery('tx.height = 1')), { code: 'damaged' });
  });

  it('search-complete: equals brute force on random events and queries', async () => {
    await fc.assert(
      fc.asyncProperty(randomChain, fc.array(randomQuery, { minLength: 1, maxLength: 8 }), async (chain, queries) => {
        const blocks = chain.map(({ txs, own }, i) => block(i + 1, txs, own));
        const { indexer } = await chainOf(blocks);
        for (const text of queries) {
          const query = parseQuery(text);
          assert.deepEqual(await indexer.searchTxs(query), bruteTxs(blocks, query), text);
          const blockQuery = parseQuery(text.replaceAll('tx.height', 'block.height'));
          assert.deepEqual(await indexer.searchBlocks(blockQuery), bruteBlocks(blocks, blockQuery), text);
        }
      }),
      { numRuns: 150 },
    );
  });
});

/** Transactions that the next block has again, all of which fail. */
function failingBlock(height: number): IndexedBlock {
  const txHashes = Array.from({ length: 10 }, (_, i) => sha256(`varied ${i}`));
  return { height, txHashes, txResults: txHashes.map(() => txResult([], 9)), blockEvents: [] };
}

/** Every kind of row and of value: repeated and failed transactions, numbers, long texts and texts that are not ASCII. */
function variedBlock(height: number): IndexedBlock {
  const values = ['', '7', '07', '7.0', '7.', '0.50', '00', '7ubizra', '1.2.3', 'é', '\u{1f600}', '\ud800', '\udc00'];
  const places = Array.from({ length: 400 }, (_, i) => i);
  return {
    height,
    txHashes: places.map((i) => sha256(`varied ${i % 350}`)),
    txResults: places.map((i) => txResult(variedEvents(values, i), i % 7 === 3 ? 5 : 0)),
    blockEvents: [event('mint', { amount: '7', to: 'account 1' }), event('empty', {}), event('e', { k: 'é' })],
  };
}

function variedEvents(values: readonly string[], i: number): LedgerEvent[] {
  const amount = values[i % values.length] as string;
  const unseen = event('e', { hidden: `hidden ${i}` }, false);
  const many = Array.from({ length: i === 200 ? 150 : 0 }, () => event('many', { k: 'same', amount }));
  const transfer = event('transfer', { sender: `account ${i % 20}`, recipient: `account ${(i + 1) % 20}`, amount });
  const tx = event('tx', { signature: `${i} `.repeat(i % 120), acc_seq: `account ${i % 20}/${i}`, index: `${i}` });
  return [event('message', { action: '/send', module: 'bank' }), unseen, transfer, ...many, tx];
}

async function rowsOf(kv: MemoryKeyValue): Promise<string[]> {
  const rows: string[] = [];
  for await (const [key, value] of kv.iterate({})) rows.push(`${hex(key)}=${hex(value)}`);
  return rows;
}

/** Few types, keys and values, so that they meet often; some values are prefixes, numbers and amounts. */
const TYPES = ['a', 'ab', 'a.b'];
const KEYS = ['k', 'kk', 'b.k'];
const VALUES = ['', '1', '01', '10', '1.50', '10coin', 'x', 'xy', '2026-11-20', '2026-11-20T12:00:00Z'];

const randomEvent: fc.Arbitrary<LedgerEvent> = fc.record({
  type: fc.constantFrom(...TYPES),
  attributes: fc.array(
    fc.record({
      key: fc.constantFrom(...KEYS),
      value: fc.constantFrom(...VALUES),
      index: fc.integer({ min: 0, max: 4 }).map((n) => n > 0),
    }),
    { maxLength: 3 },
  ),
});
const randomEvents = fc.array(randomEvent, { maxLength: 3 });
const randomChain = fc.array(fc.record({ txs: fc.array(randomEvents, { maxLength: 4 }), own: randomEvents }), {
  minLength: 1,
  maxLength: 8,
});

const randomCondition: fc.Arbitrary<string> = fc.oneof(
  fc
    .tuple(fc.constantFrom(...TYPES), fc.constantFrom(...KEYS), fc.constantFrom(...VALUES))
    .map(([type, key, value]) => `${type}.${key} = '${value}'`),
  fc
    .tuple(
      fc.constantFrom(...TYPES),
      fc.constantFrom(...KEYS),
      fc.constantFrom('=', '<', '<=', '>', '>='),
      fc.constantFrom('1', '10', '1.5', 'DATE 2026-11-20', 'TIME 2026-11-20T12:00:00Z'),
    )
    .map(([type, key, operator, operand]) => `${type}.${key} ${operator} ${operand}`),
  fc.tuple(fc.constantFrom(...TYPES), fc.constantFrom(...KEYS)).map(([type, key]) => `${type}.${key} CONTAINS '1'`),
  fc.constantFrom(...TYPES).map((type) => `${type} EXISTS`),
  fc
    .tuple(fc.constantFrom('=', '<', '<=', '>', '>='), fc.integer({ min: 0, max: 9 }))
    .map(([operator, height]) => `tx.height ${operator} ${height}`),
);
const randomQuery = fc.array(randomCondition, { minLength: 1, maxLength: 3 }).map((all) => all.join(' AND '));

function bruteTxs(blocks: readonly IndexedBlock[], query: Query): { height: number; index: number }[] {
  return blocks.flatMap(({ height, txResults }) =>
    txResults.flatMap(({ events }, index) =>
      bruteMatch(query, 'tx.height', height, events) ? [{ height, index }] : [],
    ),
  );
}

function bruteBlocks(blocks: readonly IndexedBlock[], query: Query): number[] {
  return blocks
    .filter(({ height, blockEvents }) => bruteMatch(query, 'block.height', height, blockEvents))
    .map(({ height }) => height);
}

function bruteMatch(query: Query, heightKey: string, height: number, events: readonly LedgerEvent[]): boolean {
  const onHeight = query.conditions.filter((condition) => condition.key === heightKey);
  const onEvents = query.conditions.filter((condition) => condition.key !== heightKey);
  if (!onHeight.every((condition) => matchesValue(condition, String(height)))) return false;
  return onEvents.length === 0 || events.some((event) => onEvents.every((condition) => bruteMeets(condition, event)));
}

function bruteMeets(condition: Condition, { type, attributes }: LedgerEvent): boolean {
  const indexed = attributes.filter((attribute) => attribute.index);
  if (condition.operator === 'EXISTS' && condition.key === type) return indexed.length > 0;
  return indexed.some(({ key, value }) => {
    if (`${type}.${key}` !== condition.key) return false;
    const isNumberEquality = condition.operator === '=' && condition.operand?.kind === 'number';
    return matchesValue(condition, value) && (!isNumberEquality || /^\d+(\.\d+)?$/.test(value));
  });
}
