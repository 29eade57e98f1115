import assert from 'node:assert/strict';
import fc from 'fast-check';
import { State } from '#state/state.ts';
import { encodeUndo, undoKey, undoPrefix } from '#state/undo-rows.ts';
import { MemoryKeyValue } from '#storage/memory.ts';
import { toHex } from '#util/bytes.ts';
import { changeSet, fromScratch, ModelledState, modelKey, STORES, type Write } from './support.ts';

const bytes = (...values: number[]) => Uint8Array.from(values);
const store = fc.constantFrom(...STORES);
/** Some keys are prefixes of others; 0xff alone is the sentinel's. */
const key = fc
  .uint8Array({ minLength: 1, maxLength: 3 })
  .map((raw) => raw.map((byte) => [0, 1, 2, 0xfe, 0xff][byte % 5] as number))
  .filter((raw) => raw.length > 1 || raw[0] !== 0xff);
const value = fc.uint8Array({ minLength: 1, maxLength: 3 });
const write: fc.Arbitrary<Write> = fc.tuple(store, key, fc.option(value, { nil: undefined }));
const block = fc.array(write, { maxLength: 12 });
const blocks = fc.array(block, { minLength: 1, maxLength: 12 });

const ALL_KEYS = [0, 1, 2, 0xfe, 0xff].flatMap((a) => [bytes(a), ...[0, 1, 0xff].map((b) => bytes(a, b))]);

async function collect<T>(entries: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const entry of entries) all.push(entry);
  return all;
}

