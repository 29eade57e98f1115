import assert from 'node:assert/strict';
import { InlineVerifier } from '#crypto/verifier.ts';
import { encodeChainState } from '#engine/chain-state.ts';
import { chainStateAt } from '#engine/chain-state-at.ts';
import { readChainState } from '#engine/chain-store.ts';
import { openChain } from '#node/database.ts';
import { RealClock } from '#node/real-clock.ts';
import { rollback } from '#node/rollback.ts';
import { applyStoredBlocks } from '#node/stored-blocks.ts';
import { readLastSigned } from '#signer/last-signed.ts';
import { changedKeysKey, decodeChangedKeys, encodeUndo, undoKey, undoPrefix } from '#state/undo-rows.ts';
import { ROW, rowKey as rowKeyOf } from '#storage/block-rows.ts';
import { BlockStore } from '#storage/block-store.ts';
import { withChecksum } from '#storage/checksummed.ts';
import { KEY_SPACE } from '#storage/key-space.ts';
import { MemoryKeyValue } from '#storage/memory.ts';
import { SILENT_LOGGER } from '#telemetry/logger.ts';
import type { Genesis } from '#types/genesis.ts';
import { toHex } from '#util/bytes.ts';
import { copyOf, eventfulChain } from '../../support/decided-chain.ts';
import { NodeBench } from '../engine/bench.ts';

const HEIGHTS = 24;
const PENDING_EVIDENCE = 0x70;

type Rows = ReadonlyMap<string, string>;

/** All rows, but those of evidence that waits: it is not part of any height. */
async function rowsOf(kv: MemoryKeyValue): Promise<Rows> {
  const rows = new Map<string, string>();
  for await (const [key, value] of kv.iterate({})) {
    if (key[0] === KEY_SPACE.evidence && key[1] === PENDING_EVIDENCE) continue;
    rows.set(toHex(key), toHex(value));
  }
  return rows;
}

/** Without blocks and commits above `height`, which a rollback leaves. */
function withoutKept(rows: Rows, kv: MemoryKeyValue, height: number): Rows {
  const kept = new Set<string>();
  for (const key of rows.keys()) {
    const bytes = Buffer.from(key, 'hex');
    const isBlockRow = bytes[0] === KEY_SPACE.blocks && bytes.length === 10;
    const isKept = isBlockRow && [ROW.block, ROW.commit, ROW.meta].includes(bytes[1] as never);
    if (isKept && Number(bytes.readBigUInt64BE(2)) > height) kept.add(key);
    if (bytes[0] === KEY_SPACE.blockHashes && (heightUnder(kv, bytes) ?? 0) > height) kept.add(key);
  }
  return new Map([...rows].filter(([key]) => !kept.has(key)));
}

function heightUnder(kv: MemoryKeyValue, key: Uint8Array): number | undefined {
  return kv.get(key)?.[0];
}

/** What the start of a node does with the blocks that are there. */
async function applyAgain(kv: MemoryKeyValue, genesis: Genesis): Promise<number> {
  const opened = await openChain(kv, genesis, {});
  const parts = { kv, verifier: new InlineVerifier(), clock: new RealClock(), logger: SILENT_LOGGER };
  const blockStore = await BlockStore.open(kv);
  return (await applyStoredBlocks(parts, genesis, { ...opened, blockStore }, {})).height;
}

