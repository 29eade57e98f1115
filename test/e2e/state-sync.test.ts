import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assertAgreement, assertReturns, totalSupply } from './support/checks.ts';
import { FaultNet } from './support/fault-net.ts';
import { call, waitForHeight } from './support/rpc.ts';
import { removeData, stateSyncFlags, writeManyAccounts } from './support/state-sync.ts';

const SNAPSHOT_INTERVAL = 2;
const TRUSTED_HEIGHT = 1;
const ACCOUNTS = 100;

describe('four validators with snapshots', () => {
  let net: FaultNet;
  let directory: string;

  before(async function () {
    this.timeout(150_000);
    directory = await mkdtemp(join(tmpdir(), 'bizra-accounts-'));
    const accountsFile = join(directory, 'accounts');
    await writeManyAccounts(accountsFile, ACCOUNTS);
    const settings = { 'snapshots.interval': String(SNAPSHOT_INTERVAL) };
    net = await FaultNet.start({ validators: 4, accountsFile, direct: true, settings });
    await waitForHeight(net.node(0).rpc, SNAPSHOT_INTERVAL + 1);
  });

  after(async function () {
    this.timeout(60_000);
    await net?.stop();
    await rm(directory, { recursive: true, force: true });
  });

  it('one that lost its data begins with a snapshot, answers as the others do, and signs again', async function () {
    this.timeout(120_000);
    const node = net.node(3);
    const flags = await stateSyncFlags(net.node(0).rpc, TRUSTED_HEIGHT);
    await net.kill(3);
    await removeData(node.home);
    await net.restart(3, ...flags);
    await assertReturns(node, net.node(0));
    await assertAgreement(net);
    const { sync_info } = await call<{ sync_info: { earliest_block_height: string } }>(node.rpc, 'status');
    assert.ok(Number(sync_info.earliest_block_height) > SNAPSHOT_INTERVAL, 'it has no blocks of before');
    assert.equal(await totalSupply(node), await totalSupply(net.node(0)));
  });
});