describe('State', () => {
  it('equals a plain map, with the root of a tree built from scratch, after any blocks', async () => {
    await fc.assert(
      fc.asyncProperty(blocks, async (given) => {
        const modelled = await ModelledState.start(given[0]);
        for (const writes of given.slice(1)) await modelled.block(writes);
        for (const name of STORES) {
          for (const one of ALL_KEYS) {
            assert.deepEqual(modelled.state.get(name, one), modelled.model.get(modelKey(name, one)));
          }
        }
        assert.equal(toHex(modelled.state.appHash), toHex((await fromScratch(modelled.model)).appHash));
      }),
    );
  });

  it('has the same root after it was opened again, and goes on from there', async () => {
    await fc.assert(
      fc.asyncProperty(blocks, block, async (given, last) => {
        const modelled = await ModelledState.start();
        for (const writes of given) await modelled.block(writes);
        const { appHash, height } = modelled.state;
        await modelled.reopen();
        assert.deepEqual(modelled.state.appHash, appHash);
        assert.equal(modelled.state.height, height);
        await modelled.block(last);
        assert.deepEqual(modelled.state.appHash, (await fromScratch(modelled.model)).appHash);
      }),
      { numRuns: 50 },
    );
  });

  it('gives the values and the walks of every past height', async () => {
    const range = fc.record({
      prefix: fc.oneof(
        fc.constant(bytes()),
        key.map((raw) => raw.slice(0, 1)),
      ),
      start: fc.option(key, { nil: undefined }),
      reverse: fc.boolean(),
      limit: fc.option(fc.nat(5), { nil: undefined }),
    });
    await fc.assert(
      fc.asyncProperty(blocks, range, store, async (given, { prefix, start, reverse, limit }, name) => {
        const modelled = await ModelledState.start(given[0], { proofHeights: 3 });
        for (const writes of given.slice(1)) await modelled.block(writes);
        for (let height = 0; height <= modelled.state.height; height++) {
          const view = modelled.state.view(height);
          const model = modelled.history.get(height);
          for (const one of ALL_KEYS) {
            assert.deepEqual(await view.get(name, one), model?.get(modelKey(name, one)), `height ${height}`);
          }
          const expected = modelled
            .entries(name, height)
            .filter(([raw]) => prefix.every((byte, i) => raw[i] === byte))
            .filter(
              ([raw]) => start === undefined || (reverse ? toHex(raw) <= toHex(start) : toHex(raw) >= toHex(start)),
            );
          if (reverse) expected.reverse();
          const walked = await collect(
            view.iterate(name, { prefix, reverse, ...(start && { start }), ...(limit !== undefined && { limit }) }),
          );
          assert.deepEqual(walked, expected.slice(0, limit), `height ${height}`);
          await view.release();
        }
      }),
    );
  });

  it('keeps a view as it was while the chain goes on', async () => {
    const modelled = await ModelledState.start([['bank', bytes(1), bytes(10)]], { proofHeights: 1 });
    const view = modelled.state.view();
    for (let i = 0; i < 20; i++) {
      await modelled.block([
        ['bank', bytes(1), bytes(20 + i)],
        ['bank', bytes(2, i), bytes(1)],
      ]);
    }
    assert.deepEqual(await view.get('bank', bytes(1)), bytes(10));
    assert.deepEqual(await collect(view.iterate('bank', { prefix: bytes() })), [[bytes(1), bytes(10)]]);
    await view.release();
    await assert.rejects(view.get('bank', bytes(1)), { code: 'view_expired' });
  });

  it('closes a view that was kept open for too many heights', async () => {
    const modelled = await ModelledState.start([], { viewHeights: 3 });
    const view = modelled.state.view();
    for (let i = 0; i < 3; i++) await modelled.block([['bank', bytes(1), bytes(i + 1)]]);
    assert.equal(await view.get('bank', bytes(1)), undefined);
    await modelled.block([]);
    await assert.rejects(view.get('bank', bytes(1)), { code: 'view_expired' });
    await view.release();
  });

  it('refuses heights that it does not have, and unknown stores', async () => {
    const modelled = await ModelledState.start();
    await modelled.block([]);
    assert.throws(() => modelled.state.view(2), { code: 'height_unknown' });
    assert.throws(() => modelled.state.view(-1), { code: 'height_pruned' });
    await assert.rejects(modelled.state.prove('none', bytes(1)), { code: 'unknown_store' });
    const view = modelled.state.view();
    await assert.rejects(view.get('none', bytes(1)), { code: 'unknown_store' });
    await view.release();
    await assert.rejects(State.open(new MemoryKeyValue()), { code: 'state_missing' });
  });

  it('frees what discarded and old versions held', async () => {
    const modelled = await ModelledState.start([], { proofHeights: 2 });
    const writes = (seed: number) =>
      Array.from({ length: 300 }, (_, i): Write => ['bank', bytes(1, i & 0xff, i >> 8), bytes(seed, i & 0xff)]);
    let settled = 0;
    for (let i = 1; i < 30; i++) {
      modelled.state.discard(await modelled.state.stage(modelled.state.height + 1, changeSet(writes(100 + i))));
      await modelled.block(writes(i));
      if (i === 10) settled = modelled.state.nodes;
    }
    assert.ok(modelled.state.nodes <= settled, `${modelled.state.nodes} nodes after ${settled}`);
  });

  it('keeps no more old trees than their bytes allow, also while as much is freed as is made', async () => {
    const [proofBytes, keys] = [1_000_000, 2_000];
    const modelled = await ModelledState.start([], { proofBytes, proofHeights: 1000 });
    const writes = (seed: number) =>
      Array.from({ length: keys }, (_, i): Write => ['bank', bytes(1, i & 0xff, i >> 8), bytes(seed, i & 0xff)]);
    let most = 0;
    for (let i = 1; i < 20; i++) {
      await modelled.block(writes(i));
      most = Math.max(most, modelled.state.nodes);
    }
    // Two nodes of 40 bytes for each key: what is kept, the head's, those of one that goes, and those on their way to be freed.
    assert.ok(most <= proofBytes / 40 + 3 * 2 * keys, `${most} nodes`);
  });

  it('leaves no trace of a candidate that was discarded', async () => {
    const modelled = await ModelledState.start([['acc', bytes(1), bytes(1)]]);
    const { appHash } = modelled.state;
    const candidate = await modelled.state.stage(
      1,
      changeSet([
        ['acc', bytes(1), bytes(9)],
        ['acc', bytes(2), bytes(9)],
      ]),
    );
    assert.notDeepEqual(candidate.appHash, appHash);
    modelled.state.discard(candidate);
    assert.deepEqual(modelled.state.get('acc', bytes(1)), bytes(1));
    assert.equal(modelled.state.get('acc', bytes(2)), undefined);
    await modelled.block([['acc', bytes(1), bytes(2)]]);
    assert.deepEqual(modelled.state.appHash, (await fromScratch(modelled.model)).appHash);
  });

  it('flat-index-vs-tree: reads are right between the moments when the batch shows and when the head moves', async () => {
    for (const publishFirst of [true, false]) {
      const modelled = await ModelledState.start([
        ['acc', bytes(1), bytes(1)],
        ['acc', bytes(2), bytes(2)],
      ]);
      await modelled.reopen();
      const { state, kv } = modelled;
      const staged = await state.stage(
        1,
        changeSet([
          ['acc', bytes(1), bytes(9)],
          ['acc', bytes(2), undefined],
          ['acc', bytes(3), bytes(3)],
        ]),
      );
      const batch = kv.batch();
      state.write(batch, staged);
      const read = () => [1, 2, 3].map((one) => state.get('acc', bytes(one))?.[0]);
      const viewed = async () => {
        const view = state.view();
        const values = await Promise.all([1, 2, 3].map(async (one) => (await view.get('acc', bytes(one)))?.[0]));
        await view.release();
        return [view.height, ...values];
      };
      assert.deepEqual(read(), [1, 2, undefined]);
      assert.deepEqual(await viewed(), [0, 1, 2, undefined]);
      if (publishFirst) {
        state.publish(staged);
        assert.deepEqual(read(), [9, undefined, 3]);
        assert.deepEqual(await viewed(), [0, 1, 2, undefined]);
      }
      await batch.write({ sync: true });
      assert.deepEqual(read(), publishFirst ? [9, undefined, 3] : [1, 2, undefined]);
      assert.deepEqual(await viewed(), [1, 9, undefined, 3]);
      if (!publishFirst) state.publish(staged);
      assert.deepEqual(read(), [9, undefined, 3]);
      assert.deepEqual(await viewed(), [1, 9, undefined, 3]);
    }
  });

  it('await-between-check-and-write: prefetched values never outlive the head that they belong to', async () => {
    const modelled = await ModelledState.start([
      ['acc', bytes(1), bytes(1)],
      ['acc', bytes(2), bytes(2)],
    ]);
    await modelled.reopen();
    const pending = modelled.state.prefetch([1, 2, 3].map((one) => ({ store: 'acc', key: bytes(one) })));
    await modelled.block([
      ['acc', bytes(1), bytes(7)],
      ['acc', bytes(2), undefined],
    ]);
    await pending;
    assert.deepEqual(modelled.state.get('acc', bytes(1)), bytes(7));
    assert.equal(modelled.state.get('acc', bytes(2)), undefined);
  });

  it('hides the sentinel from reads and walks, and refuses to touch it', async () => {
    const modelled = await ModelledState.start();
    assert.equal(modelled.state.get('acc', bytes(0xff)), undefined);
    const view = modelled.state.view();
    assert.equal(await view.get('acc', bytes(0xff)), undefined);
    assert.deepEqual(await collect(view.iterate('acc', { prefix: bytes() })), []);
    await view.release();
    await assert.rejects(modelled.state.stage(1, changeSet([['acc', bytes(0xff), bytes(1)]])), /sentinel/);
    await assert.rejects(modelled.state.stage(1, changeSet([['acc', bytes(1), bytes()]])), /not empty/);
  });

  it('works on when its cache holds almost nothing', async () => {
    const modelled = await ModelledState.start([], { cacheBytes: 1000 });
    for (let i = 0; i < 50; i++) {
      await modelled.block([
        ['acc', bytes(1, i), bytes(i + 1)],
        ['acc', bytes(1, i >> 1), bytes(i + 100)],
      ]);
      await modelled.state.prefetch(ALL_KEYS.map((one) => ({ store: 'acc', key: one })));
      for (const [raw, expected] of modelled.entries('acc', modelled.state.height)) {
        assert.deepEqual(modelled.state.get('acc', raw), expected);
      }
    }
  });
});

