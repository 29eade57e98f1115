import assert from 'node:assert/strict';
import { setTimeout as wait } from 'node:timers/promises';
import { HELD_BYTES_MAX, Scrub } from '#storage/level-files/scrub.ts';
import type { TableGuard } from '#storage/level-files/table-guard.ts';
import type { TableFile } from '#storage/level-files/version-edit.ts';

const MEGABYTE = 1024 * 1024;
const LIVE_BLOCKS = 10_000;
const MERGED_BLOCKS = 2_000;

/** As much of a guard as is needed: one large live table, and merged ones that come when the test says so. */
class StandIn {
  readonly steps: { readonly number: number; readonly blocks: number }[] = [];
  readonly merged: TableFile[] = [];
  readonly live = table(1, 8);
  damaged = 0;

  refresh(): void {}

  liveTables(): TableFile[] {
    return [this.live];
  }

  has(): boolean {
    return true;
  }

  nextMerged(damaged: ReadonlySet<number>): TableFile | undefined {
    return this.merged.find(({ number }) => !damaged.has(number));
  }

  heldBytes(damaged: ReadonlySet<number>): number {
    return this.merged.reduce((bytes, { number, size }) => bytes + (damaged.has(number) ? 0 : size), 0);
  }

  verifyPart({ number }: TableFile, first: number, blocks: number): number | undefined {
    if (number === this.damaged) throw new Error('damaged');
    this.steps.push({ number, blocks });
    const next = first + blocks;
    return next < (number === 1 ? LIVE_BLOCKS : MERGED_BLOCKS) ? next : undefined;
  }

  release({ number }: TableFile): void {
    this.merged.splice(
      this.merged.findIndex((other) => other.number === number),
      1,
    );
  }
}

function table(number: number, megabytes: number): TableFile {
  return { number, level: 1, size: megabytes * MEGABYTE, smallest: undefined, largest: undefined };
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await wait(5);
}

describe('Scrub', () => {
  let guard: StandIn;
  let scrub: Scrub;
  const errors: string[] = [];

  beforeEach(() => {
    guard = new StandIn();
    errors.length = 0;
    scrub = new Scrub(guard as unknown as TableGuard, (error) => void errors.push(error.message));
  });

  afterEach(() => scrub.stop());

  it('verifies merged tables before the next step of a live one', async () => {
    await until(() => guard.steps.length > 0);
    guard.merged.push(table(2, 8));
    await until(() => guard.merged.length === 0);
    const live = guard.steps.filter(({ number }) => number === 1);
    assert.ok(live.length <= 2, `${live.length} steps of the live table came before`);
  });

  it('takes longer steps the more bytes wait, and then shorter ones again', async () => {
    for (let number = 2; number < 14; number++) guard.merged.push(table(number, 8));
    await until(() => guard.merged.length === 0);
    const blocks = guard.steps.filter(({ number }) => number > 1).map((step) => step.blocks);
    const [first = 0, last = 0] = [blocks[0], blocks.at(-1)];
    assert.ok(first === 8 * last && last === 128, `${first} ${last}`);
  });

  it('lets compactions wait while more bytes are held than may be, but not for what is damaged', async () => {
    guard.damaged = 3;
    guard.merged.push(table(2, HELD_BYTES_MAX / MEGABYTE), table(3, 1));
    let isRoom = false;
    const room = scrub.whenRoom().then(() => {
      isRoom = true;
    });
    await wait(60);
    assert.equal(isRoom, false);
    await until(() => guard.merged.length === 1);
    await room;
    await until(() => errors.length > 0);
    guard.merged.push(table(4, HELD_BYTES_MAX / MEGABYTE));
    await until(() => guard.merged.length === 1);
    await scrub.whenRoom();
    assert.deepEqual(errors, ['Error: damaged']);
  });

  it('goes on when the name of a table that it verified cannot be removed', async () => {
    const release = guard.release.bind(guard);
    guard.release = (released) => {
      release(released);
      if (released.number === 2) throw new Error('read-only');
    };
    guard.merged.push(table(2, 1), table(3, HELD_BYTES_MAX / MEGABYTE + 1));
    await scrub.whenRoom();
    assert.deepEqual(guard.merged, []);
    assert.deepEqual(errors, ['Error: read-only']);
  });

  it('lets nobody wait when it is stopped', async () => {
    guard.damaged = 2;
    guard.nextMerged = () => undefined;
    guard.merged.push(table(2, 1_000));
    const room = scrub.whenRoom();
    await scrub.stop();
    await room;
  });
});
