import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SnapshotStore, type SnapshotStoreComponents } from '#node/snapshot-store.ts';
import type { AppendFile, Directories, Files } from '#ports/files.ts';
import { openChunk } from '#state/snapshot/chunk.ts';
import { SnapshotImport } from '#state/snapshot/import.ts';
import { CHUNK_BYTES_MAX } from '#state/snapshot/limits.ts';
import { decodeManifest, manifestChunks, manifestId } from '#state/snapshot/manifest.ts';
import { State } from '#state/state.ts';
import { compress, decompress } from '#storage/compression.ts';
import { MemoryKeyValue } from '#storage/memory.ts';
import { NodeDirectories } from '#storage/node-directories.ts';
import { NodeFiles } from '#storage/node-files.ts';
import { MachineError } from '#util/errors.ts';
import { NEVER_PAUSE } from '#util/pause.ts';
import { entries } from '../state/snapshot/support.ts';
import { ModelledState } from '../state/support.ts';

/** Lines that were logged as warnings. */
interface Logged {
  readonly logger: SnapshotStoreComponents['logger'];
  readonly warnings: string[];
}

function logged(): Logged {
  const warnings: string[] = [];
  const logger = {
    debug: () => {},
    info: () => {},
    warn: (message: string) => void warnings.push(message),
    error: () => {},
    enabled: () => true,
    child: () => logger,
  };
  return { logger, warnings };
}

/** Fails each step from the `stepsLeft`-th on: a process that dies there does nothing more, not even tidying. */
class DyingDisk implements Directories {
  private readonly real = new NodeDirectories();
  private readonly realFiles = new NodeFiles();
  stepsLeft: number;
  /** Whether one step fails, as a full disk does, or it and all after it. */
  private readonly once: boolean;

  constructor(stepsLeft: number, once: boolean) {
    this.stepsLeft = stepsLeft;
    this.once = once;
  }

  readonly files: Files = {
    read: (path) => this.step(() => this.realFiles.read(path)),
    openAppend: (path) => this.step(async () => this.appendFile(await this.realFiles.openAppend(path))),
    replace: (path, bytes) => this.step(() => this.realFiles.replace(path, bytes)),
    remove: (path) => this.step(() => this.realFiles.remove(path)),
    list: (path) => this.step(() => this.realFiles.list(path)),
    makeDirectory: (path) => this.step(() => this.realFiles.makeDirectory(path)),
  };

  exists(path: string): Promise<boolean> {
    return this.step(() => this.real.exists(path));
  }

  remove(path: string): Promise<void> {
    return this.step(() => this.real.remove(path));
  }

  rename(from: string, to: string): Promise<void> {
    return this.step(() => this.real.rename(from, to));
  }

  syncName(path: string): Promise<void> {
    return this.step(() => this.real.syncName(path));
  }

  private appendFile(file: AppendFile): AppendFile {
    return {
      size: file.size,
      append: (bytes) => this.step(() => file.append(bytes)),
      sync: () => this.step(() => file.sync()),
      close: () => file.close(),
    };
  }

  private async step<T>(work: () => Promise<T>): Promise<T> {
    const left = this.stepsLeft--;
    if (left === 0 || (left < 0 && !this.once)) throw new MachineError('io_failed', 'no space left on the device');
    return work();
  }
}

