import assert from 'node:assert/strict';
import fc from 'fast-check';
import { leafValue } from '#state/rows.ts';
import { SnapshotImport } from '#state/snapshot/import.ts';
import { manifestChunks } from '#state/snapshot/manifest.ts';
import { State } from '#state/state.ts';
import { MemoryKeyValue } from '#storage/memory.ts';
import { toHex } from '#util/bytes.ts';
import { changeSet, ModelledState, STORES, type Write } from '../support.ts';
import { entries, type MadeSnapshot, snapshotOf } from './support.ts';

const bytes = fc.uint8Array({ minLength: 1, maxLength: 3 });
const key = bytes.filter((raw) => raw.length > 1 || raw[0] !== 0xff);
const write: fc.Arbitrary<Write> = fc.tuple(fc.constantFrom(...STORES), key, fc.option(bytes, { nil: undefined }));
const blocks = fc.array(fc.array(write, { maxLength: 15 }), { minLength: 1, maxLength: 6 });

async function imported(made: MadeSnapshot, order = made.chunks.map((_, i) => i)): Promise<MemoryKeyValue> {
  const kv = new MemoryKeyValue();
  const running = await SnapshotImport.begin(kv, made.manifest);
  for (const index of order) await running.add(index, made.chunks[index] as Uint8Array);
  await running.finish();
  return kv;
}

/** Everything but the past, which a snapshot does not hold: undo rows, deletions, and when a leaf was written. */
function rows(kv: MemoryKeyValue): string[] {
  const past = ['u', 'c', 'd'].map((letter) => letter.charCodeAt(0));
  const isBase = (row: Uint8Array): boolean => row.length === 2 && row[0] === 0x73;
  const present = (row: Uint8Array): Uint8Array => {
    const record = kv.get(row) as Uint8Array;
    return row[0] === 'l'.charCodeAt(0) ? leafValue(record) : record;
  };
  return kv
    .keys()
    .filter((row) => !past.includes(row[0] as number) && !isBase(row))
    .map((row) => `${toHex(row)} ${toHex(present(row))}`);
}

