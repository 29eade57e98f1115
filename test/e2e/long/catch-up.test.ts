import { assertAgreement, assertGoesOn, assertReturns } from '../support/checks.ts';
import { LoadedNetwork } from '../support/loaded-network.ts';
import { blocksAway } from '../support/rounds.ts';

/** Every fourth height waits for the proposal of the validator that is away. */
const BLOCK_TIMEOUT_MS = 3_000;
const RETURN_TIMEOUT_MS = 300_000;

describe(`a validator that was away for ${blocksAway()} blocks under load`, () => {
  let network: LoadedNetwork;

  before(async function () {
    this.timeout(150_000);
    network = await LoadedNetwork.start();
  });

  after(async function () {
    this.timeout(60_000);
    await network?.stop();
  });

  it('catches up and votes again', async function () {
    this.timeout(blocksAway() * BLOCK_TIMEOUT_MS + 2 * RETURN_TIMEOUT_MS);
    const { net, traffic } = network;
    await network.kill(3);
    await assertGoesOn(net.node(0), blocksAway(), blocksAway() * BLOCK_TIMEOUT_MS);
    await net.restart(3);
    await assertReturns(net.node(3), net.node(0), RETURN_TIMEOUT_MS);
    await traffic.flows();
    await assertAgreement(net);
  });

  it('nothing reported is lost, the supply is the same, nobody signed twice', async function () {
    this.timeout(600_000);
    await network.assertAllIsWell();
  });
});
