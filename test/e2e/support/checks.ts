import assert from 'node:assert/strict';
import { QueryTotalSupplyRequest, QueryTotalSupplyResponse } from 'cosmjs-types/cosmos/bank/v1beta1/query';
import { RpcClient } from '#cli/rpc-client.ts';
import type { Devnet, DevnetNode } from './devnet.ts';
import { appHashAt, blockHashAt, call, heightOf, waitForHeight } from './rpc.ts';

/** Every coin there is, as the node's bank counts it. */
export async function totalSupply({ rpc }: DevnetNode): Promise<string> {
  const request = QueryTotalSupplyRequest.encode(QueryTotalSupplyRequest.fromPartial({})).finish();
  const answer = await new RpcClient(rpc).abciQuery('/cosmos.bank.v1beta1.Query/TotalSupply', request);
  assert.equal(answer.code, 0, answer.log);
  return QueryTotalSupplyResponse.decode(answer.value)
    .supply.map(({ amount, denom }) => amount + denom)
    .join();
}

/** The same block and the same state at the newest height that all nodes have. */
export async function assertAgreement(net: Devnet): Promise<void> {
  const heights = await Promise.all(net.nodes.map(({ rpc }) => heightOf(rpc)));
  const height = Math.max(...heights);
  await net.waitForAll(height);
  const views = await Promise.all(
    net.nodes.map(async ({ rpc }) => `${await blockHashAt(rpc, height)} on ${await appHashAt(rpc, height)}`),
  );
  assert.deepEqual(new Set(views).size, 1, `height ${height}: ${views.join(', ')}`);
}

interface CommitAnswer {
  readonly signed_header: {
    readonly commit: {
      readonly signatures: readonly { readonly validator_address: string; signature: string | null }[];
    };
  };
}

/** Whether the validator's precommit is in the newest commit that is in a block, as `witness` has it. */
export async function signsAtHead(witness: DevnetNode, validator: DevnetNode): Promise<boolean> {
  const status = await call<{ validator_info: { address: string } }>(validator.rpc, 'status');
  const height = String((await heightOf(witness.rpc)) - 1);
  const { signed_header } = await call<CommitAnswer>(witness.rpc, 'commit', { height });
  return signed_header.commit.signatures.some(
    ({ validator_address, signature }) => validator_address === status.validator_info.address && signature !== null,
  );
}

/** The chain makes progress on this node. */
export async function assertGoesOn({ rpc }: DevnetNode, blocks = 3, timeoutMs?: number): Promise<void> {
  await waitForHeight(rpc, (await heightOf(rpc)) + blocks, timeoutMs);
}
