import assert from 'node:assert/strict';
import fc from 'fast-check';
import { verifyProof } from '#light/proof-verify.ts';
import { walkPast } from '#state/history-walk.ts';
import { State, type StateOptions } from '#state/state.ts';
import { changedKeysKey, deletionKey, deletionPrefix, undoKey, undoPrefix } from '#state/undo-rows.ts';
import type { MemoryKeyValue } from '#storage/memory.ts';
import { BizraError } from '#util/errors.ts';
import { changeSet, ModelledState, modelKey, STORES, type Write } from './support.ts';

const bytes = (...values: number[]) => Uint8Array.from(values);
const store = fc.constantFrom(...STORES);
/** Zero bytes and keys that begin other keys: rows of the past must keep them apart and in order. */
const key = fc
  .uint8Array({ minLength: 1, maxLength: 3 })
  .map((raw) => raw.map((byte) => [0, 1, 2, 0xfe, 0xff][byte % 5] as number))
  .filter((raw) => raw.length > 1 || raw[0] !== 0xff);
const value = fc.uint8Array({ minLength: 1, maxLength: 3 });
const write: fc.Arbitrary<Write> = fc.tuple(store, key, fc.option(value, { nil: undefined }));
const blocks = fc.array(fc.array(write, { maxLength: 12 }), { minLength: 1, maxLength: 12 });

const ALL_KEYS = [0, 1, 2, 0xfe, 0xff].flatMap((a) => [bytes(a), ...[0, 1, 0xff].map((b) => bytes(a, b))]);

async function collect<T>(entries: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const entry of entries) all.push(entry);
  return all;
}

async function chainOf(given: readonly (readonly Write[])[], options: StateOptions = {}) {
  const modelled = await ModelledState.start(given[0], options);
  const appHashes = [modelled.state.appHash];
  for (const writes of given.slice(1)) {
    await modelled.block(writes);
    appHashes.push(modelled.state.appHash);
  }
  return { modelled, appHashes };
}

const lose = (kv: MemoryKeyValue, row: Uint8Array) => kv.corrupt(row, () => undefined);

describe('proofs at any kept height', () => {
  it('lead to the app hash of their height, whether its tree is kept or made again', async () => {
    await fc.assert(
      fc.asyncProperty(blocks, fc.integer({ min: 1, max: 4 }), fc.boolean(), async (given, proofHeights, reopens) => {
        const { modelled, appHashes } = await chainOf(given, { proofHeights });
        if (reopens) await modelled.reopen();
        for (let height = 0; height <= modelled.state.height; height++) {
          for (const name of STORES) {
            const keys = ALL_KEYS.filter((one) => one.length > 1 || one[0] !== 0xff);
            const proofs = await modelled.state.proveMany(name, keys, height);
            for (const [i, one] of keys.entries()) {
              const expected = modelled.history.get(height)?.get(modelKey(name, one));
              assert.deepEqual(proofs[i]?.value, expected, `height ${height}`);
              assert.equal(proofs[i]?.height, height);
              verifyProof(proofs[i]?.ops ?? [], appHashes[height] as Uint8Array, {
                store: name,
                key: one,
                value: expected,
              });
            }
          }
        }
      }),
      { numRuns: 40 },
    );
  });

  it('are refused below the base, above the head, and where they would cost too much', async () => {
    const given = Array.from({ length: 20 }, (_, i): Write[] => [['acc', bytes(1, i), bytes(i + 1)]]);
    const options = { proofHeights: 2, scratch: { leavesMax: 10 } };
    const { modelled, appHashes } = await chainOf(given, options);
    await assert.rejects(modelled.state.prove('acc', bytes(1), 5), { code: 'query_too_large' });
    await assert.rejects(modelled.state.prove('acc', bytes(1), 20), { code: 'height_unknown' });
    const { ops } = await modelled.state.prove('acc', bytes(1), 10);
    verifyProof(ops, appHashes[10] as Uint8Array, { store: 'acc', key: bytes(1), value: undefined });
    await modelled.state.prune(12);
    await assert.rejects(modelled.state.prove('acc', bytes(1), 11), { code: 'height_pruned' });
    const listed = await chainOf(given, { proofHeights: 2, scratch: { listedMax: 3 } });
    await assert.rejects(listed.modelled.state.prove('acc', bytes(1), 5), { code: 'query_too_large' });
    const empty = await chainOf(
      given.map(() => []),
      { proofHeights: 2, scratch: { listedMax: 3 } },
    );
    await assert.rejects(empty.modelled.state.prove('acc', bytes(1), 5), { code: 'query_too_large' });
  });

  it('leave no nodes behind, and no view open, however many are asked at once', async () => {
    const { modelled } = await chainOf([[]], { proofHeights: 2 });
    const writes = (seed: number) =>
      Array.from({ length: 200 }, (_, i): Write => ['bank', bytes(1, i), bytes(seed, i)]);
    let settled = 0;
    let refused = 0;
    for (let i = 1; i <= 60; i++) {
      const asked = Array.from({ length: 60 }, (_, n) =>
        modelled.state.prove('bank', bytes(1, n), (n * 7) % i).catch((error: unknown) => {
          assert.ok(error instanceof BizraError && error.code === 'query_busy', String(error));
          refused++;
        }),
      );
      await modelled.block(writes(i));
      await Promise.all(asked);
      if (i === 20) settled = modelled.state.nodes;
    }
    assert.ok(refused > 0, 'more were asked than fit');
    for (let i = 0; i < 10; i++) await modelled.block(writes(100 + i));
    assert.ok(modelled.state.nodes <= settled, `${modelled.state.nodes} nodes after ${settled}`);
    const view = modelled.state.view();
    await view.release();
  });
});

