import assert from 'node:assert/strict';
import { type KeptHeights, PruneCompaction } from '#node/prune-compaction.ts';
import { MemoryKeyValue } from '#storage/memory.ts';

const KEPT: KeptHeights = { blockBase: 50, stateBase: 60, blocks: 100, states: 100 };
const MANY_BYTES = 20_000_000;

interface Rig {
  readonly compaction: PruneCompaction;
  /** First and last byte of the keys of each range, and its space. */
  readonly ranges: { readonly space: string; readonly from: Uint8Array; readonly to: Uint8Array }[];
  /** Ends the one that is under way. */
  finish(): Promise<void>;
}

function rig(): Rig {
  const ranges: Rig['ranges'] = [];
  const waiting: (() => void)[] = [];
  const compact = (from: Uint8Array, to: Uint8Array): Promise<void> => {
    const isKind = from[0] === 0x62 || from[0] === 0x69;
    ranges.push({ space: String.fromCharCode(...from.subarray(0, isKind ? 2 : 1)), from, to });
    return new Promise((resolve) => void waiting.push(resolve));
  };
  const kv = Object.assign(new MemoryKeyValue(), { compact });
  const finish = async (): Promise<void> => {
    while (waiting.length > 0) {
      waiting.shift()?.();
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  return { compaction: new PruneCompaction(kv), ranges, finish };
}

const fail = (error: unknown): void => assert.fail(String(error));
const spaces = ({ ranges }: Rig): string[] => ranges.splice(0).map(({ space }) => space);

describe('PruneCompaction', () => {
  it('begins when enough was deleted, and not before', () => {
    const made = rig();
    made.compaction.blockDeleted(99_000, 1_000_000);
    made.compaction.stateDeleted(99_000);
    made.compaction.begin(KEPT, fail);
    assert.deepEqual(spaces(made), []);
    made.compaction.blockDeleted(1, MANY_BYTES);
    made.compaction.begin(KEPT, fail);
    assert.deepEqual(spaces(made), ['bb']);
  });

  it('gives back blocks, results and lists below the bases, from where it was before', async () => {
    const made = rig();
    for (const blockBase of [50, 80]) {
      made.compaction.blockDeleted(1, MANY_BYTES);
      made.compaction.begin({ ...KEPT, blockBase, stateBase: blockBase }, fail);
      await made.finish();
    }
    const heights = made.ranges.map(({ space, from, to }) => [space, from.at(-1), to.at(-1)]);
    assert.deepEqual(heights, [
      ['bb', 0, 50],
      ['br', 0, 50],
      ['c', 0, 50],
      ['bb', 50, 80],
      ['br', 50, 80],
      ['c', 50, 80],
    ]);
  });

  it('rewrites the rows that begin with a hash in parts, as large as what is alive asks for, all of them in a round', async () => {
    for (const [blocks, rounds] of [
      [1, 1],
      [8, 8],
      [1_000_000, 256],
    ] as const) {
      const made = rig();
      const covered = new Set<number>();
      for (let round = 0; round < rounds; round++) {
        made.compaction.blockDeleted(100_000, 0);
        made.compaction.begin({ ...KEPT, blocks }, fail);
        await made.finish();
        for (const { space, from, to } of made.ranges.splice(0)) {
          if (space !== 'it') continue;
          for (let byte = from[2] as number; byte <= (to[2] as number); byte++) covered.add(byte);
        }
        assert.equal(covered.size, ((round + 1) * 256) / rounds);
      }
    }
  });

  it('rewrites undo rows when half as many are dead as are alive', async () => {
    const made = rig();
    const states = 10;
    for (let deleted = 1; deleted < 5; deleted++) {
      made.compaction.stateDeleted(100_000);
      made.compaction.begin({ ...KEPT, states }, fail);
      assert.deepEqual(spaces(made), [], 'of a million');
    }
    made.compaction.stateDeleted(100_000);
    made.compaction.begin({ ...KEPT, states }, fail);
    assert.deepEqual(spaces(made), ['u']);
    await made.finish();
  });

  it('does one at a time, and none any more after it was stopped', async () => {
    const made = rig();
    made.compaction.blockDeleted(100_000, MANY_BYTES);
    made.compaction.begin(KEPT, fail);
    made.compaction.blockDeleted(100_000, MANY_BYTES);
    made.compaction.begin(KEPT, fail);
    assert.deepEqual(spaces(made), ['bb']);
    const stopped = made.compaction.stop();
    await made.finish();
    await stopped;
    made.compaction.begin(KEPT, fail);
    assert.deepEqual(spaces(made), []);
  });

  it('says what went wrong, and goes on', async () => {
    const kv = new MemoryKeyValue();
    kv.compact = () => Promise.reject(new Error('the disk is full'));
    const compaction = new PruneCompaction(kv);
    const errors: unknown[] = [];
    for (let i = 0; i < 2; i++) {
      compaction.blockDeleted(1, MANY_BYTES);
      compaction.begin(KEPT, (error) => void errors.push(error));
      await compaction.whenDone();
    }
    assert.equal(errors.length, 2);
  });
});
