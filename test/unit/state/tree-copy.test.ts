import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { LoadingEvent } from '#state/open-tree.ts';
import { Rewind } from '#state/rewind.ts';
import { leafKey, leafPrefix } from '#state/rows.ts';
import { State } from '#state/state.ts';
import { changedKeysKey } from '#state/undo-rows.ts';
import { MemoryKeyValue } from '#storage/memory.ts';
import { concatBytes } from '#util/bytes.ts';
import { NEVER_PAUSE } from '#util/pause.ts';
import { MemoryStreamedFile } from './memory-streamed-file.ts';
import { changeSet, fromScratch, ModelledState, type Write } from './support.ts';

const bytes = (...values: number[]) => Uint8Array.from(values);
const store = fc.constantFrom('acc', 'bank', 'staking');
const key = fc.uint8Array({ minLength: 2, maxLength: 70 });
const value = fc.uint8Array({ minLength: 1, maxLength: 70 });
const block = fc.array(fc.tuple(store, key, fc.option(value, { nil: undefined })) as fc.Arbitrary<Write>, {
  maxLength: 30,
});

const GENESIS: Write[] = [
  ['acc', bytes(1), bytes(10)],
  ['bank', bytes(2), bytes(20)],
  ['bank', bytes(3), bytes(30)],
];

/** Where one section ends and the next begins: after its length, its payload and its checksum. */
function sectionsOf(copy: Uint8Array): Uint8Array[] {
  const sections: Uint8Array[] = [];
  const view = new DataView(copy.buffer, copy.byteOffset);
  for (let at = 0; at < copy.length; ) {
    const end = at + view.getUint32(at) + 8;
    sections.push(copy.slice(at, end));
    at = end;
  }
  return sections;
}

interface Opened {
  readonly state: State;
  readonly events: readonly LoadingEvent[];
}

async function open(kv: MemoryKeyValue, treeCopy: MemoryStreamedFile): Promise<Opened> {
  const events: LoadingEvent[] = [];
  const state = await State.open(kv, { treeCopy, onLoading: (event) => events.push(event) });
  return { state, events };
}

function sourceOf({ events }: Opened): string | undefined {
  const loaded = events.find((event) => event.kind === 'loaded');
  return loaded?.kind === 'loaded' ? loaded.source : undefined;
}

function reasonOf({ events }: Opened): string {
  const unusable = events.find((event) => event.kind === 'unusable');
  return unusable?.kind === 'unusable' ? unusable.reason : '';
}

async function saved(state: State): Promise<MemoryStreamedFile> {
  const file = new MemoryStreamedFile();
  await state.saveTree(file, NEVER_PAUSE);
  return file;
}

/** The copy must not be used, and the state must be what the database says. */
async function assertRebuilt(modelled: ModelledState, copy: MemoryStreamedFile, reason: RegExp): Promise<void> {
  const opened = await open(modelled.kv, copy);
  assert.equal(sourceOf(opened), 'leaves');
  assert.match(reasonOf(opened), reason);
  assert.deepEqual(opened.state.appHash, modelled.state.appHash);
}

async function undo(kv: MemoryKeyValue, to: number, appHashes: ReadonlyMap<number, Uint8Array>): Promise<void> {
  const rewind = await Rewind.open(kv);
  while (rewind.height > to) {
    const batch = kv.batch();
    await rewind.undo(batch, appHashes.get(rewind.height - 1) as Uint8Array);
    await batch.write({ sync: true });
  }
}

