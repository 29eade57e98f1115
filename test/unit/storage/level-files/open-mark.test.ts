import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openLevel } from '#storage/level.ts';
import { OpenMark } from '#storage/level-files/open-mark.ts';
import { fromLatin1 } from '#util/bytes.ts';
import { flipIn } from '../../../support/flip-trials.ts';
import { EVERYTHING } from '../../../support/level-questions.ts';
import { skipBecause } from '../../../support/skip.ts';

describe('the mark of an open database', () => {
  let directory: string;
  let path: string;
  let mark: OpenMark;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'bizra-mark-'));
    path = join(directory, 'open');
    mark = new OpenMark(path);
  });

  afterEach(() => rmSync(directory, { recursive: true }));

  it('is left by a process that is no more, and by a power cut that took what was in it', () => {
    assert.equal(mark.isLeft, false);
    for (const text of ['', '0', 'nothing', String(2 ** 30)]) {
      writeFileSync(path, text);
      assert.equal(mark.isLeft, true, `with "${text}" in it`);
    }
    mark.clear();
    assert.equal(mark.isLeft, false);
  });

  it('is left by a process whose id another one has: this one, its parent, or the first of all', () => {
    for (const pid of [process.pid, process.ppid, 1]) {
      writeFileSync(path, String(pid));
      assert.equal(mark.isLeft, true, String(pid));
    }
  });

  it('is left by a process of before the machine was restarted, and by one that started at another time', function () {
    if (!readdirSync('/').includes('proc')) skipBecause(this, 'only Linux has /proc');
    mark.set();
    assert.equal(mark.isLeft, false);
    const [pid, startTime, bootId] = readFileSync(path, 'latin1').split(' ');
    writeFileSync(path, `${pid} ${startTime} ${bootId?.replace(/./g, '0')}`);
    assert.equal(mark.isLeft, true);
    writeFileSync(path, `${pid} ${Number(startTime) - 1} ${bootId}`);
    assert.equal(mark.isLeft, true);
  });

  it('has all files looked at before the database is opened, whoever has the id of the process now', async () => {
    const database = join(directory, 'db');
    const kv = await openLevel(database);
    const batch = kv.batch();
    batch.put(fromLatin1('key'), new Uint8Array(1_000));
    await batch.write({ sync: false });
    await kv.compact(...EVERYTHING);
    await kv.close();
    const name = readdirSync(database).find((file) => file.endsWith('.ldb')) as string;
    flipIn(database, { name, at: 10, bit: 1 });
    await (await openLevel(database, { startBytes: 0 })).close();
    writeFileSync(join(database, 'held', 'open'), '1');
    await assert.rejects(openLevel(database, { startBytes: 0 }), { code: 'damaged' });
  });

  it('of a process that has the database open leaves the refusal to LevelDB', async () => {
    const database = join(directory, 'db');
    const kv = await openLevel(database);
    await assert.rejects(openLevel(database), { code: 'database_locked' });
    await kv.close();
    assert.deepEqual(readdirSync(join(database, 'held')), []);
  });
});
