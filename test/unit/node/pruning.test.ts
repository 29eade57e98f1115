import assert from 'node:assert/strict';
import { Indexer } from '#indexer/indexer.ts';
import { Pruning, type PruningOptions } from '#node/pruning.ts';
import { RealClock } from '#node/real-clock.ts';
import { readHead } from '#state/load.ts';
import { UndoPruner } from '#state/undo-pruner.ts';
import { changedKeysKey } from '#state/undo-rows.ts';
import { ROW, rowKey } from '#storage/block-rows.ts';
import { BlockStore } from '#storage/block-store.ts';
import { withChecksum } from '#storage/checksummed.ts';
import { KEY_SPACE } from '#storage/key-space.ts';
import { MemoryKeyValue } from '#storage/memory.ts';
import { SlicedDeletes } from '#storage/sliced-deletes.ts';
import { type Logger, SILENT_LOGGER } from '#telemetry/logger.ts';
import { txHash } from '#types/block.ts';
import { ABSENT_COMMIT_SIG, type Commit, encodeCommit } from '#types/commit.ts';
import { parseQuery } from '#types/query.ts';
import { BizraError, MachineError } from '#util/errors.ts';
import { DecidedChain } from '../../support/decided-chain.ts';

const HEIGHTS = 12;
const CLOCK = new RealClock();
const KEEP_ALL: PruningOptions = { archive: false, undoHeights: 1_000, undoBytesMax: 1e12, retainBlocks: 0 };
const never = (): undefined => undefined;

interface Rig {
  readonly chain: DecidedChain;
  readonly kv: MemoryKeyValue;
  readonly txs: readonly Uint8Array[];
}

/** A chain with a transfer or two in most blocks. */
async function grown(heights = HEIGHTS): Promise<Rig> {
  const kv = new MemoryKeyValue();
  const chain = await DecidedChain.create(kv);
  const txs: Uint8Array[] = [];
  for (let height = 1; height <= heights; height++) {
    const some = height % 3 === 0 ? [] : [chain.transfer(0, 1, BigInt(height)), chain.transfer(2, 3, 7n)];
    txs.push(...some);
    await chain.next(some);
  }
  return { chain, kv, txs };
}

/** A pruner as the node has it; what it logs as a warning goes to `warnings`. */
function pruningOf({ chain, kv }: Rig, limits: PruningOptions, needed?: number) {
  const warnings: string[] = [];
  const logger: Logger = { ...SILENT_LOGGER, warn: (text) => void warnings.push(text) };
  const fatal: unknown[] = [];
  const { blockStore } = chain;
  const reader = {
    base: () => blockStore.base,
    head: () => blockStore.head,
    results: async (height: number) => blockStore.results(height),
  };
  const indexer = new Indexer({ kv, reader });
  const pruning = new Pruning(
    {
      kv,
      undo: chain.state.pruning,
      blockStore,
      indexer,
      clock: CLOCK,
      logger,
      chainState: () => chain.chain.state,
      neededFrom: () => needed,
      moreUrgent: never,
      writing: never,
      onFatal: (error) => void fatal.push(error),
    },
    limits,
  );
  return { pruning, indexer, warnings, fatal };
}

