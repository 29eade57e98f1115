import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { interruptible } from '#cli/interrupt.ts';
import type { Terminal } from '#cli/terminal.ts';
import { parseGenesis } from '#types/genesis.ts';
import { toHex } from '#util/bytes.ts';
import { runCli } from '../../support/cli.ts';
import { filesOf, makeStoppedHome, type StoppedHome } from '../../support/stopped-home.ts';

const HEIGHTS = 14;

describe('commands that look at a stopped home', function () {
  this.timeout(60_000);
  let directory: string;
  let home: StoppedHome;
  let untouched: Map<string, string>;

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'bizra-stopped-'));
    home = await makeStoppedHome(join(directory, 'home'), HEIGHTS);
    untouched = await filesOf(home.paths.dataDirectory);
  });

  after(() => rm(directory, { recursive: true, force: true }));

  afterEach(async () => {
    assert.deepEqual(await filesOf(home.paths.dataDirectory), untouched, 'nothing in the home was changed');
    for (const suffix of ['.copy', '.second-copy'])
      await assert.rejects(stat(home.database + suffix), { code: 'ENOENT' });
  });

  const command = (...args: string[]) => runCli([...args, '--home', home.paths.home]);

  it('inspect: heights, head, validators, stores, rows, and what lies beside', async () => {
    const { code, out, errors } = await command('inspect', '--json');
    assert.equal(code, 0, errors);
    const found = JSON.parse(out);
    const { height, appHash, lastBlockId, validators } = home.chain.chain.state;
    assert.equal(found.chain_id, 'sim-1');
    assert.equal(found.app_hash, toHex(appHash));
    assert.equal(found.last_block.hash, toHex(lastBlockId.hash));
    assert.deepEqual(found.heights, {
      header_base: 1,
      base: 1,
      head: height,
      last_stored_block: height,
      state_base: 0,
      lowest_rollback: 0,
    });
    assert.equal(found.validators.length, validators.size);
    const rowsOf = (kind: string): number => found.rows.find((row: { kind: string }) => row.kind === kind)?.rows ?? 0;
    const leaves = found.stores.reduce((sum: number, store: { leaves: number }) => sum + store.leaves, 0);
    assert.equal(rowsOf('leaves'), leaves);
    assert.equal(rowsOf('blocks/block'), HEIGHTS);
    assert.equal(rowsOf('changedKeys'), HEIGHTS);
    assert.deepEqual(found.signed, { height: HEIGHTS, round: 0, step: 3 });
    assert.equal(found.wal, null);
    assert.deepEqual(found.snapshots, []);
    const people = await command('inspect');
    assert.match(people.out, /^height +14$/m);
  });

  it('inspect: says of a damaged signing record what is wrong with it, and the rest as ever', async () => {
    const { privValidatorStateFile } = home.paths;
    const record = await readFile(privValidatorStateFile);
    await writeFile(privValidatorStateFile, '{"height":');
    try {
      const { code, out, errors } = await command('inspect', '--json');
      assert.equal(code, 0, errors);
      const { signed, heights } = JSON.parse(out);
      assert.match(signed.fault, /priv_validator_state\.json/);
      assert.equal(heights.head, HEIGHTS);
      assert.match((await command('inspect')).out, /^key signed last +DAMAGED: .*priv_validator_state/m);
    } finally {
      await writeFile(privValidatorStateFile, record);
    }
  });

  it('inspect block: one block and what came of it', async () => {
    const { code, out, errors } = await command('inspect', 'block', '12', '--json');
    assert.equal(code, 0, errors);
    const block = JSON.parse(out);
    assert.equal(block.evidence, 1);
    assert.equal(block.results.validator_updates, 1);
    assert.equal(block.app_hash_after, toHex(home.metas[12]?.header.appHash as Uint8Array));
    const missing = await command('inspect', 'block', '99');
    assert.equal(missing.code, 2);
    assert.match(missing.errors, /block 99 is not stored: this home has 1 to 14/);
  });

  it('export: a genesis file of the newest state, or of an earlier one', async () => {
    const file = join(directory, 'exported.json');
    const { code, out, errors } = await command('export', '--output', file, '--json');
    assert.equal(code, 0, errors);
    assert.equal(JSON.parse(out).height, HEIGHTS);
    const written = await readFile(file, 'utf8');
    assert.equal(JSON.parse(out).bytes, Buffer.byteLength(written));
    assert.equal(parseGenesis(written).validators.length, 3);
    const again = await command('export', '--output', file);
    assert.equal(again.code, 2);
    assert.match(again.errors, /exported\.json exists/);
    const printed = await command('export');
    assert.equal(`${printed.out}\n`, written, 'the same on standard output');
    const nowhere = await command('export', '--output', join(directory, 'no', 'file'));
    assert.deepEqual([nowhere.code, /^bizra-node: there is no directory .*no: make/.test(nowhere.errors)], [2, true]);
    const earlier = await command('export', '--height', '9', '--chain-id', 'next-1', '--continue-heights');
    assert.equal(earlier.code, 0, earlier.errors);
    const genesis = parseGenesis(earlier.out);
    assert.equal(genesis.chainId, 'next-1');
    assert.equal(genesis.initialHeight, 10);
    assert.equal(genesis.validators.length, 4, 'nobody was punished yet');
    assert.equal(genesis.genesisTime, home.metas[8]?.header.time);
    const whole = await command('export', '--chain-id', 'next-1', '--continue-heights');
    assert.notEqual(whole.out, earlier.out);
    const above = await command('export', '--initial-height', '500');
    assert.equal(parseGenesis(above.out).initialHeight, 500);
    const both = await command('export', '--initial-height', '500', '--continue-heights');
    assert.deepEqual([both.code, both.out], [2, '']);
    const refused = await command('export', '--chain-id', 'a b');
    assert.equal(refused.code, 2);
  });

  it('a signal ends long work at its next step, and what was begun is cleaned up', async () => {
    const drawn: string[] = [];
    const terminal = { progress: (text: string) => void drawn.push(text) } as unknown as Terminal;
    let cleaned = false;
    const work = interruptible(terminal, async (watched) => {
      try {
        watched.progress('one');
        process.emit('SIGINT', 'SIGINT');
        watched.progress('two');
      } finally {
        cleaned = true;
      }
    });
    await assert.rejects(work, { code: 'failed', message: 'ended by SIGINT' });
    assert.ok(cleaned);
    assert.deepEqual(drawn, ['one']);
    assert.equal(process.listenerCount('SIGTERM'), 0);
  });
});
