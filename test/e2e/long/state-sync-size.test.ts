import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assertAgreement } from '../support/checks.ts';
import { FaultNet } from '../support/fault-net.ts';
import { makeAccounts, payer } from '../support/many-accounts.ts';
import { byzantineNode } from '../support/odd-program.ts';
import { call, heightOf, until, waitForHeight } from '../support/rpc.ts';
import { killOnTheWay, removeData, stateSyncFlags } from '../support/state-sync.ts';

/** `BIZRA_E2E_ACCOUNTS`: how many accounts the chain has. */
const ACCOUNTS = Number(process.env.BIZRA_E2E_ACCOUNTS ?? 1_000_000);
const SNAPSHOT_INTERVAL = 5;
const TRUSTED_HEIGHT = 2;
const KILLS = 5;
/** Of each kill against the one before. Milliseconds. */
const LATER_MS = 4_000;
const HOURS_MS = 3_600_000;

/** Milliseconds until node `index`, without data, is where node 0 was when it began. */
async function timed(net: FaultNet, index: number, flags: readonly string[], kills = 0): Promise<number> {
  await net.kill(index);
  await removeData(net.node(index).home);
  const target = await heightOf(net.node(0).rpc);
  const startMs = performance.now();
  await killOnTheWay(net, index, flags, { kills, laterMs: LATER_MS });
  await net.restart(index, ...flags);
  await waitForHeight(net.node(index).rpc, target, HOURS_MS);
  return performance.now() - startMs;
}

describe(`a chain of ${ACCOUNTS} accounts, made by transactions`, () => {
  let net: FaultNet;
  let directory: string;

  before(async function () {
    this.timeout(2 * HOURS_MS);
    directory = await mkdtemp(join(tmpdir(), 'bizra-accounts-'));
    const accountsFile = join(directory, 'accounts');
    await writeFile(accountsFile, `${payer().text} 1000000000000000\n`);
    const settings = { 'snapshots.interval': String(SNAPSHOT_INTERVAL) };
    const byzantine = byzantineNode('lying-snapshot-peer');
    net = await FaultNet.start({ validators: 4, accountsFile, byzantine, direct: true, settings });
    const { rpc } = net.node(0);
    await makeAccounts(rpc, net.ready.chain_id, ACCOUNTS);
    // One that has all of them, and the header after it.
    await waitForHeight(rpc, (await heightOf(rpc)) + SNAPSHOT_INTERVAL + 2, HOURS_MS);
    const made = /snapshot height=(\d+)/g;
    await until('a snapshot is made', async () => made.test(await net.log(0)), HOURS_MS);
  });

  after(async function () {
    this.timeout(60_000);
    await net?.stop();
    await rm(directory, { recursive: true, force: true });
  });

  it('comes to a node without data by state sync, with a liar among its three peers', async function () {
    this.timeout(2 * HOURS_MS);
    report('state sync', await timed(net, 2, await stateSyncFlags(net.node(0).rpc, TRUSTED_HEIGHT)));
    await assertBeganWithSnapshot();
  });

  it('comes by state sync to one that is killed five times on the way', async function () {
    this.timeout(2 * HOURS_MS);
    const flags = await stateSyncFlags(net.node(0).rpc, TRUSTED_HEIGHT);
    report(`state sync with ${KILLS} kills`, await timed(net, 2, flags, KILLS));
    await assertBeganWithSnapshot();
    assert.match(await net.byzantineLog(), /byzantine: /, 'the liar was asked');
  });

  it('comes by block sync', async function () {
    this.timeout(2 * HOURS_MS);
    report('block sync', await timed(net, 2, []));
    await assertAgreement(net);
  });

  async function assertBeganWithSnapshot(): Promise<void> {
    const status = await call<{ sync_info: { earliest_block_height: string } }>(net.node(2).rpc, 'status');
    assert.ok(Number(status.sync_info.earliest_block_height) > SNAPSHOT_INTERVAL, 'it has no blocks of before');
    await assertAgreement(net);
  }

  function report(how: string, tookMs: number): void {
    console.log(`      ${ACCOUNTS} accounts, ${how}: ${(tookMs / 1_000).toFixed(1)} s`);
  }
});
