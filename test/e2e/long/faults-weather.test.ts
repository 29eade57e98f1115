import { assertGoesOn } from '../support/checks.ts';
import { type FaultNet, loadedFaultNet } from '../support/fault-net.ts';
import { endure } from '../support/fault-trial.ts';
import type { LoadedNetwork } from '../support/loaded-network.ts';

const TRIAL_TIMEOUT_MS = 300_000;
const LASTS_MS = 40_000;
/** Heights that must be decided meanwhile. Each takes three delays, and many wait for a segment that was lost. */
const BLOCKS = 5;

describe('four validators under load, behind proxies that delay and lose', () => {
  let network: LoadedNetwork<FaultNet>;

  before(async function () {
    this.timeout(150_000);
    network = await loadedFaultNet();
  });

  after(async function () {
    this.timeout(60_000);
    await network?.stop();
  });

  it('300 ms with 5 % loss on all links for 40 s: the chain goes on, and at its pace 5 s after', async function () {
    this.timeout(TRIAL_TIMEOUT_MS);
    const { net } = network;
    await endure(network, {
      title: '300 ms and 5 % loss',
      lastsMs: LASTS_MS,
      start: () => net.mesh.impair({ delayMs: 300, jitterMs: 30, loss: 0.05 }),
      during: () => assertGoesOn(net.node(0), BLOCKS, LASTS_MS),
      end: () => net.mesh.heal(),
    });
  });

  it('64 KiB/s on each link for 20 s: the chain goes on, and at its pace 5 s after', async function () {
    this.timeout(TRIAL_TIMEOUT_MS);
    const { net } = network;
    await endure(network, {
      title: '64 KiB/s',
      lastsMs: LASTS_MS / 2,
      start: () => net.mesh.impair({ delayMs: 20, jitterMs: 5, loss: 0, bytesPerSecond: 64 * 1_024 }),
      during: () => assertGoesOn(net.node(0), BLOCKS, LASTS_MS / 2),
      end: () => net.mesh.heal(),
    });
  });

  it('nothing reported is lost, the supply is the same, nobody signed twice', async function () {
    this.timeout(600_000);
    await network.assertAllIsWell();
  });
});
