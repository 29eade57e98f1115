import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmod, cp, mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeBech32 } from '#crypto/address.ts';
import { RECORD_HEADER_BYTES, writeRecord } from '#storage/wal-format.ts';
import { assertGoesOn } from './support/checks.ts';
import { Devnet } from './support/devnet.ts';
import { type Outcome, run, startNode } from './support/process.ts';
import { until } from './support/rpc.ts';

const CONFIG = 'config/config.toml';
const GENESIS = 'config/genesis.json';
const NODE_KEY = 'config/node_key.json';
const KEY = 'config/priv_validator_key.json';
const SIGNED = 'data/priv_validator_state.json';
const WAL = 'data/wal';

type Break = (path: string) => Promise<unknown>;

const replace =
  (from: RegExp, to: string): Break =>
  async (path) => {
    const text = await readFile(path, 'utf8');
    assert.match(text, from);
    await writeFile(path, text.replace(from, to));
  };
const write =
  (text: string | Uint8Array): Break =>
  (path) =>
    writeFile(path, text, { mode: 0o600 });
const append =
  (text: string): Break =>
  async (path) =>
    writeFile(path, (await readFile(path, 'utf8')) + text);
/** In a home whose chain has not begun. */
const fresh =
  (how: Break): Break =>
  async (path) => {
    await rm(join(path, '../../data/chain.db'), { recursive: true });
    await how(path);
  };
const remove: Break = (path) => rm(path);

/** A log of one record with a right checksum that this program never wrote. */
const foreignLog: Break = async (path) => {
  const payload = Uint8Array.of(99, 1, 2, 3);
  const bytes = new Uint8Array(RECORD_HEADER_BYTES + payload.length);
  writeRecord(bytes, 0, payload);
  await writeFile(join(path, 'wal-0000000001'), bytes);
};