describe('a walk at an old height', () => {
  it('is refused where too many changes and deletions are in its way, though it would find little', async () => {
    const keys = Array.from({ length: 10 }, (_, i) => bytes(1, i));
    const all = (value: Uint8Array | undefined) => keys.map((key): Write => ['acc', key, value]);
    const changed = await chainOf([all(bytes(1)), all(bytes(2)), all(bytes(3))]);
    const deleted = await chainOf([all(bytes(1)), all(undefined), [], []]);
    const checks = { leaf: (_key: Uint8Array, row: Uint8Array) => row, undo: () => undefined, deletion: () => {} };
    const walk = async ({ modelled }: typeof changed, height: number, rowsMax: number) => {
      const snapshot = modelled.kv.snapshot();
      try {
        const range = { prefix: bytes(1) };
        return (await collect(walkPast(snapshot, 'acc', range, height, checks, rowsMax))).length;
      } finally {
        await snapshot.release();
      }
    };
    assert.equal(await walk(changed, 1, 20), 0);
    await assert.rejects(walk(changed, 1, 19), { code: 'query_too_large' });
    // Ten undo rows of the height that deleted, and ten rows that say so.
    assert.equal(await walk(deleted, 2, 20), 0);
    await assert.rejects(walk(deleted, 2, 19), { code: 'query_too_large' });
  });
});

describe('a lost row of the past', () => {
  /** A key that comes, changes, goes and comes again, beside others. */
  const given: Write[][] = [
    [['acc', bytes(7), bytes(70)]],
    [['acc', bytes(1), bytes(10)]],
    [['acc', bytes(2), bytes(20)]],
    [['acc', bytes(1), bytes(11)]],
    [['acc', bytes(1), undefined]],
    [['acc', bytes(2), bytes(21)]],
    [['acc', bytes(1), bytes(12)]],
    [['acc', bytes(2), undefined]],
    [['acc', bytes(3), bytes(30)]],
  ];

  async function answers(modelled: ModelledState, height: number, read: (view: ReturnType<State['view']>) => unknown) {
    const view = modelled.state.view(height);
    try {
      return await read(view);
    } finally {
      await view.release();
    }
  }

  it('never lets a wrong value out: each undo row, for each key at each height', async () => {
    const { modelled } = await chainOf(given, { proofHeights: 1 });
    await modelled.reopen();
    const undoRows = await collect(modelled.kv.iterate({ gte: bytes(0x75), lt: bytes(0x76) }));
    assert.equal(undoRows.length, 8);
    let noticed = 0;
    for (const [row, record] of undoRows) {
      lose(modelled.kv, row);
      for (let height = 0; height <= 8; height++) {
        for (const one of [1, 2, 3, 7]) {
          const right = modelled.history.get(height)?.get(modelKey('acc', bytes(one)));
          try {
            assert.deepEqual(await answers(modelled, height, (view) => view.get('acc', bytes(one))), right);
          } catch (error) {
            assert.ok(error instanceof BizraError && error.code === 'damaged', String(error));
            noticed++;
          }
        }
        try {
          const walked = await answers(modelled, height, (view) => collect(view.iterate('acc', { prefix: bytes() })));
          assert.deepEqual(walked, modelled.entries('acc', height));
        } catch (error) {
          assert.ok(error instanceof BizraError && error.code === 'damaged', String(error));
          noticed++;
        }
      }
      const batch = modelled.kv.batch();
      batch.put(row, record);
      await batch.write({ sync: true });
    }
    assert.ok(noticed > 16, `noticed ${noticed} times`);
  });

  it('is noticed as well where a row took the place of another', async () => {
    const { modelled } = await chainOf(given, { proofHeights: 1 });
    const row = undoKey(undoPrefix('acc'), bytes(2), 5);
    const other = undoKey(undoPrefix('acc'), bytes(1), 3);
    const batch = modelled.kv.batch();
    batch.put(row, modelled.kv.get(other) as Uint8Array);
    await batch.write({ sync: true });
    await assert.rejects(
      answers(modelled, 3, (view) => view.get('acc', bytes(2))),
      { code: 'damaged' },
    );
  });

  it('is noticed by proofs: a list of changed keys, or a row that it leads to', async () => {
    const { modelled, appHashes } = await chainOf(given, { proofHeights: 1 });
    const rows = [changedKeysKey(4), changedKeysKey(1), undoKey(undoPrefix('acc'), bytes(2), 2)];
    for (const row of rows) {
      const record = modelled.kv.get(row) as Uint8Array;
      lose(modelled.kv, row);
      await assert.rejects(modelled.state.prove('acc', bytes(9), 0), { code: 'damaged' });
      const batch = modelled.kv.batch();
      batch.put(row, record);
      await batch.write({ sync: true });
    }
    const { ops } = await modelled.state.prove('acc', bytes(9), 0);
    verifyProof(ops, appHashes[0] as Uint8Array, { store: 'acc', key: bytes(9), value: undefined });
    // A height that changed nothing has a list as well.
    const idle = await chainOf([[['acc', bytes(1), bytes(1)]], [], [], []], { proofHeights: 1 });
    lose(idle.modelled.kv, changedKeysKey(2));
    await assert.rejects(idle.modelled.state.prove('acc', bytes(1), 0), { code: 'damaged' });
  });

  it('stops the start where it is the list of the last height', async () => {
    const { modelled } = await chainOf(given);
    lose(modelled.kv, changedKeysKey(8));
    await assert.rejects(State.open(modelled.kv), { code: 'damaged' });
  });

  it('keeps a row of deletion for as long as the key is absent', async () => {
    const { modelled } = await chainOf(given);
    const row = (one: number) => deletionKey(deletionPrefix('acc'), bytes(one));
    assert.equal(modelled.kv.get(row(1)), undefined);
    assert.notEqual(modelled.kv.get(row(2)), undefined);
  });
});

