import assert from 'node:assert/strict';
import { ROW, rowKey } from '#storage/block-rows.ts';
import { KEY_SPACE } from '#storage/key-space.ts';
import { DISK_ERRORS, type DiskTarget } from './disk/disk-faults.ts';
import type { Machine } from './machine/machine.ts';
import type { SimResult, WorldControls } from './world/sim-options.ts';
import { World } from './world/world.ts';

const WITHIN_MS = 30_000;
const ASK = { kind: 'getBlocks', from: 2, count: 1, maxBytes: 1_000_000 } as const;
const TARGETS: readonly (DiskTarget | undefined)[] = [undefined, 'log', 'signer', 'database'];

async function play(script: (controls: WorldControls) => Promise<void>, seed = 1): Promise<SimResult> {
  const result = await new World({ seed, nodes: 4, heights: 0, changing: false, script }).run();
  assert.equal(result.failure, undefined, `${result.tail.join('\n')}\n${result.failure?.stack}`);
  return result;
}

async function reach({ machines, runUntil }: WorldControls, height: number): Promise<void> {
  for (const machine of machines) machine.boot();
  assert.ok(await runUntil(WITHIN_MS, () => machines.every((machine) => machine.height >= height)), `height ${height}`);
}

describe('sim: faults of one disk', function () {
  this.timeout(120_000);

  for (const name of DISK_ERRORS) {
    it(`R15: ${name}: the node stops, signs nothing more, and comes back when the disk is well`, async () => {
      let stops = 0;
      for (const target of TARGETS) {
        const { coverage } = await play(async (controls) => {
          const { machines, runUntil, checkers } = controls;
          const [machine] = machines as [Machine];
          await reach(controls, 2);
          machine.breakDisk(name, target);
          // Three of four go on.
          const others = machines.slice(1);
          const goal = checkers.highest + 3;
          assert.ok(await runUntil(WITHIN_MS, () => others.every(({ height }) => height >= goal)));
          machine.repairDisk();
          await runUntil(3_000, () => machine.isUp && machine.node !== undefined);
          await reach(controls, checkers.highest + 2);
        });
        stops += coverage.get('stopped by its disk') ?? 0;
      }
      assert.ok(stops > 0, 'some of them stopped');
    });
  }

  it('a damaged block is fetched again from peers, and served', async () => {
    await play(async (controls) => {
      const [damaged, asking] = controls.machines as [Machine, Machine];
      const answers: number[] = [];
      for (const kind of [ROW.block, ROW.commit]) {
        await reach(controls, controls.checkers.highest + 4);
        const key = rowKey(kind, ASK.from);
        damaged.corruptDatabase(key);
        const before = answers.length;
        const ask = (): void => {
          const request = asking.node?.network.request(damaged.name, ASK, 1_000);
          request?.then(
            ({ blocks }) => answers.push(blocks.length),
            () => answers.push(0),
          );
        };
        ask();
        await controls.runUntil(1_000, () => answers.length > before);
        await controls.runUntil(1_000, () => false);
        ask();
        await controls.runUntil(1_000, () => answers.length > before + 1);
        assert.deepEqual(answers.slice(before), [0, 1], 'damage is not absence: refused, then served');
      }
    });
  });

  it('a damaged leaf keeps the node from starting; its operator empties it, and it signs again when it may', async () => {
    const { coverage } = await play(async (controls) => {
      const [machine] = controls.machines as [Machine];
      await reach(controls, 4);
      machine.crash('kill');
      assert.ok(machine.corruptDatabase(Uint8Array.of(KEY_SPACE.leaves)));
      await reach(controls, controls.checkers.highest + 3);
    });
    assert.equal(coverage.get('emptied by its operator'), 1);
    assert.ok((coverage.get('stopped by its disk') ?? 0) >= 2, 'it did not start, twice');
  });

  it('a lost height of the log of the database is found at the start', async () => {
    const { coverage } = await play(async (controls) => {
      const [machine] = controls.machines as [Machine];
      await reach(controls, 5);
      machine.crash('kill');
      machine.corruptDatabase(rowKey(ROW.commit, 3), () => undefined);
      await reach(controls, controls.checkers.highest + 3);
    });
    assert.equal(coverage.get('emptied by its operator'), 1);
  });
});
