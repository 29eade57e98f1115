import assert from 'node:assert/strict';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NodeFiles } from '#storage/node-files.ts';
import { skipBecause } from '../../support/skip.ts';

const text = (value: string) => new TextEncoder().encode(value);

describe('NodeFiles', () => {
  let home: string;
  const files = new NodeFiles();

  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'bizra-files-'));
  });

  afterEach(async () => {
    await rm(home, { recursive: true });
  });

  it('reads what was replaced, and nothing where there is no file', async () => {
    assert.equal(await files.read(join(home, 'a')), undefined);
    await files.replace(join(home, 'a'), text('one'));
    await files.replace(join(home, 'a'), text('two'));
    assert.deepEqual(await files.read(join(home, 'a')), text('two'));
    assert.deepEqual(await files.list(home), ['a']);
  });

  it('key-secrecy: makes files that only the owner reads', async () => {
    await files.replace(join(home, 'a'), text('secret'));
    await (await files.openAppend(join(home, 'b'))).close();
    await files.makeDirectory(join(home, 'c', 'd'));
    assert.equal((await stat(join(home, 'a'))).mode & 0o777, 0o600);
    assert.equal((await stat(join(home, 'b'))).mode & 0o777, 0o600);
    assert.equal((await stat(join(home, 'c', 'd'))).mode & 0o777, 0o700);
    assert.equal(await files.mode(join(home, 'a')), 0o600);
    assert.equal(await files.mode(join(home, 'none')), undefined);
  });

  it('appends behind what is there', async () => {
    const path = join(home, 'log');
    const first = await files.openAppend(path);
    await first.append(text('one'));
    await first.sync();
    await first.close();
    const second = await files.openAppend(path);
    assert.equal(second.size, 3);
    await second.append(text('two'));
    assert.equal(second.size, 6);
    await second.close();
    assert.deepEqual(await files.read(path), text('onetwo'));
  });

  it('removes files, missing ones too, and lists none in a missing directory', async () => {
    await files.replace(join(home, 'a'), text('x'));
    await files.remove(join(home, 'a'));
    await files.remove(join(home, 'a'));
    assert.deepEqual(await files.list(home), []);
    assert.deepEqual(await files.list(join(home, 'none')), []);
  });

  it('names the file and the fault', async () => {
    await writeFile(join(home, 'file'), 'x');
    const path = join(home, 'file', 'below');
    await assert.rejects(files.replace(path, text('x')), { code: 'io_failed', message: new RegExp(`write ${path}`) });
    await assert.rejects(files.openAppend(path), { code: 'io_failed' });
    await assert.rejects(files.makeDirectory(path), { code: 'io_failed' });
  });

  it('R15: says that the disk is full', async function () {
    if (!(await files.list('/dev')).includes('full')) skipBecause(this, 'only Linux has /dev/full');
    const file = await files.openAppend('/dev/full');
    await assert.rejects(file.append(text('x')), { code: 'io_failed', message: /disk is full/ });
    await file.close();
  });
});
