import { assertGoesOn } from '../support/checks.ts';
import { type FaultNet, loadedFaultNet } from '../support/fault-net.ts';
import { assertHalts, endure } from '../support/fault-trial.ts';
import type { LoadedNetwork } from '../support/loaded-network.ts';

const TRIAL_TIMEOUT_MS = 300_000;
const STOPPED_MS = 30_000;

describe('four validators under load, of which some are stopped (SIGSTOP)', () => {
  let network: LoadedNetwork<FaultNet>;

  before(async function () {
    this.timeout(150_000);
    network = await loadedFaultNet();
  });

  after(async function () {
    this.timeout(60_000);
    await network?.stop();
  });

  async function stopped(title: string, indexes: readonly number[], during: () => Promise<void>): Promise<void> {
    const { net, traffic } = network;
    await traffic.leave(...indexes);
    await endure(network, {
      title,
      lastsMs: STOPPED_MS,
      start: () => net.freeze(...indexes),
      during,
      end: () => net.thaw(...indexes),
    });
    traffic.comeBack();
  }

  it('one for 30 s: the three go on, and the chain has its pace 5 s after it goes on', async function () {
    this.timeout(TRIAL_TIMEOUT_MS);
    await stopped('one stopped', [3], () => assertGoesOn(network.net.node(0)));
  });

  it('two for 30 s: nothing is decided, and the chain has its pace 5 s after they go on', async function () {
    this.timeout(TRIAL_TIMEOUT_MS);
    await stopped('two stopped', [1, 2], () => assertHalts(network, STOPPED_MS - 1_000));
  });

  it('nothing reported is lost, the supply is the same, nobody signed twice', async function () {
    this.timeout(600_000);
    await network.assertAllIsWell();
  });
});
