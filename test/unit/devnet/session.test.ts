import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { encodeBech32 } from '#crypto/address.ts';
import { parseGenesis } from '#types/genesis.ts';
import { parseDevnetOptions } from '../../../devnet/options.ts';
import { Session } from '../../../devnet/session.ts';

const STAND_IN = fileURLToPath(new URL('stand-in-node.ts', import.meta.url));

interface Event {
  readonly event: string;
  readonly [key: string]: unknown;
}

interface ReadyNode {
  readonly moniker: string;
  readonly home: string;
  readonly pid: number;
  readonly rpc: string;
  readonly p2p: string;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Resolves once the process is gone; the test's own timeout is the limit. */
async function gone(pid: number): Promise<void> {
  while (isAlive(pid)) await new Promise((resolve) => setTimeout(resolve, 10));
}

describe('devnet session', () => {
  let directory = '';
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'bizra-devnet-'));
  });
  afterEach(async () => {
    delete process.env.STAND_IN;
    await rm(directory, { recursive: true });
  });

  /** Runs with stand-ins; `onEvent` may abort. */
  function start(args: readonly string[], faults: object, onEvent: (event: Event, stop: () => void) => void) {
    process.env.STAND_IN = JSON.stringify(faults);
    const options = parseDevnetOptions(['--base-port', '0', '--json', ...args], () => {});
    assert.ok(options !== undefined);
    const controller = new AbortController();
    const events: Event[] = [];
    const warnings: string[] = [];
    const output = {
      line: (text: string) => {
        const event = JSON.parse(text) as Event;
        events.push(event);
        onEvent(event, () => controller.abort());
      },
      warn: (text: string) => void warnings.push(text),
      interactive: false,
    };
    const command = [process.execPath, STAND_IN, 'start'];
    const code = new Session(output, controller.signal, { ...options, command, directory }).run();
    return { code, events, warnings };
  }

  it('tells when all nodes answer, in the shape of the contract, and stops all of them on request', async () => {
    const more = join(directory, 'more.txt');
    const extra = encodeBech32('cosmos', new Uint8Array(20).fill(9));
    await writeFile(more, `${extra} 77\n`);
    const args = [
      '--validators',
      '2',
      '--full-nodes',
      '1',
      '--prefix',
      'cosmos',
      '--denom',
      'stake',
      '--genesis-accounts',
      more,
    ];
    const session = start(args, {}, (_event, stop) => stop());
    assert.equal(await session.code, 0);
    const [ready] = session.events;
    assert.equal(session.events.length, 1);
    assert.deepEqual(Object.keys(ready ?? {}), [
      'event',
      'chain_id',
      'prefix',
      'denom',
      'gas_price',
      'nodes',
      'accounts',
    ]);
    assert.deepEqual(
      [ready?.event, ready?.chain_id, ready?.prefix, ready?.denom, ready?.gas_price],
      ['ready', 'bizra-devnet', 'cosmos', 'stake', '0.025stake'],
    );
    const nodes = ready?.nodes as (ReadyNode & { rest: null })[];
    assert.deepEqual(
      nodes.map(({ moniker }) => moniker),
      ['validator0', 'validator1', 'full0'],
    );
    for (const [index, node] of nodes.entries()) {
      assert.deepEqual(Object.keys(node), ['moniker', 'home', 'pid', 'rpc', 'rest', 'p2p']);
      const port = Number(new URL(node.rpc).port);
      assert.equal(port, Number(new URL(nodes[0]?.rpc ?? '').port) + 10 * index);
      assert.match(node.p2p, new RegExp(`^/ip4/127\\.0\\.0\\.1/tcp/${port - 1}/p2p/12D3Koo`));
      assert.equal(node.rest, null);
      assert.equal(isAlive(node.pid), false);
    }
    const accounts = ready?.accounts as { name: string; address: string; mnemonic: string }[];
    assert.equal(accounts.length, 4);
    assert.ok(
      accounts.every(({ address, mnemonic }) => address.startsWith('cosmos1') && mnemonic.split(' ').length === 24),
    );
    const genesis = parseGenesis(await readFile(join(directory, 'full0', 'config', 'genesis.json'), 'utf8'));
    const { balances } = genesis.appState.bank as { balances: { address: string; coins: { amount: string }[] }[] };
    assert.deepEqual(
      balances.map(({ coins }) => coins[0]?.amount),
      [...Array(4).fill('1000000000000'), '77'],
    );
    assert.equal(balances[4]?.address, extra);
    assert.deepEqual([genesis.chain.blockIntervalMinMs, genesis.chain.emptyBlockIntervalMs], [0, 1_000]);
  });

  it('stops by itself at a height and tells the state that all nodes agree on', async () => {
    const session = start(['--validators', '3', '--until-height', '5'], {}, () => {});
    assert.equal(await session.code, 0);
    const done = session.events.at(-1);
    assert.deepEqual(Object.keys(done ?? {}), ['event', 'height', 'block_id', 'app_hash', 'validators', 'seconds']);
    const appHash = Buffer.from('state').toString('hex').toUpperCase();
    assert.deepEqual(
      [done?.event, done?.height, done?.block_id, done?.app_hash, done?.validators],
      ['done', 5, 'AB', appHash, 3],
    );
  });

  it('ends with 1 and names the node when the nodes differ', async () => {
    const session = start(['--validators', '3', '--until-height', '2'], { validator1: { appHash: 'other' } }, () => {});
    assert.equal(await session.code, 1);
    assert.equal(session.events.at(-1)?.event, 'done');
    assert.match(session.warnings.join(), /validator1 differs/);
  });

  it('tells the end of a node, leaves it dead and goes on with the others', async () => {
    const faults = { validator0: { exitCode: 7, exitAtHeight: 100 } };
    const session = start(['--validators', '2', '--until-height', '120'], faults, (event) => {
      const [, second] = (event.nodes ?? []) as ReadyNode[];
      if (second !== undefined) process.kill(second.pid, 'SIGKILL');
    });
    await assert.rejects(session.code, { code: 'failed', message: /all nodes ended/ });
    assert.deepEqual(session.events.slice(1), [
      { event: 'exit', moniker: 'validator1', code: 137 },
      { event: 'exit', moniker: 'validator0', code: 7 },
    ]);
  });

  it('says what a node said that ended before the network was up, and stops the rest', async () => {
    const session = start(['--validators', '3'], { validator2: { exitCode: 2 } }, () => {});
    await assert.rejects(session.code, {
      code: 'failed',
      message: 'validator2 ended with code 2: something is broken here',
    });
    assert.deepEqual(session.events, []);
  });

  it('kills a node that does not stop when asked, and says so', async function () {
    this.timeout(40_000);
    const session = start(['--validators', '2'], { validator0: { ignoreSigterm: true } }, (_event, stop) => stop());
    assert.equal(await session.code, 0);
    assert.match(session.warnings.join(), /validator0 did not stop in time/);
    const nodes = (session.events[0]?.nodes ?? []) as ReadyNode[];
    assert.deepEqual(
      nodes.map(({ pid }) => isAlive(pid)),
      [false, false],
    );
  });

  it('takes its nodes with it when it is killed', async () => {
    const script = fileURLToPath(new URL('run-session.ts', import.meta.url));
    const child = spawn(process.execPath, [script, directory], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = await once(createInterface({ input: child.stdout }), 'line');
    child.kill('SIGKILL');
    const { nodes } = JSON.parse(String(line)) as { nodes: ReadyNode[] };
    assert.equal(nodes.length, 2);
    for (const { pid } of nodes) await gone(pid);
  });
});