describe('a saved tree', () => {
  it('gives the head after any blocks, and the state goes on from there', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(block, { minLength: 1, maxLength: 6 }),
        fc.array(block, { maxLength: 4 }),
        block,
        async (before, after, last) => {
          const modelled = await ModelledState.start(GENESIS);
          for (const writes of before) await modelled.block(writes);
          const copy = await saved(modelled.state);
          for (const writes of after) await modelled.block(writes);
          const opened = await open(modelled.kv, copy);
          assert.equal(sourceOf(opened), 'copy', reasonOf(opened));
          assert.deepEqual(opened.state.appHash, modelled.state.appHash);
          modelled.state = opened.state;
          await modelled.block(last);
          assert.deepEqual(modelled.state.appHash, (await fromScratch(modelled.model)).appHash);
          assert.equal(await opened.state.verifyLeaves(NEVER_PAUSE), modelled.model.size);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('spares the start all leaves that did not change since', async () => {
    const modelled = await ModelledState.start(GENESIS);
    const copy = await saved(modelled.state);
    await modelled.block([['bank', bytes(2), bytes(21)]]);
    const unread = leafKey(leafPrefix('bank'), bytes(3));
    modelled.kv.iterate = () => assert.fail('the rows are not walked');
    const read: Uint8Array[] = [];
    const { getMany } = modelled.kv;
    modelled.kv.getMany = (keys) => {
      read.push(...keys);
      return getMany.call(modelled.kv, keys);
    };
    assert.equal(sourceOf(await open(modelled.kv, copy)), 'copy');
    assert.deepEqual(read, [leafKey(leafPrefix('bank'), bytes(2))]);
    assert.equal(
      read.some((row) => row.join() === unread.join()),
      false,
    );
  });

  it('of more than one section per store is read whole', async () => {
    const many = Array.from({ length: 9_000 }, (_, i): Write => ['acc', bytes(i >> 8, i & 255, 1), bytes(i & 255)]);
    const modelled = await ModelledState.start([...GENESIS, ...many]);
    const copy = await saved(modelled.state);
    assert.ok((copy.bytes?.length ?? 0) > 300_000);
    for (const pieceBytes of [7_000, 1_000_000]) {
      const opened = await open(modelled.kv, new MemoryStreamedFile(copy.bytes, pieceBytes));
      assert.equal(sourceOf(opened), 'copy', reasonOf(opened));
    }
  });

  it('is of the height at which saving began, whatever the chain does meanwhile', async () => {
    const modelled = await ModelledState.start(GENESIS, { proofHeights: 1 });
    const { appHash } = modelled.state;
    const file = new MemoryStreamedFile();
    let height = 0;
    const pieces = file.replace.bind(file);
    file.replace = async (sections) => {
      async function* slowly(): AsyncGenerator<Uint8Array> {
        for await (const section of sections) {
          await modelled.block([
            ['bank', bytes(2), bytes(++height)],
            ['bank', bytes(9, height), bytes(1)],
          ]);
          yield section;
        }
      }
      await pieces(slowly());
    };
    assert.equal(await modelled.state.saveTree(file, NEVER_PAUSE), 0);
    assert.ok(height > 3);
    const other = await ModelledState.start(GENESIS);
    assert.deepEqual(other.state.appHash, appHash);
    assert.equal(sourceOf(await open(other.kv, file)), 'copy');
    assert.equal(sourceOf(await open(modelled.kv, file)), 'copy');
  });

  it('is not used when it is missing, cut off, longer, or one bit of it is another', async () => {
    const modelled = await ModelledState.start(GENESIS);
    await modelled.block([['bank', bytes(4), bytes(40)]]);
    const { bytes: whole } = await saved(modelled.state);
    assert.ok(whole !== undefined);
    await assertRebuilt(modelled, new MemoryStreamedFile(), /there is none/);
    for (let at = 0; at < whole.length; at++) {
      const flipped = whole.slice();
      flipped[at] = (flipped[at] as number) ^ (1 << (at % 8));
      await assertRebuilt(modelled, new MemoryStreamedFile(flipped), /damaged|cut off/);
    }
    for (let length = 0; length < whole.length; length += 7) {
      await assertRebuilt(modelled, new MemoryStreamedFile(whole.slice(0, length)), /there is none|cut off/);
    }
    await assertRebuilt(modelled, new MemoryStreamedFile(Uint8Array.from([...whole, ...whole])), /damaged|together/);
  });

  it('of a later height is not used: the database was rolled back, or restored', async () => {
    const modelled = await ModelledState.start(GENESIS);
    const appHashes = new Map([[0, modelled.state.appHash]]);
    await modelled.block([['bank', bytes(2), bytes(21)]]);
    const copy = await saved(modelled.state);
    await undo(modelled.kv, 0, appHashes);
    const opened = await open(modelled.kv, copy);
    assert.equal(sourceOf(opened), 'leaves');
    assert.match(reasonOf(opened), /of height 1, the database of height 0/);
    assert.deepEqual(opened.state.appHash, appHashes.get(0));
  });

  it('of blocks that were taken back is not used when others stand in their place', async () => {
    for (const heights of [1, 3]) {
      const modelled = await ModelledState.start(GENESIS);
      const appHashes = new Map([[0, modelled.state.appHash]]);
      await modelled.block([['bank', bytes(2), bytes(21)]]);
      const copy = await saved(modelled.state);
      await undo(modelled.kv, 0, appHashes);
      await modelled.reopen();
      for (let i = 0; i < heights; i++) await modelled.block([['bank', bytes(3), bytes(31 + i)]]);
      await assertRebuilt(modelled, copy, /another history/);
    }
  });

  it('of another genesis is not used', async () => {
    const foreign = await ModelledState.start([['acc', bytes(1), bytes(11)]]);
    await foreign.block([]);
    const copy = await saved(foreign.state);
    const modelled = await ModelledState.start(GENESIS);
    await modelled.block([['acc', bytes(1), bytes(12)]]);
    await assertRebuilt(modelled, copy, /another history/);
    await modelled.block([]);
    await assertRebuilt(modelled, copy, /another history/);
  });

  it('of other stores is not used', async () => {
    const kv = new MemoryKeyValue();
    const copy = await saved(await State.initialize(kv, ['acc', 'bank'], changeSet([]), 0));
    const modelled = await ModelledState.start(GENESIS);
    await modelled.block([]);
    await assertRebuilt(modelled, copy, /other stores/);
  });

  it('is not used once the lists of what changed since are pruned, or hold more than a rebuild costs', async () => {
    const modelled = await ModelledState.start(GENESIS);
    const copy = await saved(modelled.state);
    for (let i = 0; i < 4; i++) await modelled.block([['bank', bytes(2), bytes(50 + i)]]);
    await modelled.state.prune(2);
    await assertRebuilt(modelled, copy, /height 1 changed is no longer known/);
    const newer = await saved(modelled.state);
    await modelled.block(Array.from({ length: 3_000 }, (_, i): Write => ['acc', bytes(i >> 8, i & 255), bytes(1)]));
    await assertRebuilt(modelled, newer, /too much has changed/);
  });

  it('does not hide damage: stored leaves are verified beside it', async () => {
    const row = leafKey(leafPrefix('bank'), bytes(3));
    const damages: Record<string, (kv: MemoryKeyValue) => Promise<void>> = {
      altered: async (kv) => {
        const batch = kv.batch();
        const stored = kv.get(row) as Uint8Array;
        stored[0] = (stored[0] as number) ^ 1;
        batch.put(row, stored);
        await batch.write({ sync: true });
      },
      lost: async (kv) => {
        const batch = kv.batch();
        batch.delete(row);
        await batch.write({ sync: true });
      },
      added: async (kv) => {
        const batch = kv.batch();
        batch.put(leafKey(leafPrefix('bank'), bytes(7)), bytes(1, 0, 0, 0, 0, 0, 0));
        await batch.write({ sync: true });
      },
      foreign: async (kv) => {
        const batch = kv.batch();
        batch.put(leafKey(leafPrefix('zoo'), bytes(7)), bytes(1, 0, 0, 0, 0, 0, 0));
        await batch.write({ sync: true });
      },
    };
    for (const [name, damage] of Object.entries(damages)) {
      const modelled = await ModelledState.start(GENESIS);
      const copy = await saved(modelled.state);
      await damage(modelled.kv);
      const opened = await open(modelled.kv, copy);
      assert.equal(sourceOf(opened), 'copy');
      const code = name === 'lost' ? 'state_corrupt' : 'damaged';
      await assert.rejects(opened.state.verifyLeaves(NEVER_PAUSE), { code }, name);
    }
  });

  it('put together from two is not used', async () => {
    const copies: Uint8Array[][] = [];
    const modelled = await ModelledState.start(GENESIS);
    for (let i = 0; i < 2; i++) {
      copies.push(sectionsOf((await saved(modelled.state)).bytes as Uint8Array));
      await modelled.block([
        ['bank', bytes(2), bytes(40 + i)],
        ['acc', bytes(1), bytes(40 + i)],
      ]);
    }
    const [one, other] = copies as [Uint8Array[], Uint8Array[]];
    const last = one.length - 1;
    for (const taken of [0, 1, 2]) {
      const mixed = one.map((section, i) => (i === taken ? (other[i] as Uint8Array) : section));
      await assertRebuilt(modelled, new MemoryStreamedFile(concatBytes(...mixed)), /its leaves do not give its root/);
    }
    const swapped = [one[0], one[2], one[1], ...one.slice(3)] as Uint8Array[];
    await assertRebuilt(modelled, new MemoryStreamedFile(concatBytes(...swapped)), /section 1 is damaged/);
    const short = one.toSpliced(last - 1, 1);
    await assertRebuilt(modelled, new MemoryStreamedFile(concatBytes(...short)), /damaged/);
  });

  it('finds damage in a leaf that changed since at once', async () => {
    const modelled = await ModelledState.start(GENESIS);
    const copy = await saved(modelled.state);
    await modelled.block([['bank', bytes(2), bytes(21)]]);
    const batch = modelled.kv.batch();
    batch.delete(leafKey(leafPrefix('bank'), bytes(2)));
    await batch.write({ sync: true });
    await assert.rejects(open(modelled.kv, copy), { code: 'state_corrupt' });
  });

  it('is not used when a list of what changed since is damaged', async () => {
    const modelled = await ModelledState.start(GENESIS);
    const copy = await saved(modelled.state);
    for (let i = 0; i < 2; i++) await modelled.block([['bank', bytes(2), bytes(21 + i)]]);
    const rowKey = changedKeysKey(1);
    const row = modelled.kv.get(rowKey) as Uint8Array;
    row[40] = (row[40] as number) ^ 1;
    const batch = modelled.kv.batch();
    batch.put(rowKey, row);
    await batch.write({ sync: true });
    await assertRebuilt(modelled, copy, /list of changed keys .* is damaged/);
  });
});