describe('rollback', function () {
  this.timeout(60_000);
  const snapshots = new Map<number, Rows>();
  const kv = new MemoryKeyValue();
  let genesis: Genesis;

  before(async () => {
    const made = await eventfulChain(kv, HEIGHTS, async (height) => {
      snapshots.set(height, await rowsOf(kv));
    });
    ({ genesis } = made);
    assert.equal(made.chain.state.validators.size, 3, 'one validator was punished');
  });

  it('leaves at each height exactly what was there when it was the head, and the blocks above it', async () => {
    const copy = await copyOf(kv);
    for (let to = HEIGHTS - 1; to >= 0; to--) {
      assert.deepEqual(await rollback(copy, to), { from: to + 1, to });
      const left = withoutKept(await rowsOf(copy), copy, to);
      assert.deepEqual(left, snapshots.get(to), `height ${to}`);
    }
  });

  it('rollback-and-reset: the blocks apply again to the same state, any number of times', async () => {
    const copy = await copyOf(kv);
    for (const back of [1, 3, 12, HEIGHTS]) {
      await rollback(copy, HEIGHTS - back);
      assert.equal(await applyAgain(copy, genesis), HEIGHTS);
      assert.deepEqual(await rowsOf(copy), snapshots.get(HEIGHTS), `${back} back`);
    }
  });

  it('rebuilds the chain state of each height', async () => {
    const now = readChainState(kv);
    assert.ok(now !== undefined);
    const copy = await copyOf(kv);
    const blockStore = await BlockStore.open(kv);
    for (let height = HEIGHTS - 1; height >= 0; height--) {
      await rollback(copy, height);
      const expected = readChainState(copy);
      assert.ok(expected !== undefined);
      const rebuilt = await chainStateAt(blockStore, now, height);
      assert.equal(toHex(encodeChainState(rebuilt)), toHex(encodeChainState(expected)), `height ${height}`);
    }
  });

  it('cut off at any batch, it leaves a whole height and can be run again', async () => {
    for (let written = 0; written < HEIGHTS; written++) {
      const copy = await copyOf(kv);
      let left = written;
      const failing = new Proxy(copy, {
        get: (target, name) => {
          const value = Reflect.get(target, name) as unknown;
          if (name !== 'batch') return typeof value === 'function' ? value.bind(target) : value;
          return () => {
            if (left-- === 0) throw new Error('killed');
            return target.batch();
          };
        },
      });
      await assert.rejects(rollback(failing, 0), /killed/);
      const at = HEIGHTS - written;
      assert.deepEqual(withoutKept(await rowsOf(copy), copy, at), snapshots.get(at), `${written} batches`);
      await rollback(copy, 0);
      assert.deepEqual(withoutKept(await rowsOf(copy), copy, 0), snapshots.get(0));
    }
  });

  it('refuses heights that are not kept, and databases without a chain', async () => {
    await assert.rejects(rollback(kv, HEIGHTS + 1), { code: 'bad_height', message: /ahead of the head 24/ });
    await assert.rejects(rollback(new MemoryKeyValue(), 1), { code: 'chain_missing' });
    const copy = await copyOf(kv);
    const { state } = await openChain(copy, genesis, {});
    await state.prune(10);
    await assert.rejects(rollback(copy, 9), { code: 'bad_height', message: /the lowest .* is 10 / });
    assert.deepEqual(await rollback(copy, 10), { from: HEIGHTS, to: 10 });
  });

  it('notices an undo row that is lost or wrong, and goes no further', async () => {
    for (const damage of ['lost', 'wrong'] as const) {
      const copy = await copyOf(kv);
      const list = decodeChangedKeys(copy.get(changedKeysKey(20)) as Uint8Array, changedKeysKey(20));
      const [[store, keys]] = [...list.stores] as [[string, Uint8Array[]]];
      const rowKey = undoKey(undoPrefix(store), keys[0] as Uint8Array, 20);
      const batch = copy.batch();
      if (damage === 'lost') batch.delete(rowKey);
      else batch.put(rowKey, encodeUndo(rowKey, { value: Uint8Array.of(1), writtenAt: 1 }));
      await batch.write({ sync: true });
      await assert.rejects(rollback(copy, 0), { code: damage === 'lost' ? 'damaged' : 'state_corrupt' });
      assert.deepEqual(
        withoutKept(await rowsOf(copy), copy, 20).size,
        (snapshots.get(20)?.size ?? 0) - (damage === 'lost' ? 1 : 0),
      );
    }
  });

  it('a block that does not follow from the state stops the start with one line', async () => {
    const copy = await copyOf(kv);
    await rollback(copy, 15);
    const block = (await BlockStore.open(kv)).blockBytes(19) as Uint8Array;
    const batch = copy.batch();
    batch.put(rowKeyOf(ROW.block, 18), withChecksum(block));
    await batch.write({ sync: true });
    await assert.rejects(applyAgain(copy, genesis), {
      code: 'block_unfit',
      message: /^block 18 .*: the blocks stored in this home do not follow .* rollback --to 16/,
    });
    assert.equal(readChainState(copy)?.height, 17);
  });

  it('a block that is damaged leaves the rest to peers', async () => {
    const copy = await copyOf(kv);
    await rollback(copy, 15);
    const batch = copy.batch();
    batch.put(rowKeyOf(ROW.block, 18), Uint8Array.of(1, 2, 3, 4, 5));
    await batch.write({ sync: true });
    assert.equal(await applyAgain(copy, genesis), 17);
  });
});

describe('a validator that was rolled back', function () {
  this.timeout(60_000);
  const BACK_TO = 3;

  const signed = ({ deeds }: NodeBench): number => deeds.filter((deed) => deed === 'sign').length;
  const stoppedAt = async (height: number): Promise<NodeBench> => {
    const bench = await new NodeBench(1).install();
    await bench.start();
    await bench.run(60_000, () => bench.node.chain.state.height >= height);
    await bench.node.stop();
    return bench;
  };

  it('is where it was after the next start, and goes on', async () => {
    const bench = await stoppedAt(8);
    const head = readChainState(bench.kv)?.height as number;
    await rollback(bench.kv, BACK_TO);
    await bench.start();
    assert.equal(bench.node.chain.state.height, head);
    assert.ok(bench.node.engine.mutedHeight <= head);
    await bench.run(60_000, () => bench.node.chain.state.height > head + 2);
    assert.deepEqual(bench.fatal, []);
    await bench.node.stop();
  });

  it('signs nothing up to where it was, when its blocks are lost as well', async () => {
    const bench = await stoppedAt(8);
    const last = await readLastSigned(bench.files, 'state');
    await rollback(bench.kv, BACK_TO);
    const batch = bench.kv.batch();
    batch.delete(rowKeyOf(ROW.commit, BACK_TO + 1));
    await batch.write({ sync: true });
    await bench.start();
    assert.equal(bench.node.chain.state.height, BACK_TO);
    assert.ok(bench.node.engine.mutedHeight >= (last?.height as number));
    const before = signed(bench);
    await bench.run(60_000);
    assert.equal(signed(bench), before);
    assert.equal(bench.node.chain.state.height, BACK_TO, 'a chain of one waits for ever');
    assert.deepEqual(await readLastSigned(bench.files, 'state'), last);
    await bench.node.stop();
  });
});