describe('damage', () => {
  const rows = async (kv: MemoryKeyValue, prefix: number) =>
    collect(kv.iterate({ gte: bytes(prefix), lt: bytes(prefix + 1) }));
  const put = async (kv: MemoryKeyValue, row: Uint8Array, given: Uint8Array | undefined) => {
    const batch = kv.batch();
    if (given === undefined) batch.delete(row);
    else batch.put(row, given);
    await batch.write({ sync: true });
  };
  const flipped = (given: Uint8Array) => given.map((byte, i) => (i === 0 ? byte ^ 1 : byte));

  async function withLeaves(): Promise<ModelledState> {
    const modelled = await ModelledState.start([
      ['acc', bytes(1), bytes(1)],
      ['bank', bytes(2), bytes(2)],
    ]);
    await modelled.block([
      ['acc', bytes(3), bytes(3)],
      ['bank', bytes(2), bytes(9)],
    ]);
    return modelled;
  }

  it('store-versions-agree: an altered, lost or added leaf stops the start, and the message names the store', async () => {
    const { kv } = await withLeaves();
    for (const [row, given] of await rows(kv, 0x6c)) {
      for (const wrong of [flipped(given), undefined]) {
        await put(kv, row, wrong);
        await assert.rejects(State.open(kv), { code: 'state_corrupt', message: /store (acc|bank) has the root/ });
      }
      await put(kv, row, given);
    }
    await put(kv, bytes(0x6c, 3, 0x61, 0x63, 0x63, 9), bytes(1));
    await assert.rejects(State.open(kv), { code: 'state_corrupt' });
    await put(kv, bytes(0x6c, 3, 0x61, 0x63, 0x63, 9), undefined);
    await put(kv, bytes(0x6c, 1, 0x7a, 9), bytes(1));
    await assert.rejects(State.open(kv), { code: 'state_corrupt', message: /store z/ });
  });

  it('a stored leaf that changes while the node runs is never used, and never taken for absence', async () => {
    for (const wrong of [flipped(bytes(1)), undefined]) {
      const { kv, state } = await withLeaves().then(async (modelled) => {
        await modelled.reopen();
        return modelled;
      });
      await put(kv, bytes(0x6c, 3, 0x61, 0x63, 0x63, 1), wrong);
      await state.prefetch([{ store: 'acc', key: bytes(1) }]);
      assert.throws(() => state.get('acc', bytes(1)), { code: 'damaged' });
      const view = state.view();
      await assert.rejects(view.get('acc', bytes(1)), { code: 'damaged' });
      if (wrong !== undefined)
        await assert.rejects(collect(view.iterate('acc', { prefix: bytes() })), { code: 'damaged' });
      await view.release();
      await assert.rejects(state.prove('acc', bytes(1)), { code: 'damaged' });
      await assert.rejects(state.stage(2, changeSet([['acc', bytes(1), bytes(5)]])), { code: 'damaged' });
    }
  });

  it('an undo row with a good checksum but a wrong value is noticed while the tree of its height is kept', async () => {
    const { kv, state } = await withLeaves();
    const row = undoKey(undoPrefix('bank'), bytes(2), 1);
    for (const wrong of [bytes(77), undefined]) {
      await put(kv, row, encodeUndo(row, { value: wrong, writtenAt: 0 }));
      const view = state.view(0);
      await assert.rejects(view.get('bank', bytes(2)), { code: 'damaged' });
      await view.release();
    }
  });

  it('is noticed in undo rows, lists of changed keys and the head record', async () => {
    const { kv, state } = await withLeaves();
    for (const [row, given] of await rows(kv, 0x75)) {
      await put(kv, row, flipped(given));
      const view = state.view(0);
      const read = async () => {
        for (const name of ['acc', 'bank']) await collect(view.iterate(name, { prefix: bytes() }));
      };
      await assert.rejects(read(), { code: 'damaged' });
      await view.release();
      await put(kv, row, given);
    }
    for (const prefix of [0x73, 0x63]) {
      for (const [row, given] of await rows(kv, prefix)) {
        await put(kv, row, flipped(given));
        await assert.rejects(State.open(kv), { code: 'damaged' });
        await put(kv, row, given);
      }
    }
  });
});

