import { assertAgreement, assertGoesOn, assertReturns } from '../support/checks.ts';
import { LoadedNetwork, VALIDATORS } from '../support/loaded-network.ts';
import { rounds } from '../support/rounds.ts';
import { pause } from '../support/rpc.ts';

const ROUND_TIMEOUT_MS = 120_000;
/** Kills come at other moments of a height each time: a prime, so that the moments do not repeat. */
const JITTER_MS = 37;
const JITTER_WRAP_MS = 400;

function jitter(round: number): Promise<void> {
  return pause((round * JITTER_MS) % JITTER_WRAP_MS);
}

describe(`each validator in turn is killed ${rounds()} times under load`, () => {
  let network: LoadedNetwork;

  before(async function () {
    this.timeout(150_000);
    network = await LoadedNetwork.start();
  });

  after(async function () {
    this.timeout(60_000);
    await network?.stop();
  });

  for (const victim of VALIDATORS) {
    it(`validator ${victim}: the three go on, it returns without help, all agree`, async function () {
      this.timeout(rounds() * ROUND_TIMEOUT_MS);
      const { net, traffic } = network;
      const witness = net.node((victim + 1) % VALIDATORS.length);
      for (let round = 0; round < rounds(); round++) {
        await jitter(round);
        await network.kill(victim);
        await assertGoesOn(witness);
        await traffic.flows();
        await net.restart(victim);
        await assertReturns(net.node(victim), witness);
        await assertAgreement(net);
      }
    });
  }

  it('nothing reported is lost, the supply is the same, nobody signed twice', async function () {
    this.timeout(600_000);
    await network.assertAllIsWell();
  });
});

describe(`all four are killed at the same instant ${rounds()} times under load`, () => {
  let network: LoadedNetwork;

  before(async function () {
    this.timeout(150_000);
    network = await LoadedNetwork.start();
  });

  after(async function () {
    this.timeout(60_000);
    await network?.stop();
  });

  it('the chain goes on by itself', async function () {
    this.timeout(rounds() * ROUND_TIMEOUT_MS);
    for (let round = 0; round < rounds(); round++) {
      await jitter(round);
      await network.kill(...VALIDATORS);
      await network.restartAll();
    }
  });

  it('nothing reported is lost, the supply is the same, nobody signed twice', async function () {
    this.timeout(600_000);
    await network.assertAllIsWell();
  });
});
