import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Devnet } from '../support/devnet.ts';
import { heightOf, until, waitForHeight } from '../support/rpc.ts';
import { writeManyAccounts } from '../support/state-sync.ts';

/** Two leaves each: more than a node builds at a start without a copy. */
const ACCOUNTS = 26_000;
const TIMEOUT_MS = 240_000;

describe('a node with a large state, started again', () => {
  let directory: string;
  let net: Devnet;

  before(async function () {
    this.timeout(TIMEOUT_MS);
    directory = await mkdtemp(join(tmpdir(), 'bizra-saved-tree-'));
    const file = join(directory, 'accounts');
    await writeManyAccounts(file, ACCOUNTS);
    net = await Devnet.start('--validators', '1', '--genesis-accounts', file);
  });

  after(async function () {
    this.timeout(60_000);
    await net?.stop();
    await rm(directory, { recursive: true });
  });

  const copyFile = (): string => join(net.node(0).home, 'data', 'tree.copy');

  const logged = (text: RegExp): Promise<void> =>
    until(`the log says ${text}`, async () => text.test(await net.log(0)), TIMEOUT_MS);

  const terminated = async (): Promise<void> => {
    const { pid } = net.node(0);
    process.kill(pid, 'SIGTERM');
    await until('the node has stopped', async () => !isAlive(pid), TIMEOUT_MS);
  };

  /** What the log says of the start that follows, and that the chain goes on. */
  const restarted = async (loaded: RegExp): Promise<void> => {
    const { home, rpc } = net.node(0);
    await writeFile(join(home, 'node.log'), '');
    await net.restart(0);
    await logged(/state loaded/);
    assert.match(await net.log(0), loaded);
    await waitForHeight(rpc, 1, TIMEOUT_MS);
    await waitForHeight(rpc, (await heightOf(rpc)) + 2, TIMEOUT_MS);
  };

  it('after a kill: from the copy that it made in the background, and what changed since', async function () {
    this.timeout(TIMEOUT_MS);
    await logged(/saved the state tree/);
    await waitForHeight(net.node(0).rpc, (await heightOf(net.node(0).rpc)) + 3, TIMEOUT_MS);
    await net.kill(0);
    await restarted(/state loaded.*from=copy.*heights=[1-9]/);
    await logged(/verified the stored state/);
  });

  it('after a clean stop: from the copy that it made at the end', async function () {
    this.timeout(TIMEOUT_MS);
    await terminated();
    await restarted(/state loaded.*from=copy.*heights=0/);
  });

  it('with a damaged copy: from all leaves', async function () {
    this.timeout(TIMEOUT_MS);
    await terminated();
    const bytes = await readFile(copyFile());
    bytes[bytes.length >>> 1] = (bytes[bytes.length >>> 1] as number) ^ 1;
    await writeFile(copyFile(), bytes);
    await restarted(/of no use.*is damaged[\s\S]*state loaded.*from=leaves/);
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
