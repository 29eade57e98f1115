import assert from 'node:assert/strict';
import { InlineVerifier } from '#crypto/verifier.ts';
import { makeBody } from '#engine/body.ts';
import { BlockRepair } from '#node/block-repair.ts';
import type { FetchedBody } from '#node/sync-adapter.ts';
import { ROW, rowKey } from '#storage/block-rows.ts';
import { BlockStore } from '#storage/block-store.ts';
import { SILENT_LOGGER } from '#telemetry/logger.ts';
import { decodeBlock } from '#types/block.ts';
import { settle } from '../../sim/time/scheduler.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { NodeBench } from '../engine/bench.ts';

const HEIGHT = 2;

describe('a stored block that turns out to be damaged', () => {
  /** A chain whose block 2 is damaged, and what peers may answer. */
  async function damagedChain() {
    const bench = await new NodeBench(1).install();
    await bench.start();
    await bench.run(20_000, () => bench.node.chain.state.height >= 4);
    await bench.node.engine.stop();
    const { chain } = bench.node;
    const blockStore = await BlockStore.open(bench.kv);
    const fetched = (height: number): FetchedBody => {
      const bytes = blockStore.blockBytes(height);
      const commit = blockStore.commit(height);
      assert.ok(bytes !== undefined && commit !== undefined);
      return { height, size: bytes.length, body: makeBody(decodeBlock(bytes)), commit };
    };
    const good = fetched(HEIGHT);
    await damage(bench, ROW.block, [HEIGHT]);

    const asked: string[] = [];
    const blamed: string[] = [];
    const errors: string[] = [];
    const answers = new Map<string, FetchedBody>();
    const fatal: unknown[] = [];
    const repair = new BlockRepair({
      kv: bench.kv,
      chain,
      blockStore,
      peers: {
        heads: () => [...answers.keys()].map((peer) => ({ peer, base: 1, head: 4 })),
        fetch: async (peer) => {
          asked.push(peer);
          return [answers.get(peer) as FetchedBody];
        },
        blame: (peer) => void blamed.push(peer),
      },
      verifier: new InlineVerifier(),
      clock: new ManualClock(),
      logger: { ...SILENT_LOGGER, error: (message) => void errors.push(message) },
      onFatal: (error) => void fatal.push(error),
    });
    const read = () => repair.read(HEIGHT, () => blockStore.blockBytes(HEIGHT));
    return { bench, blockStore, good, answers, asked, blamed, errors, fatal, read };
  }

  async function damage(bench: NodeBench, kind: number, heights: readonly number[]): Promise<void> {
    for (const height of heights) {
      const key = rowKey(kind, height);
      const row = bench.kv.get(key)?.slice();
      if (row === undefined) continue;
      row[row.length >> 1] = (row[row.length >> 1] as number) ^ 1;
      const batch = bench.kv.batch();
      batch.put(key, row);
      await batch.write({ sync: true });
    }
  }

  it('is an error for who asked, and is fetched from a peer that has the one which was signed', async () => {
    const { read, good, answers, blamed, fatal, asked } = await damagedChain();
    const signatures = good.commit.signatures.map((entry) => ({ ...entry, signature: new Uint8Array(64).fill(1) }));
    answers.set('liar', { ...good, commit: { ...good.commit, signatures } });
    answers.set('honest', good);
    assert.throws(read, { code: 'damaged' });
    await settle();
    assert.deepEqual(read(), good.body.bytes);
    assert.deepEqual([asked, blamed, fatal], [['liar', 'honest'], ['liar'], []]);
  });

  const besides: Readonly<Record<string, readonly [kind: number, heights: readonly number[]]>> = {
    'who signed it': [ROW.validators, [1, HEIGHT]],
    'what the state after it was': [ROW.meta, [HEIGHT + 1]],
  };
  for (const [what, [kind, heights]] of Object.entries(besides)) {
    it(`stays damaged, and the node goes on, where it is damaged, too, ${what}`, async () => {
      const { bench, read, good, answers, asked, errors, fatal } = await damagedChain();
      await damage(bench, kind, heights);
      answers.set('honest', good);
      assert.throws(read, { code: 'damaged' });
      await settle();
      assert.throws(read, { code: 'damaged' });
      assert.deepEqual([asked, fatal], [[], []]);
      assert.equal(errors.length, 2, errors.join());
    });
  }
});