/** What is broken, in which file, and the words for the field and its fault. */
const CASES: readonly (readonly [name: string, file: string, how: Break, words: RegExp])[] = [
  ['TOML that is none', CONFIG, append('= broken\n'), /line \d+, column \d+/],
  ['an unknown key', CONFIG, append('[nosuch]\nx = 1\n'), /unknown key nosuch/],
  ['a word for a number', CONFIG, replace(/^size = .*$/m, 'size = "many"'), /mempool\.size = "many"/],
  ['an impossible address', CONFIG, replace(/^laddr = .*$/m, 'laddr = "nonsense"'), /p2p\.laddr = "nonsense"/],
  ['an empty moniker', CONFIG, replace(/^moniker = .*$/m, 'moniker = ""'), /moniker = ""/],
  ['no config', CONFIG, remove, /no such file.*bizra-node init/],
  ['a genesis that is not JSON', GENESIS, write('{'), /not JSON/],
  ['a genesis of escape sequences', GENESIS, write('\u001b[2J\u0007\n\u0000 hostile'), /not JSON/],
  ['a genesis nested without end', GENESIS, write('['.repeat(1e6) + ']'.repeat(1e6)), /nested deeper/],
  ['an empty chain id', GENESIS, replace(/"chain_id": ".*?"/, '"chain_id": ""'), /chain_id is ""/],
  ['a negative voting power', GENESIS, replace(/"power": ".*?"/, '"power": "-5"'), /validators\[0\]\.power is -5/],
  ['a negative balance', GENESIS, fresh(replace(/"amount": ".*?"/, '"amount": "-5"')), /amount.*-5/],
  ['a number for a denomination', GENESIS, replace(/"base_denom": ".*?"/, '"base_denom": 7'), /base_denom is 7/],
  ['a genesis of another chain', GENESIS, replace(/"chain_id": ".*?"/, '"chain_id": "other"'), /another genesis file/],
  ['no genesis', GENESIS, remove, /no such file.*bizra-node init/],
  ['a node key without a key', NODE_KEY, write('{}'), /priv_key/],
  ['a node key that is not JSON', NODE_KEY, write(Uint8Array.of(0, 255, 27, 10)), /not JSON/],
  ['a node key that others can read', NODE_KEY, (path) => chmod(path, 0o644), /mode 644.*chmod 600/],
  ['a validator key without a key', KEY, write('{}'), /priv_key is missing/],
  ["another key's address", KEY, replace(/"address": ".*?"/, '"address": "00"'), /address is not the key's/],
  ['a validator key that others can read', KEY, (path) => chmod(path, 0o644), /mode 644.*chmod 600/],
  ['no validator key', KEY, remove, /does not exist/],
  ['a damaged signing record', SIGNED, replace(/"round": \d+/, '"round": 7'), /checksum is wrong/],
  ['no signing record', SIGNED, remove, /is missing.*double signing.*--recover-signing-record/],
  ['an old signing record', SIGNED, write('{"height":"0","round":0,"step":0}'), /ends at .*0\/0\/0, but .* old copy/],
  ['a consensus log of something else', WAL, foreignLog, /record of the consensus log cannot be read.*unknown kind 99/],
];

describe('bad input is met with one line that says what to do', () => {
  let directory: string;
  let intact: string;

  before(async function () {
    this.timeout(30_000);
    directory = await mkdtemp(join(tmpdir(), 'bizra-e2e-'));
    intact = join(directory, 'intact');
    const accounts = join(directory, 'accounts');
    await writeFile(accounts, `${encodeBech32('bizra', new Uint8Array(20).fill(1))} 1000\n`);
    const flags = ['--p2p.laddr', 'tcp://127.0.0.1:0', '--rpc.laddr', 'tcp://127.0.0.1:0'];
    const { code, stderr } = await run(['init', 'node', '--home', intact, '--genesis-accounts', accounts, ...flags]);
    assert.equal(code, 0, stderr);
    await makeDatabase(intact, directory);
  });

  after(() => rm(directory, { recursive: true, force: true }));

  for (const [name, file, how, words] of CASES) {
    it(`${file}: ${name}`, async function () {
      this.timeout(60_000);
      const home = join(directory, 'broken');
      await rm(home, { recursive: true, force: true });
      // A killed node leaves the socket of its administration behind, and sockets cannot be copied.
      await cp(intact, home, { recursive: true, filter: (from) => !from.endsWith('.sock') });
      const path = join(home, file);
      await how(path);
      const outcome = await run(['start', '--home', home]);
      assert.equal(outcome.code, 2, outcome.stderr);
      assertOneLine(outcome, words);
      assert.ok(outcome.stderr.includes(path), `names the file: ${outcome.stderr}`);
    });
  }

  it('a second daemon on one home is refused, ports in use are said, and the first goes on', async function () {
    this.timeout(120_000);
    const net = await Devnet.start('--validators', '1');
    try {
      const { home, rpc, p2p } = net.node(0);
      const free = 'tcp://127.0.0.1:0';
      const start = (of: string, p2pAddress: string, rpcAddress: string): Promise<Outcome> =>
        run(['start', '--home', of, '--p2p.laddr', p2pAddress, '--rpc.laddr', rpcAddress]);
      const second = await start(home, free, free);
      assert.equal(second.code, 1);
      assertOneLine(second, /another process/);
      assert.ok(second.stderr.includes(home));
      for (const port of [new URL(rpc).port, p2p.split('/')[4]]) {
        const taken = `tcp://127.0.0.1:${port}`;
        const outcome = rpc.endsWith(`:${port}`) ? await start(intact, free, taken) : await start(intact, taken, free);
        assert.equal(outcome.code, 1);
        assertOneLine(outcome, new RegExp(`port ${port} is in use.*choose another port`));
      }
      await assertGoesOn(net.node(0), 2);
    } finally {
      await net.stop();
    }
  });
});

/** Starts the node and kills it once it has a block: there is a database then, and a log, and votes were signed. */
async function makeDatabase(home: string, directory: string): Promise<void> {
  const log = await open(join(directory, 'log'), 'w+');
  const child = startNode(home, ['--json'], log.fd);
  await until('the node has a block', async () =>
    (await readFile(join(directory, 'log'), 'utf8')).includes('block height=1'),
  );
  child.kill('SIGKILL');
  await once(child, 'exit');
  await log.close();
}

/** One line on standard error, without control characters, and nothing on standard output. */
function assertOneLine({ stdout, stderr }: Outcome, words: RegExp): void {
  assert.equal(stdout, '');
  assert.match(stderr, words);
  assert.equal(stderr.trimEnd().split('\n').length, 1, stderr);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what must not be there
  assert.doesNotMatch(stderr.trimEnd(), /[\u0000-\u001f\u007f-\u009f]/);
  assert.ok(stderr.length < 1_000, `${stderr.length} characters`);
}
