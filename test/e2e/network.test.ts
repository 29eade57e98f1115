import assert from 'node:assert/strict';
import { open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { assertAgreement, assertGoesOn, assertReturns } from './support/checks.ts';
import { LoadedNetwork, VALIDATORS } from './support/loaded-network.ts';
import { call, heightOf, until, waitForHeight } from './support/rpc.ts';

describe('four validators under load', () => {
  let network: LoadedNetwork;

  before(async function () {
    this.timeout(150_000);
    network = await LoadedNetwork.start();
  });

  after(async function () {
    this.timeout(60_000);
    await network?.stop();
  });

  it('one is killed: the three go on, it returns without help', async function () {
    this.timeout(120_000);
    const { net, traffic } = network;
    await network.kill(2);
    await assertGoesOn(net.node(0), 5);
    await traffic.flows();
    await net.restart(2);
    await assertReturns(net.node(2), net.node(0));
    await assertAgreement(net);
  });

  it('one is killed and its consensus log damaged: it says so, and votes from a later height on', async function () {
    this.timeout(120_000);
    const { net } = network;
    const { home } = net.node(3);
    await network.kill(3);
    await damageLog(home);
    await net.restart(3);
    await assertReturns(net.node(3), net.node(0));
    const log = await net.log(3);
    assert.ok(log.split('\n').some((line) => line.includes('is damaged') && line.includes(join(home, 'data', 'wal'))));
    await assertAgreement(net);
  });

  it('all four are killed at the same instant: the chain goes on by itself', async function () {
    this.timeout(120_000);
    await network.kill(...VALIDATORS);
    await network.restartAll();
  });

  it('a fresh full node joins from the genesis file and one bootstrap address, and follows', async function () {
    this.timeout(120_000);
    const { net } = network;
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
    await network.assertAllIsWell();
  });
});

/** Flips a bit in the middle of the newest segment, with good records behind it. */
async function damageLog(home: string): Promise<void> {
  const directory = join(home, 'data', 'wal');
  const path = join(directory, (await readdir(directory)).sort().at(-1) ?? '');
  const middle = Math.floor((await stat(path)).size / 2);
  const file = await open(path, 'r+');
  const byte = new Uint8Array(1);
  await file.read(byte, 0, 1, middle);
  byte[0] = (byte[0] ?? 0) ^ 1;
  await file.write(byte, 0, 1, middle);
  await file.close();
}
