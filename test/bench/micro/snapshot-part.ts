import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { workSlice } from '#engine/work-slice.ts';
import { RealClock } from '#node/real-clock.ts';
import { SnapshotStore } from '#node/snapshot-store.ts';
import { Snapshots } from '#node/snapshots.ts';
import type { KeyValue } from '#ports/key-value.ts';
import type { SnapshotInfo } from '#state/snapshot/archive.ts';
import { SnapshotImport } from '#state/snapshot/import.ts';
import { CHUNK_BYTES_MAX } from '#state/snapshot/limits.ts';
import { decodeManifest } from '#state/snapshot/manifest.ts';
import { State } from '#state/state.ts';
import type { ChangeSet } from '#state/store.ts';
import { compress, decompress } from '#storage/compression.ts';
import { openLevel } from '#storage/level.ts';
import { NodeDirectories } from '#storage/node-directories.ts';
import { NodeFiles } from '#storage/node-files.ts';
import { parseLogLevels } from '#telemetry/log-levels.ts';
import { createLogger } from '#telemetry/logger.ts';
import type { BenchContext } from '../context.ts';
import type { Section } from '../report.ts';
import { changesOf, fillState, LEAVES_PER_ACCOUNT } from '../state/made-state.ts';

const BLOCK_INTERVAL_MS = 250;
/** A thousand transfers a second. */
const LEAVES_PER_BLOCK = 1_000;
const BLOCKS_ALONE = 40;
const MICROS_PER_SECOND = 1e6;
const NANOS_PER_MILLI = 1e6;
const BYTES_PER_MEGABYTE = 1e6;
const MILLIS_PER_SECOND = 1e3;

interface Timed<T> {
  readonly result: T;
  readonly seconds: number;
  /** Of this process, all its threads. */
  readonly cpuSeconds: number;
  /** The longest time between two turns of the event loop, beyond the millisecond at which it is looked at. */
  readonly stepMs: number;
  /** Of the whole process, the most while it ran. */
  readonly megabytes: number;
}

interface SizeFigures {
  readonly leaves: number;
  /** Milliseconds of blocks with nothing beside them, and while the snapshot was made. */
  readonly alone: readonly number[];
  readonly beside: readonly number[];
  readonly made: Timed<SnapshotInfo>;
  readonly imported: Timed<void>;
  readonly opened: Timed<void>;
}

async function timed<T>(work: () => Promise<T>): Promise<Timed<T>> {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  const startMs = performance.now();
  const startCpu = process.cpuUsage();
  delay.enable();
  const result = await work();
  delay.disable();
  const { user, system } = process.cpuUsage(startCpu);
  return {
    result,
    seconds: (performance.now() - startMs) / MILLIS_PER_SECOND,
    cpuSeconds: (user + system) / MICROS_PER_SECOND,
    stepMs: delay.max / NANOS_PER_MILLI - 1,
    megabytes: process.memoryUsage.rss() / BYTES_PER_MEGABYTE,
  };
}

async function withDatabase<T>(path: string, use: (kv: KeyValue) => Promise<T>): Promise<T> {
  const kv = await openLevel(path);
  try {
    return await use(kv);
  } finally {
    await kv.close();
  }
}

async function openStore(path: string): Promise<SnapshotStore> {
  const levels = parseLogLevels('none');
  const logger = createLogger({ sink: () => undefined, timestamp: () => '' }, { format: 'text', levels }, 'bench');
  return SnapshotStore.open({ files: new NodeFiles(), directories: new NodeDirectories(), logger, compress }, path);
}

/** A node's chain as far as its state is concerned: changes leaves and writes them, one height after the other. */
class Blocks {
  readonly state: State;
  busy: Promise<void> | undefined;
  private readonly kv: KeyValue;
  private readonly accounts: number;

  constructor(kv: KeyValue, state: State, accounts: number) {
    this.kv = kv;
    this.state = state;
    this.accounts = accounts;
  }

  /** Milliseconds of each block; one is begun every `BLOCK_INTERVAL_MS` until `isOver`. */
  async run(isOver: (blocks: number) => boolean): Promise<number[]> {
    const times: number[] = [];
    while (!isOver(times.length)) {
      const height = this.state.height + 1;
      const changes = changesOf(this.accounts, LEAVES_PER_BLOCK, height);
      const startMs = performance.now();
      const done = Promise.withResolvers<void>();
      this.busy = done.promise;
      await this.apply(height, changes);
      this.busy = undefined;
      done.resolve();
      times.push(performance.now() - startMs);
      await delay(Math.max(0, startMs + BLOCK_INTERVAL_MS - performance.now()));
    }
    return times;
  }

  private async apply(height: number, changes: ChangeSet): Promise<void> {
    const staged = await this.state.stage(height, changes);
    const batch = this.kv.batch();
    this.state.write(batch, staged);
    await batch.write({ sync: true });
    this.state.publish(staged);
  }
}

type MadeFigures = Pick<SizeFigures, 'made' | 'alone' | 'beside'>;

