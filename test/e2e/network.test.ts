import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assertAgreement, assertGoesOn, signsAtHead, totalSupply } from './support/checks.ts';
import { Devnet } from './support/devnet.ts';
import { call, heightOf, until, waitForHeight } from './support/rpc.ts';
import { Traffic, writeTrafficAccounts } from './support/traffic.ts';
import { VoteAudit } from './support/vote-audit.ts';

const ACCOUNTS = 8;
const PACE_MS = 60;
const VALIDATORS = [0, 1, 2, 3];

describe('four validators under load', () => {
  let directory: string;
  let net: Devnet;
  let traffic: Traffic;
  let supplyBefore: string;
  const audit = new VoteAudit();

  before(async function () {
    this.timeout(150_000);
    directory = await mkdtemp(join(tmpdir(), 'bizra-e2e-'));
    const file = join(directory, 'accounts');
    await writeTrafficAccounts(file, ACCOUNTS);
    net = await Devnet.start('--validators', '4', '--genesis-accounts', file);
    supplyBefore = await totalSupply(net.node(0));
    traffic = new Traffic(net, { accounts: ACCOUNTS, paceMs: PACE_MS });
    await traffic.flows();
  });

  after(async function () {
    this.timeout(60_000);
    await traffic?.stop();
    await net?.stop();
    await rm(directory, { recursive: true, force: true });
  });

  it('one is killed: the three go on, it returns without help', async function () {
    this.timeout(120_000);
    const victim = 2;
    await net.kill(victim);
    await audit.readLog(net.node(victim).home);
    await assertGoesOn(net.node(0), 5);
    await traffic.flows();
    await net.restart(victim);
    await waitForHeight(net.node(victim).rpc, (await heightOf(net.node(0).rpc)) + 1);
    await until('its vote is in a commit again', () => signsAtHead(net.node(0), net.node(victim)));
    await assertAgreement(net);
  });

  it('all four are killed at the same instant: the chain goes on by itself', async function () {
    this.timeout(120_000);
    await net.kill(...VALIDATORS);
    for (const index of VALIDATORS) await audit.readLog(net.node(index).home);
    await Promise.all(VALIDATORS.map((index) => net.restart(index)));
    await until('node 0 answers', async () => (await heightOf(net.node(0).rpc)) > 0);
    await net.waitForAll((await heightOf(net.node(0).rpc)) + 3);
    await traffic.flows();
    await assertAgreement(net);
  });

  it('a fresh full node joins from the genesis file and one bootstrap address, and follows', async function () {
    this.timeout(120_000);
    const joined = await net.join('newcomer', 1);
    await waitForHeight(joined.rpc, (await heightOf(net.node(0).rpc)) + 3);
    await until('it is in sync', async () => {
      const status = await call<{ sync_info: { catching_up: boolean } }>(joined.rpc, 'status');
      return !status.sync_info.catching_up;
    });
    await assertAgreement(net);
  });

  it('nothing reported is lost, the supply is the same, nobody signed twice', async function () {
    this.timeout(120_000);
    await traffic.stop();
    const height = Math.max(...(await Promise.all(net.nodes.map(({ rpc }) => heightOf(rpc)))));
    await net.waitForAll(height + 1);
    await traffic.assertNothingLost();
    for (const node of net.nodes) assert.equal(await totalSupply(node), supplyBefore);
    await audit.readCommits(net);
    audit.assertNobodySignedTwice();
    for (const index of VALIDATORS) {
      assert.doesNotMatch(await net.log(index), /signed two votes|the signer refused|internal error/);
    }
  });
});