/** Rows by the letter of their space and, for blocks and indexes, their kind. */
function rowCounts(kv: MemoryKeyValue): Map<string, number> {
  const counts = new Map<string, number>();
  for (const key of kv.keys()) {
    const space = String.fromCharCode(key[0] as number);
    const name = space === 'b' || space === 'i' ? space + String.fromCharCode(key[1] as number) : space;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return counts;
}

describe('Pruning', () => {
  it('forgets blocks, results, hashes and index rows below its window, and keeps the headers', async () => {
    const rig = await grown();
    const { chain, kv } = rig;
    const before = chain.blockStore.block(6)?.lastCommit as Commit;
    // As a database has it that was written before a block's batch put the commit there that it carries.
    const seen = { ...before, signatures: [ABSENT_COMMIT_SIG, ...before.signatures.slice(1)] } as Commit;
    const batch = kv.batch();
    batch.put(rowKey(ROW.commit, 5), withChecksum(encodeCommit(seen)));
    await batch.write({ sync: true });
    assert.deepEqual(chain.blockStore.canonicalCommit(5), before);
    const { pruning, indexer } = pruningOf(rig, { ...KEEP_ALL, retainBlocks: 4 });
    pruning.applied();
    while (chain.blockStore.base === 1 || chain.blockStore.pruner().nextBlock !== undefined) await CLOCK.yield();
    await pruning.stop();
    for (const store of [chain.blockStore, await BlockStore.open(kv)]) {
      assert.deepEqual([store.headerBase, store.base, store.head], [1, 9, HEIGHTS]);
      assert.equal(store.block(8), undefined);
      assert.equal(store.results(8), undefined);
      assert.equal(store.meta(8)?.header.height, 8);
      assert.equal(store.commit(8)?.height, 8);
      assert.equal((await store.signers(3)).size, 4);
      assert.equal(store.block(9)?.header.height, 9);
      // What the next block said about it is what everybody judges evidence by.
      assert.deepEqual(store.canonicalCommit(5), before);
    }
    const counts = rowCounts(kv);
    assert.equal(counts.get('bb'), 4);
    assert.equal(counts.get('bm'), HEIGHTS);
    assert.equal(counts.get('h'), 4);
    const kept = [9, 10, 11, 12].flatMap((height) => chain.blockStore.block(height)?.txs ?? []);
    assert.equal(counts.get('it'), kept.length);
    assert.equal(counts.get('in'), 2, 'heights 10 and 11 have transactions');
    for (const tx of rig.txs) {
      const found = indexer.txByHash(txHash(tx));
      assert.equal(
        found !== undefined,
        kept.some((other) => txHash(other).join() === txHash(tx).join()),
      );
    }
    assert.equal(
      (await indexer.searchTxs(parseQuery("message.action = '/cosmos.bank.v1beta1.MsgSend'"))).length,
      kept.length,
    );
  });

  it('the commit of a height becomes the one that the next block carries', async () => {
    const { chain, kv } = await grown(3);
    const { signatures, ...commit } = chain.blockStore.commit(3) as Commit;
    // This node saw one signature less than the proposer of the next block.
    const batch = kv.batch();
    const seen = { ...commit, signatures: [ABSENT_COMMIT_SIG, ...signatures.slice(1)] };
    batch.put(rowKey(ROW.commit, 3), withChecksum(encodeCommit(seen)));
    await batch.write({ sync: true });
    assert.deepEqual(chain.blockStore.commit(3), seen);
    await chain.next();
    const carried = chain.blockStore.block(4)?.lastCommit;
    assert.deepEqual([chain.blockStore.commit(3), chain.blockStore.canonicalCommit(3)], [carried, carried]);
  });

  it('prune-shows-before-it-counts: a commit is the canonical one whatever of the next block is deleted, and known to be', async () => {
    const { chain, kv } = await grown();
    const { blockStore } = chain;
    const canonical = blockStore.block(3)?.lastCommit as Commit;
    await blockStore.raise(8, 1);
    const pruner = blockStore.pruner();
    const atOnce = new SlicedDeletes(kv, (_rows, write) => write());
    for (const height of [1, 2]) await pruner.deleteBlock(height, blockStore.block(height), atOnce);
    const written = Promise.withResolvers<void>();
    const goesOn = Promise.withResolvers<void>();
    // As a pruner whose share is used up: its batch shows, and it does not know yet.
    const slow = new SlicedDeletes(kv, async (_rows, write) => {
      await write();
      written.resolve();
      await goesOn.promise;
    });
    const deleting = pruner.deleteBlock(3, undefined, slow);
    await written.promise;
    assert.deepEqual(blockStore.canonicalCommit(2), canonical);
    goesOn.resolve();
    await deleting;
    assert.deepEqual(blockStore.canonicalCommit(2), canonical);
  });

  it('prune-never-halts: what was deleted before a step that failed is gone with the next run', async () => {
    const rig = await grown();
    const { kv, chain } = rig;
    const undo = chain.state.pruning;
    const { sweep } = undo;
    let sweeps = 0;
    undo.sweep = async (...args) => {
      if (sweeps++ === 3) throw new MachineError('damaged', 'a damaged table');
      return sweep.apply(undo, args);
    };
    const { pruning, fatal } = pruningOf(rig, { ...KEEP_ALL, undoHeights: 2 });
    await assert.rejects(pruning.prune(pruning.limits, never), { code: 'damaged' });
    await pruning.prune(pruning.limits, never);
    assert.equal(rowCounts(kv).get('c'), 2);
    assert.deepEqual(fatal, []);
  });

  it('leaves no row behind that a chain which was never longer would not have', async () => {
    const pruned = await grown();
    const { pruning } = pruningOf(pruned, { ...KEEP_ALL, retainBlocks: 3, undoHeights: 2 });
    await pruning.prune(pruning.limits, never);
    const counts = rowCounts(pruned.kv);
    const values = (kv: MemoryKeyValue) => kv.keys().filter((key) => key[0] === KEY_SPACE.indexes && key[1] === 0x76);
    for (const key of values(pruned.kv)) assert.ok((key.at(-1) as number) >= 10, 'a value row of a pruned height');
    assert.equal(counts.get('c'), 2);
    for (const key of pruned.kv.keys().filter(([space]) => space === KEY_SPACE.undo))
      assert.ok((key.at(-1) as number) > 10, 'an undo row of a pruned height');
    assert.equal(pruned.chain.state.base, 10);
  });

  it('goes on with the chain after it: the next heights are applied and pruned in their turn', async () => {
    const rig = await grown();
    const { pruning } = pruningOf(rig, { ...KEEP_ALL, retainBlocks: 2, undoHeights: 1 });
    for (let i = 0; i < 6; i++) {
      pruning.applied();
      await rig.chain.next([rig.chain.transfer(0, 1, 5n)]);
    }
    await pruning.prune(pruning.limits, never);
    assert.deepEqual([rig.chain.blockStore.base, rig.chain.state.base], [HEIGHTS + 5, HEIGHTS + 5]);
    const view = rig.chain.state.view(HEIGHTS + 5);
    assert.deepEqual(await rig.chain.ledger.invariants(view), []);
    await view.release();
  });

  it('caps the undo rows by their bytes', async () => {
    const rig = await grown();
    const { pruning: undo } = rig.chain.state;
    const cap = undo.bytesUpTo(HEIGHTS) - undo.bytesUpTo(7);
    const { pruning } = pruningOf(rig, { ...KEEP_ALL, undoBytesMax: cap });
    await pruning.prune(pruning.limits, never);
    assert.equal(undo.bytesUpTo(HEIGHTS) - undo.bytesUpTo(undo.base), cap);
    assert.ok(undo.base <= 7 && undo.bytesUpTo(undo.base) === undo.bytesUpTo(7));
    // The count goes on where it was after a start.
    const reopened = new UndoPruner(rig.kv, readHead(rig.kv).height);
    assert.equal(reopened.bytesUpTo(HEIGHTS) - reopened.bytesUpTo(reopened.base), cap);
  });

  it('keeps everything where it is an archive, and what a snapshot needs', async () => {
    const rig = await grown();
    const all = pruningOf(rig, { ...KEEP_ALL, archive: true, retainBlocks: 2, undoHeights: 1 });
    const { length } = rig.kv.keys();
    all.pruning.applied();
    await all.pruning.stop();
    assert.equal(rig.kv.keys().length, length);
    const needed = pruningOf(rig, { ...KEEP_ALL, retainBlocks: 2 }, 6);
    await needed.pruning.prune(needed.pruning.limits, never);
    assert.equal(rig.chain.blockStore.base, 6);
  });

  it('prune-never-halts: damaged or lost rows of a height are logged and passed over', async () => {
    const rig = await grown();
    const { kv } = rig;
    kv.corrupt(rowKey(ROW.block, 2), (value) => value.fill(9, 0, 1));
    kv.corrupt(rowKey(ROW.results, 4, 0), () => undefined);
    kv.corrupt(rowKey(ROW.meta, 5), (value) => value.fill(9, 0, 1));
    kv.corrupt(changedKeysKey(3), () => undefined);
    kv.corrupt(changedKeysKey(4), (value) => value.fill(9, 0, 1));
    const { pruning, warnings, fatal } = pruningOf(rig, { ...KEEP_ALL, retainBlocks: 3, undoHeights: 2 });
    await pruning.prune(pruning.limits, never);
    assert.equal(warnings.length, 4);
    assert.deepEqual(fatal, []);
    assert.deepEqual([rig.chain.blockStore.base, rig.chain.state.base], [10, 10]);
    assert.equal(rowCounts(kv).get('bb'), 3);
    await rig.chain.next();
  });

  it('prune-never-halts: cut off by a crash after any of its batches, the next run completes it', async () => {
    const whole = await grown();
    const first = pruningOf(whole, { ...KEEP_ALL, retainBlocks: 3, undoHeights: 2 });
    await first.pruning.prune(first.pruning.limits, never);
    const expected = whole.kv.keys().map((key) => key.join());
    for (let cutAfter = 1; ; cutAfter++) {
      const rig = await grown();
      const writes = cutOff(rig.kv, cutAfter);
      const cut = pruningOf(rig, { ...KEEP_ALL, retainBlocks: 3, undoHeights: 2 });
      const finished = await cut.pruning.prune(cut.pruning.limits, never).then(
        () => true,
        () => false,
      );
      if (finished) {
        assert.ok(cutAfter > 10, `${cutAfter} batches`);
        return;
      }
      writes.mend();
      const blockStore = await BlockStore.open(rig.kv);
      const undo = new UndoPruner(rig.kv, HEIGHTS);
      const again = pruningOf({ ...rig, chain: withStores(rig.chain, blockStore, undo) }, cut.pruning.limits);
      await again.pruning.prune(cut.pruning.limits, never);
      assert.deepEqual(
        rig.kv.keys().map((key) => key.join()),
        expected,
        `cut after ${cutAfter} batches`,
      );
    }
  });

  it('does not read what it was told to forget: a search, a block and a view of it are refused', async () => {
    const rig = await grown();
    const { pruning, indexer } = pruningOf(rig, { ...KEEP_ALL, retainBlocks: 3, undoHeights: 2 });
    // Bases are raised before anything is deleted.
    const done = pruning.prune(pruning.limits, ({ steps }) => {
      if (steps > 1) return;
      assert.equal(rig.chain.blockStore.block(5), undefined);
      assert.throws(() => rig.chain.state.view(5), { code: 'height_pruned' });
    });
    await done;
    assert.deepEqual(await indexer.searchTxs(parseQuery('tx.height <= 9')), []);
  });
});

/** Lets so many batches through, then fails all. */
function cutOff(kv: MemoryKeyValue, after: number): { mend(): void } {
  const batch = kv.batch.bind(kv);
  let left = after;
  kv.batch = () => {
    const made = batch();
    const write = made.write.bind(made);
    made.write = async (options) => {
      if (left-- <= 0) throw new BizraError('cut', 'cut off');
      await write(options);
    };
    return made;
  };
  return {
    mend: () => {
      kv.batch = batch;
    },
  };
}

/** The chain as a new process finds it. */
function withStores(chain: DecidedChain, blockStore: BlockStore, pruning: UndoPruner): DecidedChain {
  return Object.create(chain, { blockStore: { value: blockStore }, state: { value: { pruning } } }) as DecidedChain;
}
