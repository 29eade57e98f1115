import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lockKeyFile } from '#signer/key-lock.ts';
import { BlockStore } from '#storage/block-store.ts';
import { runCli } from '../../support/cli.ts';
import { makeStoppedHome, type StoppedHome, withRows } from '../../support/stopped-home.ts';

const HEIGHTS = 20;

describe('prune of a stopped home', function () {
  this.timeout(60_000);
  let directory: string;
  let home: StoppedHome;

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'bizra-prune-'));
    home = await makeStoppedHome(directory, HEIGHTS);
  });

  after(() => rm(directory, { recursive: true, force: true }));

  const command = (...args: string[]) => runCli([...args, '--home', directory]);

  it('does nothing where the settings keep all', async () => {
    const { code, out, errors } = await command('prune', '--json');
    assert.equal(code, 0, errors);
    const { rows, block_base, header_base, state_base, head } = JSON.parse(out);
    assert.deepEqual(
      { rows, block_base, header_base, state_base, head },
      {
        rows: 0,
        block_base: 1,
        header_base: 1,
        state_base: 0,
        head: HEIGHTS,
      },
    );
  });

  it('refuses an archive, bad numbers, and a home on which a node runs', async () => {
    const text = await readFile(home.paths.configFile, 'utf8');
    await writeFile(home.paths.configFile, text.replace('archive = false', 'archive = true'));
    const archive = await command('prune', '--retain-blocks', '5');
    assert.equal(archive.code, 2, archive.errors);
    assert.match(archive.errors, /keeps everything: set archive = false/);
    await writeFile(home.paths.configFile, text);
    assert.equal((await command('prune', '--retain-blocks', '-1')).code, 2);
    assert.equal((await command('prune', '--undo-heights', 'x')).code, 2);
    const lock = await lockKeyFile(home.paths.privValidatorKeyFile, new Uint8Array(20));
    try {
      const { code, errors } = await command('prune');
      assert.equal(code, 2);
      assert.match(errors, /a process runs on .*chain\.db: stop it first$/);
    } finally {
      await lock.release();
    }
  });

  it('forgets what was asked for, in a home that is sound after it and gets smaller', async () => {
    const { code, out, errors } = await command('prune', '--retain-blocks', '6', '--undo-heights', '4', '--json');
    assert.equal(code, 0, errors);
    const done = JSON.parse(out);
    assert.deepEqual([done.block_base, done.header_base, done.state_base, done.head], [15, 1, 16, HEIGHTS]);
    assert.ok(done.rows > 50 && done.bytes_after < done.bytes_before, out);
    await withRows(home.database, async (kv) => {
      const store = await BlockStore.open(kv);
      assert.equal(store.block(14), undefined);
      assert.equal(store.block(15)?.header.height, 15);
      assert.deepEqual(store.meta(3)?.header, home.metas[2]?.header);
    });
    const again = await command('prune', '--retain-blocks', '6', '--undo-heights', '4');
    assert.equal(again.code, 0);
    assert.match(again.out, /rows deleted +0/);
  });

  it('leaves a home that the doctor finds nothing wrong with, and that goes back as far as its state is kept', async () => {
    const doctor = await command('doctor', '--json');
    assert.equal(doctor.code, 0, doctor.out + doctor.errors);
    const below = await command('rollback', '--to', '15');
    assert.equal(below.code, 2);
    assert.match(below.errors, /height 15 is no longer kept: the lowest that this home can go back to is 16/);
    const { code, errors } = await command('rollback', '--to', '16');
    assert.equal(code, 0, errors);
  });
});
