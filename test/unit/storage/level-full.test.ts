import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { KeyValue } from '#ports/key-value.ts';
import { openLevel } from '#storage/level.ts';
import { skipBecause } from '../../support/skip.ts';

const command = promisify(execFile);
const VALUE = new Uint8Array(20_000).fill(7);

describe('R15: LevelDB on a full disk', () => {
  let directory: string;

  before(async function () {
    directory = await mkdtemp(join(tmpdir(), 'bizra-level-'));
    try {
      await command('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', directory]);
    } catch {
      await rm(directory, { recursive: true });
      skipBecause(this, 'mounting a file system is not permitted here');
    }
  });

  after(async () => {
    await command('umount', [directory]).catch(() => {}); // not mounted where it was skipped
    await rm(directory, { recursive: true, force: true });
  });

  const put = async (kv: KeyValue, index: number): Promise<void> => {
    const batch = kv.batch();
    batch.put(new Uint8Array([index]), VALUE);
    await batch.write({ sync: true });
  };

  it('takes no write after one that failed, room or not, and keeps what it acknowledged', async () => {
    const path = join(directory, 'db');
    const kv = await openLevel(path);
    let acknowledged = 0;
    const full = { code: 'database_failed', message: /could not be written: the disk is full: free some space/ };
    await assert.rejects(async () => {
      for (; acknowledged < 250; acknowledged++) await put(kv, acknowledged);
    }, full);
    assert.ok(acknowledged > 0);
    await command('mount', ['-o', 'remount,size=8m', directory]);
    await assert.rejects(put(kv, 251), full);
    await kv.close();
    const again = await openLevel(path);
    for (let index = 0; index < acknowledged; index++) assert.deepEqual(again.get(new Uint8Array([index])), VALUE);
    assert.equal(again.get(new Uint8Array([251])), undefined);
    await put(again, 252);
    await again.close();
  });
});
