import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RealClock } from '#node/real-clock.ts';
import { SnapshotStore } from '#node/snapshot-store.ts';
import { Snapshots } from '#node/snapshots.ts';
import type { Timer } from '#ports/clock.ts';
import { compress } from '#storage/compression.ts';
import { NodeDirectories } from '#storage/node-directories.ts';
import { NodeFiles } from '#storage/node-files.ts';
import { MachineError } from '#util/errors.ts';
import { entries } from '../state/snapshot/support.ts';
import { ModelledState } from '../state/support.ts';

/** Each look at it is a slice of work later. Timers wait until somebody fires them. */
class SteppingClock extends RealClock {
  private looks = 0;
  private readonly timers = new Set<() => void>();

  override setTimer(_delayMs: number, fire: () => void): Timer {
    this.timers.add(fire);
    return { cancel: () => void this.timers.delete(fire) };
  }

  fireTimers(): void {
    for (const fire of this.timers) fire();
  }

  override monotonicMs(): number {
    return this.looks++;
  }
}

class Running {
  readonly lines: string[] = [];
  readonly fatal: unknown[] = [];
  urgent: Promise<void> | undefined;
  failure: Error | undefined;
  readonly clock = new SteppingClock();
  private readonly modelled: ModelledState;
  readonly store: SnapshotStore;
  readonly snapshots: Snapshots;

  private constructor(
    modelled: ModelledState,
    store: SnapshotStore,
    options: { interval: number; keepRecent: number },
  ) {
    this.modelled = modelled;
    this.store = store;
    this.snapshots = new Snapshots(
      {
        store,
        state: modelled.state,
        clock: this.clock,
        logger: loggerTo(this.lines),
        moreUrgent: () => this.urgent,
        onFatal: (error) => void this.fatal.push(error),
      },
      options,
    );
  }

  static async start(path: string, options: { interval: number; keepRecent: number }): Promise<Running> {
    const modelled = await ModelledState.start(entries('bank', 2_000));
    let running: Running | undefined;
    const store = await SnapshotStore.open(
      {
        files: new NodeFiles(),
        directories: new NodeDirectories(),
        logger: loggerTo([]),
        compress: async (bytes) => {
          if (running?.failure !== undefined) throw running.failure;
          return compress(bytes);
        },
      },
      path,
    );
    running = new Running(modelled, store, options);
    return running;
  }

  async block(): Promise<void> {
    await this.modelled.block(entries('acc', 3, 1 + this.modelled.state.height));
    this.snapshots.applied(this.modelled.state.height);
  }

  /** Until the making under way has ended. */
  async settled(): Promise<void> {
    await this.snapshots.idle();
  }

  heights(): number[] {
    return this.store.list().map(({ height }) => height);
  }
}

function loggerTo(lines: string[]) {
  const logger = {
    debug: () => {},
    info: (message: string) => void lines.push(message),
    warn: (message: string) => void lines.push(message),
    error: (message: string) => void lines.push(message),
    enabled: () => true,
    child: () => logger,
  };
  return logger;
}

describe('Snapshots', () => {
  let path: string;

  beforeEach(async () => {
    path = await mkdtemp(join(tmpdir(), 'snapshots-'));
  });
  afterEach(() => rm(path, { recursive: true, force: true }));

  it('are made at multiples of the interval, and the recent ones stay', async () => {
    const running = await Running.start(path, { interval: 3, keepRecent: 2 });
    for (let i = 0; i < 14; i++) {
      await running.block();
      await running.settled();
    }
    assert.deepEqual(running.heights(), [12, 9]);
    assert.ok(running.lines.every((line) => line === 'snapshot'));
  });

  it('snapshot-failure-visible: an interval of 0 makes none', async () => {
    const running = await Running.start(path, { interval: 0, keepRecent: 1 });
    for (let i = 0; i < 5; i++) await running.block();
    await running.settled();
    assert.deepEqual(running.heights(), []);
    assert.deepEqual(running.lines, []);
  });

  it('that were asked for stay until they are deleted', async () => {
    const running = await Running.start(path, { interval: 2, keepRecent: 1 });
    await running.block();
    assert.equal((await running.snapshots.create()).height, 1);
    for (let i = 0; i < 5; i++) {
      await running.block();
      await running.settled();
    }
    assert.deepEqual(running.heights(), [6, 1]);
    await running.snapshots.delete(1);
    await assert.rejects(running.snapshots.delete(1), { code: 'snapshot_missing' });
    assert.deepEqual(running.heights(), [6]);
  });

  it('are made one at a time, while blocks go on', async () => {
    const running = await Running.start(path, { interval: 2, keepRecent: 5 });
    const urgent = Promise.withResolvers<void>();
    running.urgent = urgent.promise;
    for (let i = 0; i < 5; i++) await running.block();
    await assert.rejects(running.snapshots.create(), { code: 'snapshot_busy' });
    running.urgent = undefined;
    urgent.resolve();
    await running.settled();
    assert.deepEqual(running.heights(), [2]);
    assert.deepEqual(running.lines, ['no snapshot: the one before it is not finished', 'snapshot']);
    await running.block();
    await running.settled();
    assert.deepEqual(running.heights(), [6, 2]);
  });

  it('are made, slowly, while the chain is never idle', async () => {
    const running = await Running.start(path, { interval: 1, keepRecent: 5 });
    running.urgent = new Promise(() => {});
    await running.block();
    let waits = 0;
    const settled = running.settled();
    for (let done = false; !done; ) {
      void settled.then(() => {
        done = true;
      });
      await running.clock.yield();
      running.clock.fireTimers();
      waits++;
    }
    assert.ok(waits > 5);
    assert.deepEqual(running.heights(), [1]);
  });

  it('that fail are told, and the next one is made', async () => {
    const running = await Running.start(path, { interval: 1, keepRecent: 5 });
    running.failure = new MachineError('io_failed', 'no space left');
    await running.block();
    await running.settled();
    assert.deepEqual(running.lines, ['a snapshot failed']);
    assert.deepEqual(running.heights(), []);
    running.failure = undefined;
    await running.block();
    await running.settled();
    assert.deepEqual(running.heights(), [2]);
    assert.deepEqual(running.fatal, []);
  });

  it('end when the node stops, and leave nothing', async () => {
    const running = await Running.start(path, { interval: 1, keepRecent: 5 });
    const urgent = Promise.withResolvers<void>();
    running.urgent = urgent.promise;
    await running.block();
    const stopped = running.snapshots.stop();
    running.urgent = undefined;
    urgent.resolve();
    await stopped;
    await assert.rejects(running.snapshots.create(), { code: 'snapshot_busy' });
    assert.deepEqual(running.heights(), []);
    assert.deepEqual(await new NodeFiles().list(path), []);
    assert.deepEqual(running.lines, []);
  });
});
