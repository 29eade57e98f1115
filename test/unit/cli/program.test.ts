import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { commandsFor } from '#cli/command-table.ts';
import { main } from '#cli/program.ts';
import type { Terminal } from '#cli/terminal.ts';
import { loadHomeSettings } from '#config/home.ts';
import { parseGenesis } from '#types/genesis.ts';

interface Run {
  readonly code: number;
  readonly out: string[];
  readonly errors: string[];
}

const PASSPHRASE = 'correct horse battery';

/** Runs a command as a person without a terminal would, with `input` piped in. */
async function run(args: readonly string[], input?: string): Promise<Run> {
  const out: string[] = [];
  const errors: string[] = [];
  const terminal: Terminal = {
    environment: { BIZRA_PASSPHRASE: PASSPHRASE },
    interactive: false,
    line: (text) => void out.push(text),
    warn: (text) => void errors.push(text),
    progress: () => {},
    ask: () => Promise.reject(new Error('no terminal')),
    flush: () => Promise.resolve(),
    readInput: () => Promise.resolve(input),
  };
  return { code: await main(args, terminal), out, errors };
}

describe('command line', () => {
  let directory = '';
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'bizra-cli-'));
  });
  after(() => rm(directory, { recursive: true }));

  it('ends with 0 for help and version', async () => {
    const help = await run(['--help']);
    assert.deepEqual([help.code, help.errors], [0, []]);
    for (const command of [
      'init',
      'start',
      'testnet',
      'keys',
      'status',
      'peers',
      'validators',
      'tx',
      'query',
      'light',
      'load',
    ]) {
      assert.match(help.out.join('\n'), new RegExp(`^ {2}${command} `, 'm'));
      assert.equal((await run([command, '--help'])).code, 0, command);
    }
    const version = await run(['version', '--json']);
    assert.equal(version.code, 0);
    assert.match(JSON.parse(version.out[0] ?? '').version, /^\d+\.\d+\.\d+$/);
  });

  it('reads the one command that is asked for, and all of them where none is', async () => {
    const help = (await run(['--help'])).out.join('\n');
    const names = [...help.matchAll(/^ {2}([a-z]+) /gm)].map(([, name = '']) => name).filter((name) => name !== 'help');
    assert.equal((await commandsFor(['strat'])).length, names.length);
    for (const name of names) {
      assert.equal((await commandsFor([name, 'tx'])).length, 1, name);
      assert.match((await run([name, '--help'])).out.join('\n'), new RegExp(`^Usage: bizra-node ${name} `));
    }
  });

  it('says what was typed wrong in one line, with exit code 2', async () => {
    const cases: readonly (readonly [args: string, words: RegExp])[] = [
      ['strat', /unknown command 'strat'.*start/],
      ['start --hme x', /unknown option '--hme'/],
      ['start extra', /too many arguments/],
      ['testnet', /--output/],
      ['testnet --output x --validators 0', /--validators 0 .*from 1/],
      ['load --rate -1 --duration 1', /--rate -1/],
      ['load --rate 1', /--duration/],
      ['tx send bizra1x 5ubizra --from a', /bech32/],
      ['query tx zz', /not a hash/],
      ['query block 0', /height 0/],
      ['query proof Bank 00', /store/],
      ['query proof bank 0', /not hex/],
      ['status --node ftp://x', /--node "ftp:\/\/x"/],
      ['keys show nobody --home /nonexistent', /keys add/],
      ['start --home /nonexistent', /bizra-node init/],
    ];
    for (const [args, words] of cases) {
      const result = await run(args.split(' '));
      assert.equal(result.code, 2, args);
      assert.equal(result.errors.length, 1, args);
      assert.match(result.errors[0] ?? '', words);
      assert.doesNotMatch(result.errors[0] ?? '', /\n|^.*error: /);
      assert.deepEqual(result.out, [], args);
    }
  });

  it('fails with exit code 1 and a way on when no node answers', async () => {
    // Port 1 of loopback: nobody listens there, and nobody may without being root.
    for (const command of ['status', 'peers', 'validators', 'query block']) {
      const result = await run([...command.split(' '), '--node', 'http://127.0.0.1:1']);
      assert.equal(result.code, 1, command);
      assert.match(result.errors[0] ?? '', /no node answers at http:\/\/127\.0\.0\.1:1 .*--node URL/);
    }
  });

  it('shows a stack only with --log-level debug', async () => {
    const args = ['status', '--node', 'http://127.0.0.1:1'];
    assert.equal((await run(args)).errors.length, 1);
    assert.match((await run([...args, '--log-level', 'debug'])).errors[1] ?? '', / at /);
  });

  it('makes a home that is read back, once', async () => {
    const home = join(directory, 'home');
    const args = ['init', 'node-a', '--home', home, '--chain-id', 'c-1', '--p2p.laddr', 'tcp://127.0.0.1:5', '--json'];
    const made = await run(args);
    assert.equal(made.code, 0, made.errors.join());
    const settings = await loadHomeSettings(home, {});
    assert.deepEqual(
      [settings.moniker, settings.p2p.laddr, settings.mempool.minGasPrices],
      ['node-a', 'tcp://127.0.0.1:5', '0.025ubizra'],
    );
    const genesis = parseGenesis(await readFile(join(home, 'config', 'genesis.json'), 'utf8'));
    assert.deepEqual([genesis.chainId, genesis.validators.length], ['c-1', 1]);
    const again = await run(args);
    assert.equal(again.code, 2);
    assert.match(again.errors[0] ?? '', /is not empty/);
  });

  it('joins an existing chain by its genesis file, and refuses a broken one by name', async () => {
    const genesis = join(directory, 'home', 'config', 'genesis.json');
    const joined = join(directory, 'joined');
    assert.equal((await run(['init', '--home', joined, '--genesis', genesis])).code, 0);
    assert.equal(await readFile(join(joined, 'config', 'genesis.json'), 'utf8'), await readFile(genesis, 'utf8'));
    const foreign = await run(['init', '--home', join(directory, 'x'), '--genesis', genesis, '--chain-id', 'other']);
    assert.deepEqual([foreign.code, /c-1/.test(foreign.errors[0] ?? '')], [2, true]);
    const broken = join(directory, 'broken.json');
    await writeFile(broken, (await readFile(genesis, 'utf8')).replace('"c-1"', '""'));
    const refused = await run(['init', '--home', join(directory, 'y'), '--genesis', broken]);
    assert.equal(refused.code, 2);
    assert.match(refused.errors[0] ?? '', /broken\.json.*chain_id/);
  });

  it('writes a network whose nodes know each other and share one genesis', async () => {
    const output = join(directory, 'net');
    const made = await run(['testnet', '--validators', '3', '--full-nodes', '1', '--output', output, '--json']);
    assert.equal(made.code, 0, made.errors.join());
    const { nodes } = JSON.parse(made.out[0] ?? '') as { nodes: { home: string; p2p: string; moniker: string }[] };
    assert.deepEqual(
      nodes.map(({ moniker }) => moniker),
      ['validator0', 'validator1', 'validator2', 'full0'],
    );
    const files = new Set<string>();
    for (const node of nodes) {
      files.add(await readFile(join(node.home, 'config', 'genesis.json'), 'utf8'));
      const { p2p } = await loadHomeSettings(node.home, {});
      assert.deepEqual(
        p2p.persistentPeers,
        nodes.filter((other) => other !== node).map((other) => other.p2p),
      );
    }
    assert.equal(files.size, 1);
    assert.equal(parseGenesis([...files][0] ?? '').validators.length, 3);
    assert.equal((await run(['testnet', '--output', output])).code, 2);
  });

  it('key-secrecy: prints a mnemonic once and a private key only when asked', async () => {
    const home = join(directory, 'keys');
    const on = (args: string, input?: string): Promise<Run> =>
      run([...args.split(' '), '--home', home, '--json'], input);
    const added = await on('keys add one');
    const { mnemonic, address } = JSON.parse(added.out[0] ?? '') as { mnemonic: string; address: string };
    assert.equal(mnemonic.split(' ').length, 24);
    const exported = JSON.parse((await on('keys export one --yes')).out[0] ?? '') as { private_key: string };
    const secrets = [exported.private_key, ...(mnemonic.match(/(\w+ ){3}\w+/g) as string[])];
    const others = [
      await on('keys list'),
      await on('keys show one'),
      await on('keys add one'),
      await on('keys export one'),
    ];
    for (const { out, errors } of others) {
      for (const secret of secrets) assert.ok(!`${out.join()}${errors.join()}`.includes(secret));
    }
    const imported = await on('keys import two', `${exported.private_key}\n`);
    assert.equal(JSON.parse(imported.out[0] ?? '').address, address);
    const recovered = await on('keys add three --recover', mnemonic);
    assert.deepEqual(
      [JSON.parse(recovered.out[0] ?? '').address, recovered.out[0]?.includes('mnemonic')],
      [address, false],
    );
    assert.equal((await on('keys delete three --yes')).code, 0);
    assert.deepEqual(
      (await on('keys list')).out.map((line) => JSON.parse(line).name),
      ['one', 'two'],
    );
  });
});
