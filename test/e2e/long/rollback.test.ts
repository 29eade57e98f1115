import assert from 'node:assert/strict';
import { QueryAllBalancesRequest, QueryTotalSupplyRequest } from 'cosmjs-types/cosmos/bank/v1beta1/query';
import { AddressBook } from '#app/address.ts';
import { FEE_COLLECTOR } from '#app/modules/auth/module-accounts.ts';
import { RpcClient } from '#cli/rpc-client.ts';
import { toHex } from '#util/bytes.ts';
import { assertReturns, assertSameHistory } from '../support/checks.ts';
import { LoadedNetwork } from '../support/loaded-network.ts';
import { run } from '../support/process.ts';
import { appHashAt, heightOf, waitForHeight } from '../support/rpc.ts';

/** What a rollback must manage, and a bit more for the time in which the test looks at heights. */
const BACK = 100;
const EVERY = 15;
const RETURN_TIMEOUT_MS = 300_000;

/** What a node said of its state, and at which height that was. */
interface Said {
  readonly path: string;
  readonly data: Uint8Array;
  readonly height: number;
  readonly value: string;
}

describe('a validator whose operator rolls it back under load', () => {
  let network: LoadedNetwork;
  const said: Said[] = [];

  before(async function () {
    this.timeout(150_000);
    network = await LoadedNetwork.start();
  });

  after(async function () {
    this.timeout(60_000);
    await network?.stop();
  });

  const ask = async (node: number, path: string, data: Uint8Array, height?: number): Promise<Said> => {
    const client = new RpcClient(network.net.node(node).rpc);
    const answer = await client.abciQuery(path, data, height === undefined ? {} : { height });
    assert.equal(answer.code, 0, answer.log);
    return { path, data, height: answer.height, value: toHex(answer.value) };
  };

  it('rollback-and-reset: goes back 100 heights, applies them again, and votes with the network', async function () {
    this.timeout(2 * RETURN_TIMEOUT_MS);
    const { net, traffic } = network;
    // Every payment pays a fee.
    const address = new AddressBook(net.ready.prefix).ofModule(FEE_COLLECTOR).text;
    const balances = QueryAllBalancesRequest.encode(QueryAllBalancesRequest.fromPartial({ address })).finish();
    const supply = QueryTotalSupplyRequest.encode(QueryTotalSupplyRequest.fromPartial({})).finish();
    for (let height = EVERY; height <= BACK + 2 * EVERY; height += EVERY) {
      await waitForHeight(net.node(0).rpc, height, RETURN_TIMEOUT_MS);
      said.push(await ask(0, '/cosmos.bank.v1beta1.Query/AllBalances', balances));
      said.push(await ask(0, '/cosmos.bank.v1beta1.Query/TotalSupply', supply));
    }
    await network.kill(3);
    const { home } = net.node(3);
    const to = (await heightOf(net.node(0).rpc)) - BACK - EVERY;
    const back = await run(['rollback', '--home', home, '--to', String(to), '--json']);
    assert.equal(back.code, 0, back.stderr);
    const { from } = JSON.parse(back.stdout);
    assert.ok(from - to >= BACK, `${from} to ${to}`);
    await net.restart(3);
    await assertReturns(net.node(3), net.node(0), RETURN_TIMEOUT_MS);
    assert.match(await net.log(3), new RegExp(`applied the blocks that were here .*from=${to + 1} to=${from}`));
    await traffic.flows();
    await assertSameHistory(net);
    assert.equal(await appHashAt(net.node(3).rpc, to + 1), await appHashAt(net.node(0).rpc, to + 1));
    console.log(`      rolled back from ${from} to ${to}`);
  });

  it('answers of earlier heights as the chain did then', async () => {
    for (const { path, data, height, value } of said) {
      const now = await ask(3, path, data, height);
      assert.deepEqual({ height: now.height, value: now.value }, { height, value }, `${path} at ${height}`);
    }
    assert.ok(new Set(said.map(({ value }) => value)).size > 5, 'they differ');
  });

  it('nothing reported is lost, the supply is the same, nobody signed twice', async function () {
    this.timeout(600_000);
    await network.assertAllIsWell();
  });
});
