import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseDevnetOptions } from '../../../devnet/options.ts';
import { takeOutputDirectory } from '../../../devnet/output-directory.ts';
import { choosePorts } from '../../../devnet/ports.ts';
import { formatLive, formatSummary } from '../../../devnet/report.ts';
import { ratesOf } from '../../../devnet/watcher.ts';

const silent = (): void => {};

describe('devnet arguments', () => {
  it('have the defaults of the contract', () => {
    const expected = { validators: 4, fullNodes: 0, basePort: 26656, prefix: 'bizra', denom: 'ubizra' };
    assert.deepEqual(parseDevnetOptions([], silent), expected);
  });

  it('print help and run nothing', () => {
    const printed: string[] = [];
    assert.equal(
      parseDevnetOptions(['--help'], (text) => printed.push(text)),
      undefined,
    );
    assert.match(printed.join(''), /--until-height/);
  });

  it('are refused by name when mistyped', () => {
    const cases = [
      '--validators 0',
      '--validators x',
      '--validatrs 4',
      'extra',
      '--base-port 70000',
      '--until-height 0',
      '--until-height -1',
    ];
    for (const text of cases) {
      assert.throws(() => parseDevnetOptions(text.split(' '), silent), { code: 'usage' }, text);
    }
    assert.throws(() => parseDevnetOptions(['--base-port', '65000', '--validators', '100'], silent), { code: 'usage' });
  });
});

describe('devnet directory', () => {
  let root = '';
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'bizra-devnet-'));
  });
  afterEach(() => rm(root, { recursive: true }));

  it('is refused when it is not empty, unless --reset empties it', async () => {
    const path = join(root, 'given');
    const taken = await takeOutputDirectory(path, false, root);
    await taken.release();
    await writeFile(join(path, 'precious'), '');
    await assert.rejects(takeOutputDirectory(path, false, root), { code: 'usage', message: /--reset/ });
    assert.deepEqual(await readdir(path), ['precious']);
    const again = await takeOutputDirectory(path, true, root);
    assert.deepEqual(await readdir(path), ['devnet.pid']);
    await again.release();
  });

  it('is not emptied under a living devnet', async () => {
    const path = join(root, 'given');
    await takeOutputDirectory(path, false, root);
    // Process 1 always lives, and is not us.
    await writeFile(join(path, 'devnet.pid'), '1');
    await assert.rejects(takeOutputDirectory(path, true, root), { code: 'usage', message: /process id 1/ });
  });

  it('is a free one of its own when none was given, so that devnets run side by side', async () => {
    const first = await takeOutputDirectory(undefined, false, root);
    await writeFile(join(first.path, 'devnet.pid'), '1');
    const second = await takeOutputDirectory(undefined, false, root);
    assert.notEqual(first.path, second.path);
    assert.equal(await readFile(join(second.path, 'devnet.pid'), 'utf8'), String(process.pid));
    await first.release();
    assert.equal((await takeOutputDirectory(undefined, false, root)).path, first.path);
  });
});

describe('devnet ports', () => {
  it('are free ones for 0, and a busy one is named', async () => {
    const base = await choosePorts(0, 2);
    assert.equal(await choosePorts(base, 2), base);
    const server = createServer().listen(base + 11, '127.0.0.1');
    await once(server, 'listening');
    await assert.rejects(choosePorts(base, 2), { code: 'failed', message: new RegExp(`port ${base + 11} is in use`) });
    assert.equal(await choosePorts(base, 1), base);
    server.close();
  });
});

describe('devnet table', () => {
  const view = { height: 12_345, round: 1, peers: 3 };
  const rows = [
    { moniker: 'validator0', view, exitCode: undefined },
    { moniker: 'validator1', view: undefined, exitCode: 137 },
    { moniker: 'validator2', view, exitCode: 0 },
    { moniker: 'full0', view: undefined, exitCode: undefined },
  ];

  it('shows the living, the dead, and those that came back', () => {
    const lines = formatLive(rows, { txPerSecond: 12.34, blockSeconds: 0.5 });
    assert.match(lines[1] ?? '', /^validator0 +12,345 +1 +3 {2}running$/);
    assert.match(lines[2] ?? '', /^validator1 +- +- +- {2}ended \(code 137\)$/);
    assert.match(lines[3] ?? '', /running again$/);
    assert.match(lines[4] ?? '', /no answer$/);
    assert.equal(lines.at(-1), '12.3 tx/s, block time 0.50 s');
    assert.equal(formatSummary(rows, undefined), 'height 12,345, 2 of 4 nodes answer, - tx/s, block time -');
  });

  it('takes rates from the blocks between the first and the last time', () => {
    const meta = (seconds: number, txs: number) => ({
      header: { time: new Date(seconds * 1_000).toISOString() },
      num_txs: String(txs),
    });
    assert.deepEqual(ratesOf([meta(14, 30), meta(12, 10), meta(10, 99)]), { txPerSecond: 10, blockSeconds: 2 });
    assert.equal(ratesOf([meta(1, 1)]), undefined);
    assert.equal(ratesOf([meta(1, 1), meta(1, 1)]), undefined);
    assert.equal(ratesOf([]), undefined);
  });
});