describe('pruning', () => {
  it('keeps every height from the base on, and deletes all rows below', async () => {
    await fc.assert(
      fc.asyncProperty(blocks, fc.nat(12), async (given, wanted) => {
        const modelled = await ModelledState.start();
        for (const writes of given) await modelled.block(writes);
        const base = Math.min(wanted, modelled.state.height);
        await modelled.state.prune(wanted);
        await modelled.reopen();
        assert.equal(modelled.state.base, base);
        if (base > 0) assert.throws(() => modelled.state.view(base - 1), { code: 'height_pruned' });
        for (let height = base; height <= modelled.state.height; height++) {
          const view = modelled.state.view(height);
          for (const name of STORES) {
            assert.deepEqual(await collect(view.iterate(name, { prefix: bytes() })), modelled.entries(name, height));
          }
          await view.release();
        }
        const undoRows = await collect(modelled.kv.iterate({ gte: bytes(0x75), lt: bytes(0x76) }));
        for (const [row] of undoRows)
          assert.ok((row.at(-1) as number) > base, 'no undo row of a pruned height is left');
      }),
      { numRuns: 50 },
    );
  });

  it('prune-never-halts: a run that was cut off is completed by the next', async () => {
    let cutAt = Number.POSITIVE_INFINITY;
    const pause = async () => {
      if (--cutAt <= 0) throw new Error('stopped');
    };
    const modelled = await ModelledState.start([], { pause });
    for (let i = 0; i < 10; i++) await modelled.block([['acc', bytes(1), bytes(i + 1)]]);
    cutAt = 3;
    await assert.rejects(modelled.state.prune(8), /stopped/);
    cutAt = Number.POSITIVE_INFINITY;
    await modelled.reopen();
    assert.equal(modelled.state.base, 8);
    await modelled.state.prune(9);
    assert.equal((await collect(modelled.kv.iterate({ gte: bytes(0x75), lt: bytes(0x76) }))).length, 1);
    const view = modelled.state.view(9);
    assert.deepEqual(await view.get('acc', bytes(1)), bytes(9));
    await view.release();
  });
});