describe('SnapshotStore', () => {
  let path: string;

  beforeEach(async () => {
    path = await mkdtemp(join(tmpdir(), 'snapshots-'));
  });
  afterEach(() => rm(path, { recursive: true, force: true }));

  const { logger } = logged();
  const open = (components: Partial<SnapshotStoreComponents> = {}) =>
    SnapshotStore.open(
      { files: new NodeFiles(), directories: new NodeDirectories(), logger, compress, ...components },
      path,
    );

  async function make(store: SnapshotStore, state: State) {
    const pinned = state.pin();
    assert.ok(pinned !== undefined);
    try {
      return await store.make(pinned, { pause: NEVER_PAUSE });
    } finally {
      await pinned.release();
    }
  }

  async function modelled(): Promise<ModelledState> {
    const one = await ModelledState.start([...entries('bank', 90, 50_000), ...entries('acc', 700)]);
    await one.block(entries('staking', 5));
    return one;
  }

  async function restored(store: SnapshotStore, height: number): Promise<State> {
    const manifest = decodeManifest((await store.manifest(height)) as Uint8Array);
    const kv = new MemoryKeyValue();
    const running = await SnapshotImport.begin(kv, manifest);
    for (const index of running.missing()) {
      const chunk = await decompress((await store.chunk(height, index)) as Uint8Array, CHUNK_BYTES_MAX);
      await running.add(index, chunk as Uint8Array);
    }
    await running.finish();
    return State.open(kv);
  }

  it('keeps what it made, over a restart, and gives a state back', async () => {
    const { state } = await modelled();
    const info = await make(await open(), state);
    assert.equal(info.height, 1);
    assert.equal(info.leaves, 90 + 700 + 5 + 3);
    assert.ok(info.storedBytes > 0 && info.storedBytes < info.bytes);
    const store = await open();
    assert.deepEqual(store.list(), [info]);
    const manifest = (await store.manifest(1)) as Uint8Array;
    assert.deepEqual(manifestId(manifest), info.id);
    assert.equal(manifestChunks(decodeManifest(manifest)).length, info.chunks);
    assert.deepEqual((await restored(store, 1)).appHash, state.appHash);
    assert.deepEqual(await readdir(path), ['1']);
  });

  it('has nothing at other heights and beyond the last chunk', async () => {
    const store = await open();
    const { chunks } = await make(store, (await modelled()).state);
    assert.equal(await store.manifest(2), undefined);
    assert.equal(await store.chunk(2, 0), undefined);
    for (const index of [-1, chunks, 2 ** 40]) assert.equal(await store.chunk(1, index), undefined);
  });

  it('lists the newest first, and deletes one', async () => {
    const one = await modelled();
    const store = await open();
    await make(store, one.state);
    await one.block(entries('acc', 3, 2));
    await make(store, one.state);
    assert.deepEqual(
      store.list().map(({ height }) => height),
      [2, 1],
    );
    assert.ok(await store.delete(1));
    assert.ok(!(await store.delete(1)));
    assert.deepEqual(await readdir(path), ['2']);
    assert.deepEqual((await open()).list(), store.list());
  });

  it('snapshot-failure-visible: one that fails at any step leaves nothing, and the error reaches the caller', async () => {
    const { state } = await modelled();
    for (let steps = 1; ; steps++) {
      const disk = new DyingDisk(steps, true);
      const store = await open({ files: disk.files, directories: disk });
      disk.stepsLeft = steps;
      const made = await make(store, state).catch((error: unknown) => {
        assert.equal((error as { code?: string }).code, 'io_failed');
        return undefined;
      });
      if (made !== undefined) {
        assert.ok(steps > 20, 'a snapshot takes many steps');
        return;
      }
      assert.deepEqual(store.list(), [], `step ${steps}`);
      assert.deepEqual(await readdir(path), [], `step ${steps}`);
    }
  });

  it('is whole or absent after a process that died at any step', async () => {
    const { state } = await modelled();
    for (let steps = 1; ; steps++) {
      const disk = new DyingDisk(steps, false);
      const store = await open({ files: disk.files, directories: disk });
      disk.stepsLeft = steps;
      const made = await make(store, state).catch(() => undefined);
      const next = await open();
      for (const { height } of next.list()) assert.deepEqual((await restored(next, height)).appHash, state.appHash);
      assert.deepEqual(await readdir(path), next.list().length === 1 ? ['1'] : []);
      await rm(join(path, '1'), { recursive: true, force: true });
      if (made !== undefined) return;
    }
  });

  it('gives nobody a file in which any byte changed', async () => {
    const { state } = await modelled();
    const { chunks } = await make(await open(), state);
    for (const name of ['manifest', '000000', String(chunks - 1).padStart(6, '0')]) {
      const file = join(path, '1', name);
      const bytes = await readFile(file);
      const places = [0, 1, 2, bytes.length >> 1, bytes.length - 4, bytes.length - 1];
      for (const at of places) {
        const { warnings, logger: mine } = logged();
        const store = await open({ logger: mine });
        const changed = Uint8Array.from(bytes);
        changed[at] = (changed[at] as number) ^ 0x10;
        await rm(join(path, '1'), { recursive: true });
        await make(await open(), state);
        await writeFile(file, changed);
        const given = name === 'manifest' ? await store.manifest(1) : await store.chunk(1, Number.parseInt(name, 10));
        assert.equal(given, undefined, `${name} at ${at}`);
        assert.deepEqual(store.list(), []);
        assert.deepEqual(warnings, ['a damaged snapshot was removed']);
        assert.deepEqual(await readdir(path), []);
        await make(await open(), state);
      }
    }
  });

  it('is not there where files are missing, and leaves alone what is not its own', async () => {
    const { state } = await modelled();
    await make(await open(), state);
    await rm(join(path, '1', '000001'));
    await writeFile(join(path, 'notes.txt'), 'mine');
    const { warnings, logger: mine } = logged();
    assert.deepEqual((await open({ logger: mine })).list(), []);
    assert.deepEqual(warnings, ['a damaged snapshot was removed']);
    assert.deepEqual(await readdir(path), ['notes.txt']);
  });

  it('keeps what a disk did not give once: nothing says that it is damaged', async () => {
    const { state } = await modelled();
    const { warnings, logger: mine } = logged();
    const disk = new DyingDisk(Number.MAX_SAFE_INTEGER, true);
    const parts = { files: disk.files, directories: disk, logger: mine };
    const store = await open(parts);
    const info = await make(store, state);
    for (const read of [() => store.manifest(1), () => store.chunk(1, 0)]) {
      disk.stepsLeft = 0;
      assert.equal(await read(), undefined);
      assert.deepEqual(store.list(), [info]);
      assert.ok((await read()) !== undefined);
    }
    assert.deepEqual(warnings, Array(2).fill('a snapshot cannot be read'));
  });

  it('leaves the chain its part of the disk', async () => {
    const store = await open({ freeBytes: async () => 100_000_000 });
    await assert.rejects(make(store, (await modelled()).state), { code: 'disk_low' });
    assert.deepEqual(await readdir(path), []);
  });

  it('stores chunks that are what they were compressed from', async () => {
    const { state } = await modelled();
    const store = await open();
    await make(store, state);
    const places = manifestChunks(decodeManifest((await store.manifest(1)) as Uint8Array));
    for (const { index, hash } of places) {
      const chunk = (await decompress((await store.chunk(1, index)) as Uint8Array, CHUNK_BYTES_MAX)) as Uint8Array;
      await openChunk(chunk, hash);
      assert.equal(await decompress((await store.chunk(1, index)) as Uint8Array, chunk.length - 1), undefined);
    }
    assert.equal(await decompress(Uint8Array.of(1, 2, 3, 255), 100), undefined);
  });
});
