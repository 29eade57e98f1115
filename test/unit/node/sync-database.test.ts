import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RealClock } from '#node/real-clock.ts';
import { SyncDatabase } from '#node/sync-database.ts';
import { openLevel } from '#storage/level.ts';
import { NodeDirectories } from '#storage/node-directories.ts';
import { SILENT_LOGGER } from '#telemetry/logger.ts';
import { simGenesis } from '../../sim/chain/genesis.ts';

describe('the database of a state sync', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'bizra-syncing-'));
  });
  afterEach(() => rm(directory, { recursive: true }));

  for (const file of [/^CURRENT$/, /\.ldb$/, /^MANIFEST/])
    it(`is begun anew where a process was killed that removed it, and ${file.source} is gone`, async () => {
      const path = join(directory, 'chain.db');
      const syncing = `${path}.syncing`;
      const kv = await openLevel(syncing);
      const batch = kv.batch();
      for (let i = 0; i < 200; i++) batch.put(Uint8Array.of(3, i), new Uint8Array(100).fill(i));
      await batch.write({ sync: true });
      await kv.compact(Uint8Array.of(0), Uint8Array.of(255));
      await kv.close();
      const victim = (await readdir(syncing)).find((name) => file.test(name));
      assert.ok(victim !== undefined);
      await rm(join(syncing, victim));
      const database = await SyncDatabase.open(
        {
          directories: new NodeDirectories(),
          openDatabase: (at) => openLevel(at),
          clock: new RealClock(),
          logger: SILENT_LOGGER,
        },
        { genesis: simGenesis(1).genesis, path, trust: { height: 1, hash: new Uint8Array(32) } },
      );
      assert.deepEqual([database.begun, database.isComplete], [undefined, false]);
      await database.close();
    });
});
