import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { Devnet } from './support/devnet.ts';

const README = new URL('../../README.md', import.meta.url);
/** Beside the tests, so that its imports resolve as a reader's would in the checkout. */
const SCRIPT = new URL('./.readme-payment.mjs', import.meta.url);
const RPC_IN_README = 'http://127.0.0.1:26657';

describe('the README', () => {
  let net: Devnet;

  before(async function () {
    this.timeout(90_000);
    net = await Devnet.start('--validators', '1');
  });

  after(async function () {
    this.timeout(30_000);
    await rm(SCRIPT, { force: true });
    await net?.stop();
  });

  it('shows a payment that works as it is written', async function () {
    this.timeout(60_000);
    const code = /```js\n([\s\S]*?)```/.exec(await readFile(README, 'utf8'))?.[1] ?? '';
    assert.ok(code.includes(RPC_IN_README), 'the README has a payment in it');
    assert.equal(net.ready.accounts[0]?.mnemonic, /const mnemonic = '(.*)'/.exec(code)?.[1], 'it is the first account');
    await writeFile(SCRIPT, code.replace(RPC_IN_README, net.node(0).rpc));
    const { stdout } = await promisify(execFile)(process.execPath, [SCRIPT.pathname]);
    assert.match(stdout, /^paid in block \d+: [0-9A-F]{64}\n$/);
  });
});