describe('SnapshotImport', () => {
  it('gives the state that the snapshot was made of, whatever that was', async () => {
    await fc.assert(
      fc.asyncProperty(blocks, async (given) => {
        const modelled = await ModelledState.start(given[0]);
        for (const writes of given.slice(1)) await modelled.block(writes);
        const made = await snapshotOf(modelled.state);
        const kv = await imported(made);
        assert.deepEqual(rows(kv), rows(modelled.kv));
        const state = await State.open(kv);
        assert.equal(state.height, modelled.state.height);
        assert.deepEqual(state.appHash, modelled.state.appHash);
        assert.equal(state.base, state.height);
        // restore(export(x)) = x
        assert.deepEqual(await snapshotOf(state), made);
      }),
      { numRuns: 150 },
    );
  });

  it('goes on with blocks as the original does', async () => {
    const modelled = await ModelledState.start(entries('bank', 3_000));
    await modelled.block(entries('acc', 500));
    const state = await State.open(await imported(await snapshotOf(modelled.state)));
    const next: Write[] = [...entries('bank', 700, 12), ['acc', new Uint8Array([7]), new Uint8Array([1])]];
    const staged = await state.stage(2, changeSet(next));
    await modelled.block(next);
    assert.deepEqual(staged.appHash, modelled.state.appHash);
    state.discard(staged);
  });

  it('takes chunks in any order and again', async () => {
    const { state } = await ModelledState.start([...entries('bank', 200, 60_000), ...entries('acc', 2_000)]);
    const made = await snapshotOf(state);
    assert.ok(made.chunks.length >= 8);
    const order = made.chunks.map((_, i) => i).reverse();
    const opened = await State.open(await imported(made, [...order, ...order]));
    assert.deepEqual(opened.appHash, state.appHash);
  });

  it('goes on after a crash with the chunks that are missing', async () => {
    const { state } = await ModelledState.start([...entries('bank', 200, 60_000), ...entries('acc', 500)]);
    const made = await snapshotOf(state);
    let kv = new MemoryKeyValue();
    await SnapshotImport.begin(kv, made.manifest);
    for (let i = 0; i < made.chunks.length; i++) {
      kv = kv.crash();
      const resumed = await SnapshotImport.resume(kv);
      assert.ok(resumed !== undefined);
      assert.equal(resumed.chunksDone, i);
      assert.deepEqual(resumed.manifest, made.manifest);
      const index = resumed.missing().at(-1) as number;
      assert.ok(!resumed.has(index));
      await resumed.add(index, made.chunks[index] as Uint8Array);
    }
    const last = await SnapshotImport.resume(kv.crash());
    assert.deepEqual(last?.missing(), []);
  });

  it('is no state before its end, and no import after it', async () => {
    const { state } = await ModelledState.start(entries('bank', 50));
    const made = await snapshotOf(state);
    const kv = new MemoryKeyValue();
    const running = await SnapshotImport.begin(kv, made.manifest);
    await assert.rejects(running.finish(), /all chunks/);
    for (const [index, chunk] of made.chunks.entries()) await running.add(index, chunk);
    assert.ok(!State.exists(kv));
    assert.equal(kv.crash().unsyncedBatches, 0);
    const again = await imported(made);
    assert.ok(State.exists(again));
    assert.equal(await SnapshotImport.resume(again), undefined);
  });

  it('writes the rows of others in its last batch', async () => {
    const { state } = await ModelledState.start(entries('bank', 50));
    const made = await snapshotOf(state);
    const kv = new MemoryKeyValue();
    const running = await SnapshotImport.begin(kv, made.manifest);
    for (const [index, chunk] of made.chunks.entries()) await running.add(index, chunk);
    const row = Uint8Array.of(0x6e, 1);
    await running.finish((batch, appHash) => batch.put(row, appHash));
    assert.deepEqual(kv.crash().get(row), state.appHash);
  });

  it('writes nothing of a chunk that is not the one', async () => {
    const { state } = await ModelledState.start([...entries('bank', 200, 60_000)]);
    const made = await snapshotOf(state);
    const kv = new MemoryKeyValue();
    const running = await SnapshotImport.begin(kv, made.manifest);
    const before = kv.keys().length;
    const at = manifestChunks(made.manifest).findIndex(({ store }) => store === 'bank');
    await assert.rejects(running.add(at, made.chunks[at + 1] as Uint8Array), { code: 'bad_snapshot' });
    assert.equal(kv.keys().length, before);
    assert.ok(!running.has(at));
  });

  it('refuses a database that holds something', async () => {
    const modelled = await ModelledState.start(entries('bank', 50));
    const { manifest } = await snapshotOf(modelled.state);
    await assert.rejects(SnapshotImport.begin(modelled.kv, manifest), { code: 'import_refused' });
    const kv = new MemoryKeyValue();
    await SnapshotImport.begin(kv, manifest);
    await assert.rejects(SnapshotImport.begin(kv, manifest), { code: 'import_refused' });
  });

  it('names its own rows when they are damaged', async () => {
    const { state } = await ModelledState.start(entries('bank', 50));
    const made = await snapshotOf(state);
    for (const kind of [0x6d, 0x6b]) {
      const kv = new MemoryKeyValue();
      const running = await SnapshotImport.begin(kv, made.manifest);
      await running.add(0, made.chunks[0] as Uint8Array);
      const row = kv.keys().find((one) => one[0] === 0x73 && one[1] === kind) as Uint8Array;
      kv.corrupt(row, (value) => value.fill(1, 0, 1));
      const other = kv.get(row) as Uint8Array;
      other[3] = (other[3] as number) ^ 1;
      kv.corrupt(row, () => other);
      await assert.rejects(SnapshotImport.resume(kv), { code: 'damaged' });
    }
  });
});