describe('time travel', () => {
  it('a time-travel query equals what the chain answered at that height', async () => {
    const { modelled } = await chainOf([[]], { proofHeights: 3 });
    const answered: { height: number; values: unknown[]; walked: unknown }[] = [];
    const ask = async (height?: number) => {
      const view = modelled.state.view(height);
      const values = [];
      for (const name of STORES) for (const one of ALL_KEYS) values.push(await view.get(name, one));
      const walked = await collect(view.iterate('bank', { prefix: bytes(1), reverse: true }));
      await view.release();
      return { height: view.height, values, walked };
    };
    const writes = fc.sample(fc.array(write, { maxLength: 12 }), { numRuns: 60, seed: 5 });
    for (const some of writes) {
      await modelled.block(some);
      answered.push(await ask());
    }
    await modelled.state.prune(20);
    for (const then of answered.filter(({ height }) => height >= 20)) {
      assert.deepEqual(await ask(then.height), then);
      assert.deepEqual(
        (await modelled.state.proveMany('bank', [bytes(1)], then.height))[0]?.value,
        then.values[ALL_KEYS.length + 4],
      );
    }
  });

  it('a view of an old height is as it was while blocks and pruning go on', async () => {
    const { modelled } = await chainOf([[]], { proofHeights: 1 });
    const writes = (i: number): Write[] => [
      ['bank', bytes(1), bytes(i)],
      ['bank', bytes(2, i), bytes(1)],
    ];
    for (let i = 1; i <= 20; i++) await modelled.block(writes(i));
    const view = modelled.state.view(10);
    for (let i = 21; i <= 40; i++) await modelled.block(writes(i));
    await modelled.state.prune(35);
    assert.deepEqual(await view.get('bank', bytes(1)), bytes(10));
    assert.deepEqual(await collect(view.iterate('bank', { prefix: bytes() })), modelled.entries('bank', 10));
    await view.release();
    assert.throws(() => modelled.state.view(10), { code: 'height_pruned' });
  });

  it('no more views are open at once than may be', async () => {
    const { modelled } = await chainOf([[]], { viewsMax: 3 });
    const views = [0, 0, 0].map((height) => modelled.state.view(height));
    assert.throws(() => modelled.state.view(), { code: 'query_busy' });
    await views[0]?.release();
    const view = modelled.state.view();
    for (const open of [...views, view]) await open.release();
  });

  it('a batch is taken in a state that changes while it is staged', async () => {
    const { modelled } = await chainOf([[['acc', bytes(1), bytes(1)]]]);
    const staged = await modelled.state.stage(1, changeSet([['acc', bytes(1), bytes(2)]]));
    const [before] = await modelled.state.proveMany('acc', [bytes(1)]);
    assert.deepEqual(before?.value, bytes(1));
    modelled.state.discard(staged);
  });
});
