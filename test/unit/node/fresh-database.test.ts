import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureDatabase, removeSiblings } from '#node/fresh-database.ts';
import type { Directories } from '#ports/files.ts';
import type { KeyValue } from '#ports/key-value.ts';
import { MemoryKeyValue } from '#storage/memory.ts';
import { NodeDirectories } from '#storage/node-directories.ts';
import { SILENT_LOGGER } from '#telemetry/logger.ts';

const PATH = 'data/chain.db';
const KEY = Uint8Array.of(1);
const VALUE = Uint8Array.of(2);

async function fill(kv: KeyValue): Promise<void> {
  const batch = kv.batch();
  batch.put(KEY, VALUE);
  await batch.write({ sync: true });
}

/** Directories in memory; a power cut takes names whose parent was not synced. */
class MemoryDirectories implements Directories {
  names = new Map<string, MemoryKeyValue>();
  private durable = new Map<string, MemoryKeyValue>();
  private readonly stepsToEnd: { left: number };

  constructor(stepsToEnd = { left: Number.POSITIVE_INFINITY }) {
    this.stepsToEnd = stepsToEnd;
  }

  readonly open = async (path: string): Promise<KeyValue> => {
    this.step();
    const kv = this.names.get(path) ?? new MemoryKeyValue();
    this.names.set(path, kv);
    // The model is closed for good by `close`; a database is not.
    kv.close = async () => undefined;
    return kv;
  };

  async exists(path: string): Promise<boolean> {
    return this.names.has(path);
  }

  async remove(path: string): Promise<void> {
    this.step();
    this.names.delete(path);
  }

  async rename(from: string, to: string): Promise<void> {
    this.step();
    this.names.set(to, this.names.get(from) as MemoryKeyValue);
    this.names.delete(from);
  }

  async syncName(): Promise<void> {
    this.step();
    this.durable = new Map(this.names);
  }

  losePower(): void {
    this.names = new Map([...this.durable].map(([path, kv]) => [path, kv.crash()]));
    this.durable = new Map(this.names);
    this.stepsToEnd.left = Number.POSITIVE_INFINITY;
  }

  private step(): void {
    if (this.stepsToEnd.left-- <= 0) throw new Error('the process died');
  }
}

describe('a new database', () => {
  it('is whole or absent wherever the process dies, and made by the next start', async () => {
    for (const isPowerCut of [false, true]) {
      for (let steps = 0; steps < 4; steps++) {
        const end = { left: steps };
        const directories = new MemoryDirectories(end);
        await assert.rejects(ensureDatabase(directories, PATH, directories.open, fill), /died/, `${steps}`);
        end.left = Number.POSITIVE_INFINITY;
        if (isPowerCut) directories.losePower();
        const found = directories.names.get(PATH);
        if (found !== undefined) assert.deepEqual(found.get(KEY), VALUE);
        await ensureDatabase(directories, PATH, directories.open, fill);
        directories.losePower();
        assert.deepEqual([...directories.names.keys()], [PATH]);
        assert.deepEqual(directories.names.get(PATH)?.get(KEY), VALUE);
      }
    }
  });

  it('is not taken back by a power cut after a start that found it renamed and not synced', async () => {
    const end = { left: 3 };
    const directories = new MemoryDirectories(end);
    await assert.rejects(ensureDatabase(directories, PATH, directories.open, fill), /died/);
    end.left = Number.POSITIVE_INFINITY;
    assert.ok(directories.names.has(PATH), 'renamed');
    await ensureDatabase(directories, PATH, directories.open, async () => assert.fail('it is filled already'));
    directories.losePower();
    assert.ok(directories.names.has(PATH), 'and it stays so');
  });

  it('is rid of what killed commands left beside it, and starts also where that stays', async () => {
    const suffixes = ['.copy', '.second-copy', '.syncing', '.unfinished'];
    const lines: string[] = [];
    const directories = new MemoryDirectories();
    for (const name of ['', ...suffixes]) directories.names.set(PATH + name, new MemoryKeyValue());
    const logger = { ...SILENT_LOGGER, warn: (line: string) => void lines.push(line) };
    await removeSiblings(directories, PATH, logger);
    assert.deepEqual([...directories.names.keys()], [PATH]);
    directories.remove = () => Promise.reject(new Error('denied'));
    await removeSiblings(directories, PATH, logger);
    assert.equal(lines.length, suffixes.length);
  });

  it('works so on real directories', async () => {
    const home = await mkdtemp(join(tmpdir(), 'fresh-database-'));
    try {
      const path = join(home, 'chain.db');
      const open = async (at: string): Promise<KeyValue> => {
        await mkdir(at);
        await writeFile(join(at, 'CURRENT'), 'x');
        return new MemoryKeyValue();
      };
      // Emptied, as some remove a database.
      await mkdir(path);
      assert.equal(await new NodeDirectories().exists(path), false);
      await mkdir(`${path}.unfinished`);
      await writeFile(join(`${path}.unfinished`, 'left-over'), 'x');
      await ensureDatabase(new NodeDirectories(), path, open, fill);
      assert.ok(await new NodeDirectories().exists(path));
      await assert.rejects(stat(join(path, 'left-over')), { code: 'ENOENT' });
      await assert.rejects(stat(`${path}.unfinished`), { code: 'ENOENT' });
      await ensureDatabase(new NodeDirectories(), path, open, async () => assert.fail('there is one already'));
      const broken = new NodeDirectories().rename(join(home, 'none'), path);
      await assert.rejects(broken, { code: 'io_failed', message: /cannot rename .*none/ });
    } finally {
      await rm(home, { recursive: true, force: true });
    }
  });
});
