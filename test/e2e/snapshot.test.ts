import assert from 'node:assert/strict';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Devnet } from './support/devnet.ts';
import { type Outcome, run } from './support/process.ts';
import { appHashAt, blockHashAt, call, heightOf, waitForHeight } from './support/rpc.ts';

/** Some twenty commands, each of which starts the program. */
const TIMEOUT_MS = 240_000;

interface Exported {
  readonly height: number;
  readonly id: string;
  readonly trust_height: number;
  readonly trust_hash: string;
}

describe('snapshots on the command line', () => {
  let devnet: Devnet;
  let file: string;
  let exported: Exported;

  before(async function () {
    this.timeout(150_000);
    devnet = await Devnet.start('--validators', '1');
    file = join(devnet.directory, 'chain.snapshot');
  });

  after(async function () {
    this.timeout(60_000);
    await devnet?.stop();
  });

  const snapshot = (command: string, ...args: string[]): Promise<Outcome> =>
    run(['snapshot', command, '--home', devnet.node(0).home, ...args]);

  async function answer<T>(command: string, ...args: string[]): Promise<T> {
    const { code, stdout, stderr } = await snapshot(command, ...args, '--json');
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout) as T;
  }

  const importInto = (home: string, from: string, trusted: Exported): Promise<Outcome> =>
    run([
      ...['snapshot', 'import', from, '--home', home, '--json'],
      ...['--trust-height', String(trusted.trust_height), '--trust-hash', trusted.trust_hash],
    ]);

  async function needRefused(outcome: Promise<Outcome>, code: number, words: RegExp): Promise<void> {
    const refused = await outcome;
    assert.equal(refused.code, code, refused.stderr);
    assert.match(refused.stderr, words);
    assert.equal(refused.stderr.trim().split('\n').length, 1, refused.stderr);
  }

  it('are made of a running node, listed, exported and deleted', async function () {
    this.timeout(TIMEOUT_MS);
    const { rpc } = devnet.node(0);
    await waitForHeight(rpc, 3);
    const made = await answer<{ height: number; leaves: number }>('create');
    assert.ok(made.height >= 3 && made.leaves > 10);
    assert.deepEqual(await answer('list'), [made]);
    await waitForHeight(rpc, made.height + 2);
    const second = await answer<{ height: number }>('create');
    exported = await answer<Exported>('export', '--height', String(made.height), '--output', file);
    assert.equal(exported.height, made.height);
    assert.equal(exported.trust_hash.toUpperCase(), await blockHashAt(rpc, exported.trust_height));
    await needRefused(snapshot('export', '--output', file), 2, /exists: choose another name/);
    assert.deepEqual(await answer('delete', String(second.height)), { deleted: second.height });
    await needRefused(snapshot('delete', String(second.height)), 1, /no snapshot at height/);
    assert.deepEqual(await answer('list'), [made]);
    assert.deepEqual(await readdir(join(devnet.node(0).home, 'data', 'snapshots')), [String(made.height)]);
  });

  it('are refused where a byte of the file is wrong, and leave nothing', async function () {
    this.timeout(TIMEOUT_MS);
    const home = join(devnet.directory, 'refused');
    await run(['init', 'refused', '--home', home, '--genesis', join(devnet.node(0).home, 'config', 'genesis.json')]);
    const bytes = await readFile(file);
    const damaged = join(devnet.directory, 'damaged.snapshot');
    for (const at of [3, 8, 200, bytes.length >> 1, bytes.length - 1]) {
      const changed = Uint8Array.from(bytes);
      changed[at] = (changed[at] as number) ^ 4;
      await writeFile(damaged, changed);
      await needRefused(importInto(home, damaged, exported), 2, /is damaged at byte \d+|no snapshot file/);
    }
    await writeFile(damaged, bytes.subarray(0, bytes.length - 9));
    await needRefused(importInto(home, damaged, exported), 2, /is damaged at byte \d+/);
    await needRefused(importInto(home, file, { ...exported, trust_hash: 'ab'.repeat(32) }), 1, /trusted is ABAB/);
    await needRefused(importInto(home, file, { ...exported, trust_height: 1 }), 1, /does not have header 1/);
    assert.deepEqual(await readdir(join(home, 'data')), ['priv_validator_state.json']);
  });

  it('are imported into a home without data, which starts and goes on with the blocks of peers', async function () {
    this.timeout(TIMEOUT_MS);
    const joined = await devnet.join('imported', 0, async (home) => {
      const { code, stdout, stderr } = await importInto(home, file, exported);
      assert.equal(code, 0, stderr);
      assert.equal(JSON.parse(stdout).height, exported.height);
      assert.equal(JSON.parse(stdout).headers_from, 1);
      await needRefused(importInto(home, file, exported), 2, /a home without data/);
    });
    const height = (await heightOf(devnet.node(0).rpc)) + 3;
    await waitForHeight(joined.rpc, height);
    assert.equal(await appHashAt(joined.rpc, height), await appHashAt(devnet.node(0).rpc, height));
    const { sync_info } = await call<{ sync_info: { earliest_block_height: string } }>(joined.rpc, 'status');
    assert.equal(Number(sync_info.earliest_block_height), exported.height + 1);
  });

  it('are made of a stopped node, the same as of a running one', async function () {
    this.timeout(TIMEOUT_MS);
    await devnet.kill(1);
    const home = devnet.node(1).home;
    const { code, stdout, stderr } = await run(['snapshot', 'create', '--home', home, '--json']);
    assert.equal(code, 0, stderr);
    const { height, chunks } = JSON.parse(stdout) as { height: number; chunks: number };
    assert.ok(height > exported.height);
    assert.ok((await stat(join(home, 'data', 'snapshots', String(height), 'manifest'))).size > 0);
    const listed = await run(['snapshot', 'list', '--home', home]);
    assert.match(listed.stdout, new RegExp(`${height} +${chunks} `));
  });
});
