import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readChainState } from '#engine/chain-store.ts';
import { lockKeyFile } from '#signer/key-lock.ts';
import { readLastSigned } from '#signer/last-signed.ts';
import { encodeResultRow, ROW, rowKey } from '#storage/block-rows.ts';
import { BlockStore } from '#storage/block-store.ts';
import { NodeFiles } from '#storage/node-files.ts';
import { runCli } from '../../support/cli.ts';
import { filesOf, makeStoppedHome, type StoppedHome, withRows } from '../../support/stopped-home.ts';

const HEIGHTS = 12;

describe('rollback and replay of a stopped home', function () {
  this.timeout(60_000);
  let directory: string;
  let home: StoppedHome;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'bizra-rollback-'));
    home = await makeStoppedHome(directory, HEIGHTS);
  });

  afterEach(() => rm(directory, { recursive: true, force: true }));

  const command = (...args: string[]) => runCli([...args, '--home', directory]);
  const headHeight = () => withRows(home.database, async (kv) => readChainState(kv)?.height);

  it('takes the state back and leaves the signing record', async () => {
    const before = await readLastSigned(new NodeFiles(), home.paths.privValidatorStateFile);
    const { code, out, errors } = await command('rollback', '--to', '5', '--json');
    assert.equal(code, 0, errors);
    assert.deepEqual(JSON.parse(out), { from: HEIGHTS, to: 5 });
    assert.equal(await headHeight(), 5);
    assert.deepEqual(await readLastSigned(new NodeFiles(), home.paths.privValidatorStateFile), before);
    const again = await command('rollback', '--to', '5');
    assert.match(again.out, /at height 5 already/);
  });

  it('takes snapshots of what it takes back along: the state may have been wrong', async () => {
    for (const to of [HEIGHTS, 8, 5]) {
      assert.equal((await command('rollback', '--to', String(to))).code, 0);
      const made = await command('snapshot', 'create', '--json');
      assert.equal(made.code, 0, made.errors);
      const { out } = await command('snapshot', 'list', '--json');
      assert.deepEqual(
        JSON.parse(out).map(({ height }: { height: number }) => height),
        [to],
      );
    }
  });

  it('refuses in one line what it cannot do', async () => {
    const refused = async (expected: RegExp, ...args: string[]): Promise<void> => {
      const { code, errors } = await runCli(['rollback', ...args]);
      assert.equal(code, 2, errors);
      assert.match(errors, expected);
      assert.ok(!errors.includes('\n'), errors);
    };
    await refused(/height 13 is ahead of the head 12/, '--to', '13', '--home', directory);
    await refused(/give --to/, '--home', directory);
    await refused(/there is no such database/, '--to', '1', '--home', join(directory, 'nowhere'));
    assert.equal(await headHeight(), HEIGHTS);
  });

  it('refuses while a node runs on the home', async () => {
    const lock = await lockKeyFile(home.paths.privValidatorKeyFile, new Uint8Array(20));
    try {
      for (const args of [
        ['rollback', '--to', '5'],
        ['replay', '--from', '5'],
      ]) {
        const { code, errors } = await command(...args);
        assert.equal(code, 2);
        assert.match(errors, /a process runs on .*chain\.db: stop it first$/);
      }
    } finally {
      await lock.release();
    }
    await withRows(home.database, async () => {
      const { code, errors } = await command('rollback', '--to', '5');
      assert.equal(code, 2);
      assert.match(errors, /a process runs on .*chain\.db: stop it first$/);
    });
  });

  it('replays to what is stored, and leaves the home as it was', async () => {
    const before = await filesOf(home.paths.dataDirectory);
    for (const from of ['1', '4', '12']) {
      const { code, out, errors } = await command('replay', '--from', from, '--json');
      assert.equal(code, 0, errors);
      const answer = JSON.parse(out);
      assert.equal(answer.difference, null);
      assert.equal(answer.blocks, HEIGHTS - Number(from) + 1);
    }
    assert.deepEqual(await filesOf(home.paths.dataDirectory), before);
    const { code, errors } = await command('replay', '--from', '13');
    assert.equal(code, 2);
    assert.match(errors, /heights 13 to 12 cannot be replayed: this home can replay from 1 on, up to 12/);
  });

  it('names the first height that comes out otherwise', async () => {
    await withRows(home.database, async (kv) => {
      const batch = kv.batch();
      const store = await BlockStore.open(kv);
      for (const height of [8, 10]) {
        const txs = store.block(height)?.txs ?? [];
        const [first, ...others] = store.results(height)?.txResults ?? [];
        assert.ok(first !== undefined);
        batch.put(rowKey(ROW.results, height, 0), encodeResultRow(0, [{ ...first, gasUsed: 1n }, ...others], txs));
      }
      await batch.write({ sync: true });
    });
    const { code, out, errors } = await command('replay', '--from', '3', '--json');
    assert.equal(code, 1);
    assert.match(errors, /height 8 comes out otherwise: transaction 0 has another gas: 1 is stored, \d+ came out/);
    const answer = JSON.parse(out);
    assert.equal(answer.difference.height, 8);
    assert.equal(answer.blocks, 6);
  });
});
