import { assertGoesOn } from '../support/checks.ts';
import { type FaultNet, loadedFaultNet } from '../support/fault-net.ts';
import { assertHalts, endure } from '../support/fault-trial.ts';
import type { LoadedNetwork } from '../support/loaded-network.ts';

const TRIAL_TIMEOUT_MS = 240_000;
const CUT_MS = 20_000;

describe('four validators under load, behind proxies that cut', () => {
  let network: LoadedNetwork<FaultNet>;

  before(async function () {
    this.timeout(150_000);
    network = await loadedFaultNet();
  });

  after(async function () {
    this.timeout(60_000);
    await network?.stop();
  });

  it('a partition of two and two for 20 s: nothing is decided, and the pace is back 5 s after the heal', async function () {
    this.timeout(TRIAL_TIMEOUT_MS);
    const { mesh } = network.net;
    await endure(network, {
      title: 'partition 2|2',
      lastsMs: CUT_MS,
      start: () => mesh.partition([0, 1], [2, 3]),
      during: () => assertHalts(network, CUT_MS - 1_000),
      end: () => mesh.heal(),
    });
  });

  it('a partition of three and one for 20 s: the three go on', async function () {
    this.timeout(TRIAL_TIMEOUT_MS);
    const { net } = network;
    await endure(network, {
      title: 'partition 3|1',
      lastsMs: CUT_MS,
      start: () => net.mesh.partition([0, 1, 2], [3]),
      during: () => assertGoesOn(net.node(0)),
      end: () => net.mesh.heal(),
    });
  });

  const ONE_WAY: readonly { readonly title: string; readonly cuts: readonly (readonly [number, number])[] }[] = [
    { title: 'one direction between two', cuts: [[0, 1]] },
    // Four links are left, a ring: what TCP cannot acknowledge it cannot carry, so a link with one direction is none.
    {
      title: 'one direction in each of two pairs',
      cuts: [
        [0, 1],
        [2, 3],
      ],
    },
    {
      title: 'a validator that nobody hears',
      cuts: [
        [3, 0],
        [3, 1],
        [3, 2],
      ],
    },
    {
      title: 'a validator that hears nobody',
      cuts: [
        [0, 3],
        [1, 3],
        [2, 3],
      ],
    },
  ];

  for (const { title, cuts } of ONE_WAY) {
    it(`one-way cuts for 20 s, ${title}: the chain goes on, and at its pace 5 s after the heal`, async function () {
      this.timeout(TRIAL_TIMEOUT_MS);
      const { net } = network;
      await endure(network, {
        title: `one-way cuts, ${title}`,
        lastsMs: CUT_MS,
        start: () => {
          for (const [from, to] of cuts) net.mesh.cut(from, to);
        },
        during: () => assertGoesOn(net.node(0)),
        end: () => net.mesh.heal(),
      });
    });
  }

  it('nothing reported is lost, the supply is the same, nobody signed twice', async function () {
    this.timeout(600_000);
    await network.assertAllIsWell();
  });
});
