import assert from 'node:assert/strict';
import { SavedTree } from '#node/saved-tree.ts';
import { leafKey, leafPrefix } from '#state/rows.ts';
import { State } from '#state/state.ts';
import { SILENT_LOGGER } from '#telemetry/logger.ts';
import { MachineError } from '#util/errors.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { MemoryStreamedFile } from '../state/memory-streamed-file.ts';
import { ModelledState } from '../state/support.ts';

const bytes = (...values: number[]) => Uint8Array.from(values);
const INTERVAL_MS = 1_000;

describe('SavedTree', () => {
  let modelled: ModelledState;
  let clock: ManualClock;
  let file: MemoryStreamedFile;
  let faults: unknown[];
  let height: number;

  const make = (leavesMin = 1): SavedTree =>
    new SavedTree(
      { file, state: modelled.state, clock, logger: SILENT_LOGGER, onFatal: (error) => void faults.push(error) },
      { leavesMin, saveIntervalMs: INTERVAL_MS },
    );

  const block = async (): Promise<void> => modelled.block([['bank', bytes(2), bytes(++height)]]);

  /** Height of the saved tree. */
  const saved = async (): Promise<number | undefined> =>
    (await State.open(modelled.kv, { treeCopy: file })).savedHeight;

  const reopen = async (): Promise<void> => {
    modelled.state = await State.open(modelled.kv, { treeCopy: file });
  };

  beforeEach(async () => {
    modelled = await ModelledState.start([
      ['bank', bytes(2), bytes(20)],
      ['bank', bytes(3), bytes(30)],
    ]);
    clock = new ManualClock();
    file = new MemoryStreamedFile();
    faults = [];
    height = 0;
  });

  it('saves at once where there was none, then once in an interval, then at the end', async () => {
    const tree = make();
    tree.start();
    for (const [spent, expected] of [
      [0, 1],
      [INTERVAL_MS - 1, 1],
      [1, 3],
    ] as const) {
      clock.spend(spent);
      await block();
      tree.applied();
      await tree.idle();
      assert.equal(await saved(), expected);
    }
    await block();
    await tree.stop({ save: true });
    assert.equal(await saved(), 4);
    assert.deepEqual(faults, []);
  });

  it('writes nothing for a small tree, for one that is saved, or after a fault of the machine', async () => {
    const small = make(100);
    small.applied();
    await small.stop({ save: true });
    await make().stop({ save: false });
    assert.equal(file.bytes, undefined);
    await make().stop({ save: true });
    file.replace = async () => assert.fail('it is saved');
    await make().stop({ save: true });
    assert.deepEqual(faults, []);
  });

  it('verifies the stored leaves after a start from a copy, and ends the node when one is damaged', async () => {
    await make().stop({ save: true });
    await reopen();
    const good = make();
    good.start();
    await good.idle();
    assert.deepEqual(faults, []);
    const batch = modelled.kv.batch();
    batch.delete(leafKey(leafPrefix('bank'), bytes(3)));
    await batch.write({ sync: true });
    await reopen();
    const bad = make();
    bad.start();
    await bad.idle();
    assert.deepEqual(
      faults.map((fault) => (fault as MachineError).code),
      ['state_corrupt'],
    );
  });

  it('does not verify what it has just read', async () => {
    modelled.kv.snapshot = () => assert.fail('there is nothing to verify');
    make().start();
    assert.deepEqual(faults, []);
  });

  it('a copy that cannot be written is missing, and that is all', async () => {
    file.replace = async () => {
      throw new MachineError('io_failed', 'the disk is full');
    };
    const tree = make();
    tree.applied();
    await tree.stop({ save: true });
    assert.deepEqual(faults, []);
  });

  it('ends what it saves in the background when the node stops', async () => {
    await block();
    const tree = make();
    const { state } = modelled;
    const saveTree = state.saveTree.bind(state);
    state.saveTree = (copy, pause) =>
      saveTree(
        {
          read: () => copy.read(),
          replace: async () => {
            // As if a millisecond had passed with each look at the clock, until somebody stops it.
            for (;;) {
              clock.spend(1);
              await pause();
            }
          },
        },
        pause,
      );
    tree.applied();
    const stopped = tree.stop({ save: false });
    clock.advance(10);
    await stopped;
    assert.equal(file.bytes, undefined);
    assert.deepEqual(faults, []);
  });
});
