import { assertGoesOn, assertSameHistory } from './support/checks.ts';
import { type FaultNet, loadedFaultNet } from './support/fault-net.ts';
import { assertHalts } from './support/fault-trial.ts';
import type { LoadedNetwork } from './support/loaded-network.ts';

/** Longer than the silence after which links are given up: the heal needs new ones. */
const PARTITION_MS = 5_000;

describe('a partition of two and two, under load', () => {
  let network: LoadedNetwork<FaultNet>;

  before(async function () {
    this.timeout(150_000);
    network = await loadedFaultNet();
  });

  after(async function () {
    this.timeout(60_000);
    await network?.stop();
  });

  it('nothing is decided; after the heal the chain goes on by itself, with one history', async function () {
    this.timeout(120_000);
    const { net, traffic } = network;
    net.mesh.partition([0, 1], [2, 3]);
    await assertHalts(network, PARTITION_MS);
    net.mesh.heal();
    await assertGoesOn(net.node(0));
    await traffic.flows();
    await assertSameHistory(net);
  });

  it('nothing reported is lost, the supply is the same, nobody signed twice', async function () {
    this.timeout(120_000);
    await network.assertAllIsWell();
  });
});