/** First with nothing beside it, then beside blocks, each of which goes first. */
async function makeSnapshots(kv: KeyValue, store: SnapshotStore, accounts: number): Promise<MadeFigures> {
  const clock = new RealClock();
  const state = await State.open(kv, { pause: () => clock.yield() });
  const levels = parseLogLevels('none');
  const logger = createLogger({ sink: () => undefined, timestamp: () => '' }, { format: 'text', levels }, 'bench');
  const blocks = new Blocks(kv, state, accounts);
  const parts = { store, state, clock, logger, moreUrgent: () => blocks.busy, onFatal: () => undefined };
  const snapshots = new Snapshots(parts, { interval: 0, keepRecent: 1 });
  const made = await timed(() => snapshots.create());
  const alone = await blocks.run((count) => count === BLOCKS_ALONE);
  let over = false;
  const second = snapshots.create().finally(() => {
    over = true;
  });
  const beside = await blocks.run(() => over);
  await second;
  return { made, alone, beside };
}

async function importSnapshot(kv: KeyValue, store: SnapshotStore, height: number): Promise<void> {
  const manifest = decodeManifest((await store.manifest(height)) as Uint8Array);
  const running = await SnapshotImport.begin(kv, manifest, { pause: workSlice(new RealClock()) });
  for (const index of running.missing()) {
    const chunk = await decompress((await store.chunk(height, index)) as Uint8Array, CHUNK_BYTES_MAX);
    await running.add(index, chunk as Uint8Array);
  }
  await running.finish();
}

async function measureSize(directory: string, leaves: number): Promise<SizeFigures> {
  const source = join(directory, `source-${leaves}`);
  await withDatabase(source, (kv) => fillState(kv, leaves / LEAVES_PER_ACCOUNT));
  const store = await openStore(join(directory, `snapshots-${leaves}`));
  const figures = await withDatabase(source, (kv) => makeSnapshots(kv, store, leaves / LEAVES_PER_ACCOUNT));
  const { made } = figures;
  await rm(source, { recursive: true });
  const target = join(directory, `target-${leaves}`);
  const imported = await withDatabase(target, (kv) => timed(() => importSnapshot(kv, store, made.result.height)));
  const clock = new RealClock();
  const opened = await withDatabase(target, (kv) =>
    timed(async () => void (await State.open(kv, { pause: () => clock.yield() }))),
  );
  await rm(target, { recursive: true });
  return { leaves, ...figures, imported, opened };
}

export async function snapshotPart({ quick, large, progress }: BenchContext): Promise<Section> {
  const directory = await mkdtemp(join(tmpdir(), 'bizra-bench-'));
  const figures: SizeFigures[] = [];
  try {
    const sizes = quick ? [100_000] : [100_000, 1_000_000, ...(large ? [10_000_000] : [])];
    for (const leaves of sizes) {
      progress(`snapshot of ${leaves} leaves`);
      const measured = await measureSize(directory, leaves);
      figures.push(measured);
      progress(`${measured.made.seconds.toFixed(1)} s to make it`);
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
  return section(figures);
}

function quantiles(times: readonly number[]): number[] {
  const sorted = times.toSorted((a, b) => a - b);
  return [0.5, 0.95, 1].map((part) => sorted[Math.ceil(part * sorted.length) - 1] ?? 0);
}

function section(figures: readonly SizeFigures[]): Section {
  const row = (leaves: number, { seconds, cpuSeconds, stepMs, megabytes }: Timed<unknown>): number[] => [
    leaves,
    seconds,
    cpuSeconds,
    (cpuSeconds * MICROS_PER_SECOND) / leaves,
    stepMs,
    megabytes,
  ];
  const columns = ['leaves', 'seconds', 'CPU s', 'CPU us/leaf', 'longest wait ms', 'memory MB'];
  return {
    name: 'snapshot',
    notes: [
      'Accounts and their balances in LevelDB, read in the order of their hashes, checked, hashed again, compressed and written with fsync; CPU of all threads of the process.',
      'The longest wait is that of the event loop: how long a vote could have been kept waiting. Memory is that of the whole process with the tree in it.',
    ],
    tables: [
      { title: 'Making a snapshot', columns, rows: figures.map(({ leaves, made }) => row(leaves, made)) },
      {
        title: 'Its size',
        columns: ['leaves', 'chunks', 'MB', 'MB compressed', 'compressed bytes/leaf'],
        rows: figures.map(({ leaves, made: { result } }) => [
          leaves,
          result.chunks,
          result.bytes / BYTES_PER_MEGABYTE,
          result.storedBytes / BYTES_PER_MEGABYTE,
          result.storedBytes / leaves,
        ]),
      },
      {
        title: `Blocks of ${LEAVES_PER_BLOCK} changed leaves every ${BLOCK_INTERVAL_MS} ms: from the changes to the disk, in ms`,
        columns: ['leaves', 'beside', 'blocks', 'p50', 'p95', 'max'],
        rows: figures.flatMap(({ leaves, alone, beside }) => [
          [leaves, 'nothing', alone.length, ...quantiles(alone)],
          [leaves, 'a snapshot', beside.length, ...quantiles(beside)],
        ]),
      },
      { title: 'Importing it', columns, rows: figures.map(({ leaves, imported }) => row(leaves, imported)) },
      { title: 'Opening what was imported', columns, rows: figures.map(({ leaves, opened }) => row(leaves, opened)) },
    ],
  };
}
