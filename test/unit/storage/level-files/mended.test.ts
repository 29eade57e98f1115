import assert from 'node:assert/strict';
import { readdirSync, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BlockStore } from '#storage/block-store.ts';
import { keptBlock } from '#storage/kept-blocks.ts';
import { openLevel } from '#storage/level.ts';
import { MemoryKeyValue } from '#storage/memory.ts';
import { encodeBlock } from '#types/block.ts';
import { eventfulChain } from '../../../support/decided-chain.ts';
import { flipIn } from '../../../support/flip-trials.ts';

const HEIGHTS = 6;

describe('a block in a damaged table', () => {
  let path: string;

  beforeEach(async () => {
    path = await mkdtemp(join(tmpdir(), 'bizra-mended-'));
  });

  afterEach(() => rm(path, { recursive: true }));

  it('is refused, and found once it was put again', async () => {
    const memory = new MemoryKeyValue();
    const whole = (await eventfulChain(memory, HEIGHTS)).blockStore;
    const first = await openLevel(path);
    await eventfulChain(first, HEIGHTS);
    await first.close();
    // Its log becomes a table.
    await (await openLevel(path)).close();
    const name = readdirSync(path).findLast((file) => file.endsWith('.ldb')) as string;
    // Blocks come first.
    flipIn(path, { name, at: Math.min(600, statSync(join(path, name)).size), bit: 3 });
    const kv = await openLevel(path, { startBytes: 0, cacheBytes: 0 });
    try {
      const store = await BlockStore.open(kv);
      const damaged = Array.from({ length: HEIGHTS }, (_, i) => i + 1).filter((height) => {
        try {
          store.block(height);
          return false;
        } catch (error) {
          assert.equal((error as { code?: unknown }).code, 'damaged');
          return true;
        }
      });
      assert.ok(damaged.length > 0);
      const batch = kv.batch();
      for (const height of damaged) {
        const meta = whole.meta(height);
        const kept = keptBlock(memory, height);
        assert.ok(meta !== undefined && kept !== undefined);
        const { block, commit, appHash } = kept;
        store.putAgain(batch, {
          height,
          blockId: meta.blockId,
          block,
          blockBytes: encodeBlock(block),
          commit,
          appHash,
        });
      }
      await batch.write({ sync: true });
      for (let height = 1; height <= HEIGHTS; height++) assert.deepEqual(store.block(height), whole.block(height));
    } finally {
      await kv.close();
    }
  });
});
