import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assertAgreement, assertReturns, totalSupply } from '../support/checks.ts';
import { FaultNet } from '../support/fault-net.ts';
import { byzantineNode } from '../support/odd-program.ts';
import { waitForHeight } from '../support/rpc.ts';
import { killOnTheWay, removeData, stateSyncFlags, writeManyAccounts } from '../support/state-sync.ts';

const SNAPSHOT_INTERVAL = 4;
const TRUSTED_HEIGHT = 2;
/** Some dozen chunks, so that kills meet them. */
const ACCOUNTS = 60_000;
const KILLS = 5;
/** Of each kill against the one before; a chunk takes less. Milliseconds. */
const LATER_MS = 250;
const SYNC_TIMEOUT_MS = 240_000;

describe('a validator that lost its data, two honest peers and one that lies about snapshots', () => {
  let net: FaultNet;
  let directory: string;

  before(async function () {
    this.timeout(300_000);
    directory = await mkdtemp(join(tmpdir(), 'bizra-accounts-'));
    const accountsFile = join(directory, 'accounts');
    await writeManyAccounts(accountsFile, ACCOUNTS);
    const settings = { 'snapshots.interval': String(SNAPSHOT_INTERVAL) };
    const byzantine = byzantineNode('lying-snapshot-peer');
    net = await FaultNet.start({ validators: 4, accountsFile, byzantine, direct: true, settings });
    await waitForHeight(net.node(0).rpc, SNAPSHOT_INTERVAL + 2);
  });

  after(async function () {
    this.timeout(60_000);
    await net?.stop();
    await rm(directory, { recursive: true, force: true });
  });

  it('is killed five times on the way, ends with the same state, and signs', async function () {
    this.timeout(2 * SYNC_TIMEOUT_MS);
    const node = net.node(2);
    const flags = await stateSyncFlags(net.node(0).rpc, TRUSTED_HEIGHT);
    await net.kill(2);
    await removeData(node.home);
    await killOnTheWay(net, 2, flags, { kills: KILLS, laterMs: LATER_MS });
    await net.restart(2, ...flags);
    await assertReturns(node, net.node(0), SYNC_TIMEOUT_MS);
    await assertAgreement(net);
    assert.equal(await totalSupply(node), await totalSupply(net.node(0)));
    const log = await net.log(2);
    assert.match(log, /state sync: done/);
    assert.doesNotMatch(log, /internal error/);
    const deeds = (await net.byzantineLog()).split('\n').flatMap((line) => /byzantine: (.+)$/.exec(line)?.[1] ?? []);
    console.log(`      misdeeds: ${[...new Set(deeds)].join(', ')}`);
    assert.ok(deeds.length > 0, 'the liar was asked');
  });
});
